# SPDX-License-Identifier: MIT
# Threads stand in for cores. The same tests are built twice: the thread sanitizer looks for accesses
# that the slots do not order. It does not see mfence, so release and acquire alone must do.
UNIT_TESTS += exchange exchange_tsan remote remote_tsan
UNIT_SOURCES_exchange := tests/unit/fake_core.c
UNIT_DEPENDS_exchange := smp/exchange.c tests/unit/fake_core.h
UNIT_CFLAGS_exchange  := -pthread
UNIT_SOURCES_remote   := smp/remote.c smp/exchange.c kernel/heap.c kernel/heap_debug.c kernel/pages.c tests/unit/fake_core.c
UNIT_DEPENDS_remote   := $(addprefix tests/unit/,fake_core_memory.h fake_core.h fake_memory.h)
UNIT_CFLAGS_remote    := -pthread -iquote tests/unit/shadow
# Other cores' counters are read as they are, which the thread sanitizer would report.
UNIT_TESTS += borrow
UNIT_SOURCES_borrow   := smp/borrow.c smp/exchange.c kernel/heap.c kernel/heap_debug.c kernel/pages.c kernel/numa.c \
    tests/unit/fake_core.c
UNIT_DEPENDS_borrow   := $(addprefix tests/unit/,fake_core_memory.h fake_core.h fake_memory.h)
UNIT_CFLAGS_borrow    := -pthread

build/unit/test_exchange_tsan build/unit/test_remote_tsan build/unit/test_tsc_sync_tsan: build/unit/test_%_tsan: build/unit/test_%
	@echo "  HOSTCC  $@"
	@gcc $(filter-out -fsanitize=%,$(UNIT_CFLAGS)) -fsanitize=thread $(UNIT_CFLAGS_$*) -o $@ \
	    tests/unit/test_$*.c tests/unit/host.c $(UNIT_SOURCES_$*) -lcmocka

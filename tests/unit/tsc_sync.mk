# SPDX-License-Identifier: MIT
# Built twice, as exchange.mk says.
UNIT_TESTS += tsc_sync tsc_sync_tsan
UNIT_SOURCES_tsc_sync := smp/tsc_sync.c smp/exchange.c tests/unit/fake_core.c
UNIT_DEPENDS_tsc_sync := tests/unit/fake_core.h tests/unit/shadow/kernel/cpu.h
UNIT_CFLAGS_tsc_sync  := -pthread -iquote tests/unit/shadow

# SPDX-License-Identifier: MIT
UNIT_TESTS += heap heap_cores heap_debug
UNIT_SOURCES_heap := kernel/heap.c kernel/pages.c tests/unit/fake_core.c
UNIT_DEPENDS_heap := $(addprefix tests/unit/,heap_fixture.h heap_blocks.h fake_core_memory.h fake_core.h fake_memory.h)
UNIT_CFLAGS_heap := -pthread
UNIT_SOURCES_heap_cores := smp/exchange.c $(UNIT_SOURCES_heap)
UNIT_DEPENDS_heap_cores := $(UNIT_DEPENDS_heap)
UNIT_CFLAGS_heap_cores := -pthread
UNIT_SOURCES_heap_debug := $(UNIT_SOURCES_heap) kernel/heap_debug.c
UNIT_DEPENDS_heap_debug := $(UNIT_DEPENDS_heap)
UNIT_CFLAGS_heap_debug := -pthread

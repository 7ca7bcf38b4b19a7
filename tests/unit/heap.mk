# SPDX-License-Identifier: MIT
UNIT_TESTS += heap heap_debug
UNIT_SOURCES_heap := kernel/heap.c kernel/pages.c tests/unit/fake_core.c
UNIT_DEPENDS_heap := tests/unit/heap_fixture.h tests/unit/fake_core.h tests/unit/fake_memory.h
UNIT_CFLAGS_heap := -pthread
UNIT_SOURCES_heap_debug := $(UNIT_SOURCES_heap) kernel/heap_debug.c
UNIT_DEPENDS_heap_debug := $(UNIT_DEPENDS_heap)
UNIT_CFLAGS_heap_debug := -pthread

# SPDX-License-Identifier: MIT
UNIT_TESTS += heap
UNIT_SOURCES_heap := kernel/heap.c kernel/heap_debug.c kernel/pages.c tests/unit/fake_core.c
UNIT_DEPENDS_heap := tests/unit/fake_core.h tests/unit/fake_memory.h
UNIT_CFLAGS_heap := -pthread

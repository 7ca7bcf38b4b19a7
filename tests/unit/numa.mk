# SPDX-License-Identifier: MIT
UNIT_TESTS += numa
UNIT_SOURCES_numa := kernel/numa.c kernel/pages.c tests/unit/fake_core.c
UNIT_DEPENDS_numa := tests/unit/fake_core.h tests/unit/fake_memory.h
UNIT_CFLAGS_numa := -pthread

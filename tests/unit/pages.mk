# SPDX-License-Identifier: MIT
UNIT_TESTS += pages
UNIT_SOURCES_pages := tests/unit/fake_core.c
UNIT_DEPENDS_pages := kernel/pages.c tests/unit/fake_core.h tests/unit/fake_memory.h
UNIT_CFLAGS_pages := -pthread

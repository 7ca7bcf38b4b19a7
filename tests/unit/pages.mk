# SPDX-License-Identifier: MIT
UNIT_TESTS += pages page_shares
UNIT_SOURCES_pages := tests/unit/fake_core.c
UNIT_DEPENDS_pages := kernel/pages.c $(addprefix tests/unit/,pages_fixture.h fake_core.h fake_memory.h)
UNIT_CFLAGS_pages := -pthread
UNIT_SOURCES_page_shares := $(UNIT_SOURCES_pages)
UNIT_DEPENDS_page_shares := $(UNIT_DEPENDS_pages)
UNIT_CFLAGS_page_shares := -pthread

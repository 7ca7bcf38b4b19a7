# SPDX-License-Identifier: MIT
UNIT_TESTS += paging
UNIT_SOURCES_paging := kernel/paging_tables.c

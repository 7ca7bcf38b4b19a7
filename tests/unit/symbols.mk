# SPDX-License-Identifier: MIT
UNIT_TESTS += symbols
UNIT_SOURCES_symbols := kernel/symbols.c
UNIT_DEPENDS_symbols := kernel/mksymbols.py

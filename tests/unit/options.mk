# SPDX-License-Identifier: MIT
UNIT_TESTS += options
UNIT_SOURCES_options := kernel/options.c

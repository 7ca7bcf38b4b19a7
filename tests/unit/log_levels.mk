# SPDX-License-Identifier: MIT
UNIT_TESTS += log_levels
UNIT_SOURCES_log_levels := kernel/log_levels.c

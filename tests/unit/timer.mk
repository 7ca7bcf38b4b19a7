# SPDX-License-Identifier: MIT
UNIT_TESTS += timer
UNIT_SOURCES_timer := kernel/timer.c

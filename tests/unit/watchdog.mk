# SPDX-License-Identifier: MIT
UNIT_TESTS += watchdog
UNIT_SOURCES_watchdog := kernel/watchdog.c
UNIT_CFLAGS_watchdog  := -iquote tests/unit/shadow
UNIT_DEPENDS_watchdog := tests/unit/shadow/kernel/cpu.h

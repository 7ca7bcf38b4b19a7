# SPDX-License-Identifier: MIT
UNIT_TESTS += idle
UNIT_SOURCES_idle := kernel/idle.c
UNIT_CFLAGS_idle  := -iquote tests/unit/shadow
UNIT_DEPENDS_idle := tests/unit/shadow/kernel/cpu.h

# SPDX-License-Identifier: MIT
UNIT_TESTS += fpu
UNIT_SOURCES_fpu := kernel/fpu.c
UNIT_CFLAGS_fpu  := -iquote tests/unit/shadow
UNIT_DEPENDS_fpu := tests/unit/shadow/kernel/cpu.h

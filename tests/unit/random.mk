# SPDX-License-Identifier: MIT
UNIT_TESTS += random
UNIT_CFLAGS_random := -iquote tests/unit/shadow -pthread
UNIT_DEPENDS_random := kernel/random.c tests/unit/shadow/kernel/cpu.h

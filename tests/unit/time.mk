# SPDX-License-Identifier: MIT
UNIT_TESTS += time
UNIT_SOURCES_time := kernel/time.c kernel/kvm_clock.c kernel/clock.c
UNIT_CFLAGS_time  := -iquote tests/unit/shadow_mmio -iquote tests/unit/shadow
UNIT_DEPENDS_time := tests/unit/shadow_mmio/kernel/mmio.h tests/unit/shadow/kernel/cpu.h

# SPDX-License-Identifier: MIT
UNIT_TESTS += power_button
UNIT_SOURCES_power_button := kernel/power_button.c kernel/stop.c
UNIT_CFLAGS_power_button := -iquote tests/unit/shadow
UNIT_DEPENDS_power_button := tests/unit/shadow/kernel/cpu.h

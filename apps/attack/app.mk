# SPDX-License-Identifier: MIT
# Protection, attacked: one case a boot. tests/boot/test_attack.py says how each must end.
APP_SOURCES_attack := $(addprefix apps/attack/,cpu.c heap.c main.c memory.c stack.c)

# SPDX-License-Identifier: MIT
# All cores at each other: messages, threads and memory; tests/boot/test_stress.py boots it.
APP_SOURCES_stress := $(addprefix apps/stress/,main.c memory.c messages.c numbers.c threads.c)

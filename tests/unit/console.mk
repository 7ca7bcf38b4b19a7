# SPDX-License-Identifier: MIT
UNIT_TESTS += console framebuffer
UNIT_SOURCES_framebuffer := kernel/framebuffer.c
UNIT_SOURCES_console := kernel/console.c kernel/debugport.c kernel/serial.c
UNIT_CFLAGS_console := -iquote tests/unit/shadow
UNIT_DEPENDS_console := kernel/log.c tests/unit/shadow/kernel/cpu.h

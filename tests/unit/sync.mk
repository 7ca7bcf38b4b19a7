# SPDX-License-Identifier: MIT
# One core with the real scheduler. Its variables are plain ones: the address of a host thread's own
# is no constant.
UNIT_TESTS += sync
UNIT_SOURCES_sync := kernel/sync.c kernel/channel.c kernel/thread.c kernel/scheduler.c kernel/timer.c \
    tests/unit/fake_switch.c
UNIT_DEPENDS_sync := tests/unit/fake_switch.h tests/unit/shadow/kernel/cpu.h
UNIT_CFLAGS_sync  := -UTORIL_HOST -iquote tests/unit/shadow

// SPDX-License-Identifier: MIT
// In the place of musl's header of this name: the thread pointer leads to a core-local variable, so
// no segment base has to be kept anywhere. Defined in posix/start.c.
#pragma once

__attribute__((visibility("hidden"))) uintptr_t posix_thread_pointer(void);

static inline uintptr_t __get_tp(void)
{
    return posix_thread_pointer();
}

#define MC_PC gregs[REG_RIP]

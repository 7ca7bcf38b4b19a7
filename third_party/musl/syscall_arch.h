// SPDX-License-Identifier: MIT
// In the place of musl's header of this name: a system call is a call. Found by quotes from
// src/internal/syscall.h, so it has no include guard of its own to share.
#pragma once

#include "posix/calls.h"

#define __SYSCALL_LL_E(x) (x)
#define __SYSCALL_LL_O(x) (x)
#define IPC_64            0

// A number the compiler knows leaves one direct call of the whole switch.
static inline __attribute__((always_inline)) long toril_call(long number, long a1, long a2, long a3,
                                                             long a4, long a5, long a6)
{
    if (__builtin_constant_p(number)) {
        switch (number) {
            POSIX_CALLS(POSIX_CASE)
        }
    }
    return posix_syscall(number, a1, a2, a3, a4, a5, a6);
}

#define TORIL_INLINE static inline __attribute__((always_inline)) long
TORIL_INLINE __syscall0(long n)
{
    return toril_call(n, 0, 0, 0, 0, 0, 0);
}
TORIL_INLINE __syscall1(long n, long a)
{
    return toril_call(n, a, 0, 0, 0, 0, 0);
}
TORIL_INLINE __syscall2(long n, long a, long b)
{
    return toril_call(n, a, b, 0, 0, 0, 0);
}
TORIL_INLINE __syscall3(long n, long a, long b, long c)
{
    return toril_call(n, a, b, c, 0, 0, 0);
}
TORIL_INLINE __syscall4(long n, long a, long b, long c, long d)
{
    return toril_call(n, a, b, c, d, 0, 0);
}
TORIL_INLINE __syscall5(long n, long a, long b, long c, long d, long e)
{
    return toril_call(n, a, b, c, d, e, 0);
}
TORIL_INLINE __syscall6(long n, long a, long b, long c, long d, long e, long f)
{
    return toril_call(n, a, b, c, d, e, f);
}
#undef TORIL_INLINE

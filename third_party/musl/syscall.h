// SPDX-License-Identifier: MIT
// musl's src/internal/syscall.h, with its cancellation points made ordinary calls: there is no
// pthread_cancel, and so write() and its like are direct calls, too.
#include_next "syscall.h"

#ifndef TORIL_MUSL_SYSCALL_H
#define TORIL_MUSL_SYSCALL_H

#undef __syscall_cp0
#undef __syscall_cp1
#undef __syscall_cp2
#undef __syscall_cp3
#undef __syscall_cp4
#undef __syscall_cp5
#undef __syscall_cp6
#undef __syscall_cp
#define __syscall_cp0     __syscall0
#define __syscall_cp1     __syscall1
#define __syscall_cp2     __syscall2
#define __syscall_cp3     __syscall3
#define __syscall_cp4     __syscall4
#define __syscall_cp5     __syscall5
#define __syscall_cp6     __syscall6
#define __syscall_cp(...) __syscall(__VA_ARGS__)

#endif

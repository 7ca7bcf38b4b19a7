// SPDX-License-Identifier: MIT
// musl's internal headers for posix/start.c, as system headers: their style is not ours to warn
// about.
#pragma once
#pragma GCC system_header

#include "libc.h"
#include "pthread_impl.h"

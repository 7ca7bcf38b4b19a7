// SPDX-License-Identifier: MIT
// Wall-clock time for the C library.
#pragma once

#include "kernel/compiler.h"

// Nanoseconds from 1970-01-01 UTC to the moment the kernel's clock started. Whoever learns the date
// (the firmware's clock, a time server, clock_settime) sets it. Any core may: one aligned word.
extern _Atomic int64_t posix_realtime_offset_ns;

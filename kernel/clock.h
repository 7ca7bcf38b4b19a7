// SPDX-License-Identifier: MIT
// The date: nanoseconds since 1970-01-01 UTC, from KVM or the firmware at boot, then counted on
// with time_now_ns(); leap seconds are not counted. Whoever knows better (a time server,
// clock_settime()) sets it. Context: any thread of any core.
#pragma once

#include <stdatomic.h>

#include "kernel/boot_info.h"
#include "kernel/compiler.h"

// What a clock shows, in the Gregorian calendar. Spec: UEFI 2.10, 8.3 (EFI_TIME).
struct clock_calendar {
    int year, month, day; // from 1
    int hour, minute, second;
    int minutes_to_utc; // to be added, for UTC
};
// Returns: seconds since 1970-01-01 UTC, or 0 when it shows no date, or none of these years.
uint64_t clock_from_calendar(const struct clock_calendar *shown);

// Context: core 0, the clock runs.
void clock_start(const struct boot_info *info);
// What the date is ahead of time_now_ns().
extern _Atomic int64_t clock_offset_ns;
static inline int64_t clock_wall_offset_ns(void)
{
    return atomic_load_explicit(&clock_offset_ns, memory_order_relaxed);
}
int64_t clock_wall_ns(void);
// The date is `wall_ns` now. It may go back by this; time_now_ns() knows nothing of it.
void clock_set_wall(int64_t wall_ns);

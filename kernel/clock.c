// SPDX-License-Identifier: MIT
#include "kernel/clock.h"

#include "kernel/log.h"
#include "kernel/time.h"

#define YEAR_FIRST  2020
#define YEAR_LAST   2199 // 64 bits of nanoseconds reach to 2262
#define DAY_MINUTES 1440

_Atomic int64_t clock_offset_ns; // one aligned word, so any core may set it

int64_t clock_wall_ns(void)
{
    return (int64_t)time_now_ns() + clock_wall_offset_ns();
}

void clock_set_wall(int64_t wall_ns)
{
    atomic_store_explicit(&clock_offset_ns, wall_ns - (int64_t)time_now_ns(), memory_order_relaxed);
}

static int days_of(int year, int month)
{
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 ? 28 + is_leap : 30 + (month + month / 8) % 2;
}

uint64_t clock_from_calendar(const struct clock_calendar *shown)
{
    if (shown->year < YEAR_FIRST || shown->year > YEAR_LAST || shown->month < 1 ||
        shown->month > 12 || shown->day < 1 || shown->day > days_of(shown->year, shown->month) ||
        shown->hour < 0 || shown->hour > 23 || shown->minute < 0 || shown->minute > 59 ||
        shown->second < 0 || shown->second > 60 || // a leap second
        shown->minutes_to_utc < -DAY_MINUTES || shown->minutes_to_utc > DAY_MINUTES)
        return 0;
    // Days since 1970, with years that begin in March.
    int64_t year = shown->month > 2 ? shown->year : shown->year - 1;
    int64_t month = (shown->month + 9) % 12;
    int64_t days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 +
                   shown->day - 1 - 719468;
    int64_t minutes = (days * 24 + shown->hour) * 60 + shown->minute + shown->minutes_to_utc;
    return (uint64_t)(minutes * 60 + shown->second);
}

void clock_start(const struct boot_info *info)
{
    uint64_t at_start_ns = info->wall_clock_s * NS_PER_S;
    (void)time_wall_at_start(&at_start_ns); // if the hypervisor said it, to the nanosecond
    if (at_start_ns == 0)
        log_warn("clock: neither the firmware nor a hypervisor knows the date: it is 1970 until "
                 "somebody sets it");
    atomic_store_explicit(&clock_offset_ns, (int64_t)at_start_ns, memory_order_relaxed);
}

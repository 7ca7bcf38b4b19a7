// SPDX-License-Identifier: MIT
#include <errno.h>
#include <time.h>

#include "kernel/clock.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "posix/calls.h"

// Shown by every clock: kernel/time.h counts nanoseconds.
#define RESOLUTION_NS 1

static bool is_realtime(long clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

// Processor time is time since boot: the machine has one program, and it has all of it.
static bool is_clock(long clock)
{
    return clock >= CLOCK_REALTIME && clock <= CLOCK_BOOTTIME;
}

// Returns: 0, or -EINVAL when *time is none. What is beyond 292 years is as far away as that.
static long to_ns(const struct timespec *time, int64_t *ns)
{
    if (time->tv_nsec < 0 || time->tv_nsec >= (long)NS_PER_S || time->tv_sec < 0)
        return -EINVAL;
    if (__builtin_mul_overflow((int64_t)time->tv_sec, (int64_t)NS_PER_S, ns) ||
        __builtin_add_overflow(*ns, (int64_t)time->tv_nsec, ns))
        *ns = INT64_MAX;
    return 0;
}

long posix_call_clock_gettime(long clock, long result)
{
    struct timespec *time = (struct timespec *)result;
    if (!is_clock(clock))
        return -EINVAL;
    int64_t now_ns = (int64_t)time_now_ns() + (is_realtime(clock) ? clock_wall_offset_ns() : 0);
    time->tv_sec = now_ns / (int64_t)NS_PER_S;
    time->tv_nsec = now_ns % (int64_t)NS_PER_S;
    return 0;
}

long posix_call_clock_settime(long clock, long time)
{
    int64_t ns;
    if (clock != CLOCK_REALTIME || to_ns((const struct timespec *)time, &ns))
        return -EINVAL;
    clock_set_wall(ns);
    return 0;
}

long posix_call_clock_getres(long clock, long result)
{
    struct timespec *time = (struct timespec *)result;
    if (!is_clock(clock))
        return -EINVAL;
    if (time)
        *time = (struct timespec){.tv_nsec = RESOLUTION_NS};
    return 0;
}

// A sleep is never interrupted, so nothing ever remains of it.
long posix_call_clock_nanosleep(long clock, long flags, long request, long remain)
{
    (void)remain;
    int64_t ns;
    if (!is_clock(clock) || to_ns((const struct timespec *)request, &ns))
        return -EINVAL;
    if (!(flags & TIMER_ABSTIME))
        thread_sleep_until(time_now_ns() + (uint64_t)ns);
    else if (!is_realtime(clock))
        thread_sleep_until((uint64_t)ns);
    else
        thread_sleep_until(ns > clock_wall_offset_ns() ? (uint64_t)(ns - clock_wall_offset_ns())
                                                       : 0);
    return 0;
}

long posix_call_nanosleep(long request, long remain)
{
    return posix_call_clock_nanosleep(CLOCK_MONOTONIC, 0, request, remain);
}

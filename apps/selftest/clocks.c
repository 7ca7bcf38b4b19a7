// SPDX-License-Identifier: MIT
#include <errno.h>
#include <time.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/core.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/exchange.h"
#include "smp/remote.h"

#define READS 50000
#define HOPS  3000

static uint64_t timespec_ns(struct timespec time)
{
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

static void read_often(void *argument)
{
    (void)argument;
    uint64_t first = time_now_ns(), last = first;
    for (unsigned i = 0; i < READS; i++) {
        uint64_t now = time_now_ns();
        if (!CHECK(now >= last))
            return;
        last = now;
    }
    CHECK(last > first);
    CHECK(time_tsc_hz() > 100000000 && time_tsc_hz() < 20000000000);
}

void case_time_monotonic(void)
{
    run_on_all(read_often, NULL);
}

// A message that goes round all cores; each finds the clock no earlier than the one before.
struct hop {
    struct exchange_message message;
    uint64_t last_ns;
    unsigned hops, home;
    struct thread *waiter;
    bool over;
};

static void hop_on(struct exchange_message *message)
{
    struct hop *hop = CONTAINER_OF(message, struct hop, message);
    uint64_t now = time_now_ns();
    CHECK(now >= hop->last_ns);
    hop->last_ns = now;
    if (++hop->hops >= HOPS && core_index() == hop->home) {
        hop->over = true;
        thread_wake(hop->waiter);
        return;
    }
    unsigned next = core_index();
    do
        next = (next + 1) % core_count();
    while (!core_is_online(next));
    exchange_send(next, message);
}

void case_time_across_cores(void)
{
    static struct hop hop;
    hop = (struct hop){.message.receive = hop_on, .home = core_index(), .waiter = thread_self()};
    hop.last_ns = time_now_ns();
    exchange_send(core_index(), &hop.message);
    while (!hop.over)
        thread_wait_until(TIME_NEVER);
    CHECK(hop.hops >= HOPS);
}

void case_time_clocks(void)
{
    struct timespec time;
    uint64_t before = time_now_ns();
    CHECK_EQUAL(clock_gettime(CLOCK_MONOTONIC, &time), 0);
    CHECK(timespec_ns(time) >= before && timespec_ns(time) <= time_now_ns());
    CHECK(time.tv_nsec >= 0 && time.tv_nsec < (long)NS_PER_S);
    errno = 0;
    CHECK_EQUAL(clock_gettime(1234, &time), -1);
    CHECK_EQUAL(errno, EINVAL);

    // The date is the same on every core, and can be set.
    struct timespec real, set = {.tv_sec = 1900000000, .tv_nsec = 5}, now;
    CHECK_EQUAL(clock_gettime(CLOCK_REALTIME, &real), 0);
    CHECK_EQUAL(clock_settime(CLOCK_REALTIME, &set), 0);
    CHECK_EQUAL(clock_gettime(CLOCK_REALTIME, &now), 0);
    CHECK(timespec_ns(now) >= timespec_ns(set) && now.tv_sec < set.tv_sec + RUN_HANG_S);
    CHECK(time_now_ns() < timespec_ns(set)); // the other clock knows nothing of it
    CHECK_EQUAL(clock_settime(CLOCK_REALTIME, &real), 0);
    struct tm *calendar = gmtime(&set.tv_sec); // 2030-03-17 17:46:40
    CHECK_EQUAL(calendar->tm_year, 130);
    CHECK_EQUAL(calendar->tm_mon, 2);
    CHECK_EQUAL(calendar->tm_mday, 17);
}

static void sleep_by_libc(void *argument)
{
    (void)argument;
    for (long ns = 0; ns < 20000000; ns = ns * 5 + 1000) {
        uint64_t before = time_now_ns();
        CHECK_EQUAL(nanosleep(&(struct timespec){.tv_nsec = ns}, NULL), 0);
        CHECK(time_now_ns() >= before + (uint64_t)ns);
    }
    struct timespec until;
    CHECK_EQUAL(clock_gettime(CLOCK_MONOTONIC, &until), 0);
    until.tv_sec += (until.tv_nsec + 3000000) / 1000000000;
    until.tv_nsec = (until.tv_nsec + 3000000) % 1000000000;
    CHECK_EQUAL(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0);
    CHECK(time_now_ns() >= timespec_ns(until));
    errno = 0;
    CHECK_EQUAL(nanosleep(&(struct timespec){.tv_nsec = 1000000000}, NULL), -1);
    CHECK_EQUAL(errno, EINVAL);
    CHECK_EQUAL(nanosleep(&(struct timespec){.tv_sec = -1}, NULL), -1);
}

void case_time_nanosleep(void)
{
    run_on_all(sleep_by_libc, NULL);
}

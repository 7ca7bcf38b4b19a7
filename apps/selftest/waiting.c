// SPDX-License-Identifier: MIT
// Waiting, waking, sleeping, timers. Nothing here says how late something may be, only how early.
#include <stdlib.h>
#include <string.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/core.h"
#include "kernel/thread.h"
#include "kernel/time.h"

#define SLEEPERS   150
#define STEP_NS    (200 * NS_PER_US)
#define TIMERS     300
#define FAR_OFF_NS (3600 * NS_PER_S)

static void wake_then_wait(void *argument)
{
    (void)argument;
    thread_wake(thread_self());
    CHECK(thread_wait_until(time_now_ns() + FAR_OFF_NS));
    // It counted once, and two wakes before a wait are one.
    CHECK(!thread_wait_until(time_now_ns() + NS_PER_MS));
    thread_wake(thread_self());
    thread_wake(thread_self());
    CHECK(thread_wait_until(TIME_NEVER));
    CHECK(!thread_wait_until(time_now_ns() + NS_PER_MS));
}

void case_wake_before_wait(void)
{
    run_on_all(wake_then_wait, NULL);
}

struct waker {
    struct thread *sleeper;
    uint64_t delay_ns;
    bool woke;
};

static void wake_later(void *argument)
{
    struct waker *waker = argument;
    if (waker->delay_ns != 0)
        thread_sleep_until(time_now_ns() + waker->delay_ns);
    waker->woke = true;
    thread_wake(waker->sleeper);
}

static void be_woken(void *argument)
{
    (void)argument;
    for (uint64_t delay_ns = 0; delay_ns <= 3 * NS_PER_MS; delay_ns += NS_PER_MS) {
        struct waker waker = {.sleeper = thread_self(), .delay_ns = delay_ns};
        if (!CHECK(thread_create("waker", wake_later, &waker) != NULL))
            return;
        CHECK(thread_wait_until(delay_ns % 2 ? TIME_NEVER : time_now_ns() + FAR_OFF_NS));
        CHECK(waker.woke);
    }
}

void case_wake_from_thread(void)
{
    run_on_all(be_woken, NULL);
}

// A sleep lasts until its deadline; the wake is kept for the next wait.
static void sleep_through_wake(void *argument)
{
    (void)argument;
    struct waker waker = {.sleeper = thread_self(), .delay_ns = NS_PER_MS};
    uint64_t deadline_ns = time_now_ns() + 10 * NS_PER_MS;
    if (!CHECK(thread_create("waker", wake_later, &waker) != NULL))
        return;
    thread_sleep_until(deadline_ns);
    CHECK(time_now_ns() >= deadline_ns);
    CHECK(thread_wait_until(time_now_ns() + FAR_OFF_NS));
    CHECK(waker.woke);
}

void case_wake_does_not_end_sleep(void)
{
    run_on_all(sleep_through_wake, NULL);
}

static void time_out(void *argument)
{
    (void)argument;
    CHECK(!thread_wait_until(0)); // long past
    CHECK(!thread_wait_until(time_now_ns()));
    for (uint64_t ns = 1; ns < 20 * NS_PER_MS; ns *= 8) {
        uint64_t deadline_ns = time_now_ns() + ns;
        CHECK(!thread_wait_until(deadline_ns));
        CHECK(time_now_ns() >= deadline_ns);
    }
}

void case_wait_timeout(void)
{
    run_on_all(time_out, NULL);
}

static void sleep_all_lengths(void *argument)
{
    (void)argument;
    thread_sleep_until(0);
    for (uint64_t ns = 1; ns < 40 * NS_PER_MS; ns = ns * 3 + core_index()) {
        uint64_t deadline_ns = time_now_ns() + ns;
        thread_sleep_until(deadline_ns);
        CHECK(time_now_ns() >= deadline_ns);
    }
}

void case_sleep_not_early(void)
{
    run_on_all(sleep_all_lengths, NULL);
}

static PERCORE struct {
    uint64_t base_ns;
    unsigned order[SLEEPERS];
    unsigned count;
    bool all_up;
} sleepers;

static void sleep_and_note(void *argument)
{
    unsigned position = (unsigned)(uintptr_t)argument;
    uint64_t deadline_ns = sleepers.base_ns + position * STEP_NS;
    thread_sleep_until(deadline_ns);
    CHECK(time_now_ns() >= deadline_ns);
    sleepers.order[sleepers.count++] = position;
    sleepers.all_up = sleepers.count == SLEEPERS;
}

static void many_sleepers(void *argument)
{
    (void)argument;
    memset(&sleepers, 0, sizeof(sleepers));
    sleepers.base_ns = time_now_ns() + 20 * NS_PER_MS;
    for (unsigned i = 0; i < SLEEPERS; i++) {
        // 67 and 150 have no divisor in common: every position comes once, far from in order
        uintptr_t position = (i * 67 + 31) % SLEEPERS;
        if (!CHECK(thread_create_with_stack("sleeper", sleep_and_note, (void *)position, 16384)))
            return;
    }
    run_wait_for(&sleepers.all_up);
    for (unsigned i = 0; i < SLEEPERS; i++)
        if (!CHECK_EQUAL(sleepers.order[i], i))
            break;
}

void case_sleepers_in_order(void)
{
    run_on_all(many_sleepers, NULL);
}

struct test_timer {
    struct timer timer;
    unsigned fired;
};
static PERCORE struct {
    struct test_timer timers[TIMERS];
    uint64_t last_deadline_ns;
    bool late_fired;
} timers;

static void timer_fired(struct timer *timer)
{
    struct test_timer *test = CONTAINER_OF(timer, struct test_timer, timer);
    test->fired++;
    CHECK(time_now_ns() >= timer->deadline_ns);
    CHECK(timer->deadline_ns >= timers.last_deadline_ns);
    CHECK(!timer->pending);
    timers.last_deadline_ns = timer->deadline_ns;
    timers.late_fired |= test == &timers.timers[0];
}

// Of every four timers one is left alone, one is stopped, one moved back, one moved forth and
// started over.
static void start_move_stop(void *argument)
{
    (void)argument;
    uint32_t state = core_index() + 1;
    memset(&timers, 0, sizeof(timers));
    uint64_t base_ns = time_now_ns() + 20 * NS_PER_MS;
    for (unsigned i = 0; i < TIMERS; i++) {
        timers.timers[i].timer.expired = timer_fired;
        timer_start(&timers.timers[i].timer,
                    base_ns + run_pseudo_random(&state) % (20 * NS_PER_MS));
    }
    timer_start(&timers.timers[0].timer, base_ns + 21 * NS_PER_MS); // the last of all
    for (unsigned i = 1; i < TIMERS; i++) {
        struct timer *timer = &timers.timers[i].timer;
        if (i % 4 == 1)
            timer_stop(timer);
        else if (i % 4 == 2)
            timer_start(timer, base_ns + run_pseudo_random(&state) % NS_PER_MS);
        else if (i % 4 == 3)
            timer_start(timer, base_ns + (19 * NS_PER_MS) + run_pseudo_random(&state) % NS_PER_MS);
    }
    for (unsigned i = 1; i < TIMERS; i += 4)
        timer_stop(&timers.timers[i].timer); // a second time does nothing
    run_wait_for(&timers.late_fired);
    for (unsigned i = 0; i < TIMERS; i++)
        if (!CHECK_EQUAL(timers.timers[i].fired, i % 4 != 1))
            break;
}

void case_timer_start_move_stop(void)
{
    run_on_all(start_move_stop, NULL);
}

// SPDX-License-Identifier: MIT
// Yields, switches, wakes, and a thread's whole life, on one core.
#include "apps/bench/bench.h"
#include "apps/bench/measure.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/time.h"

#define PARTNERS 8
#define LEAD     10 // yields of each partner before and after those that are measured

static unsigned partners_left;

static void partner(void *argument)
{
    (void)argument;
    measure_yields(MEASURE_COUNT + 2 * LEAD);
    partners_left--;
}

static uint64_t yields_among(unsigned partners)
{
    for (unsigned i = 0; i < partners; i++) {
        if (thread_create("partner", partner, NULL) == NULL)
            panic("bench: no memory for %u threads", partners);
        partners_left++;
    }
    measure_yields(LEAD);
    uint64_t ticks = measure_yields(MEASURE_COUNT);
    ASSERT(partners_left == partners);
    while (partners_left > 0)
        thread_yield();
    return ticks;
}

// Rounds of many threads against rounds of two: the difference is so many switches, whatever else
// a round does.
static double switch_sample(void)
{
    double few = (double)yields_among(1), many = (double)yields_among(1 + PARTNERS);
    double loops = PARTNERS * (double)measure_empty(MEASURE_COUNT);
    return (many - few - loops) / (PARTNERS * MEASURE_COUNT);
}

static unsigned ran;

static void run_once(void *argument)
{
    (void)argument;
    ran++;
}

// All of it, with the yield by which the creator lets the new thread run.
MEASURE_LOOP(lives, if (thread_create("short", run_once, NULL) == NULL) panic("bench: no memory");
             thread_yield())

static double life_sample(void)
{
    ran = 0;
    uint64_t ticks = lives(MEASURE_COUNT);
    ASSERT(ran == MEASURE_COUNT);
    return ((double)ticks - (double)measure_empty(MEASURE_COUNT)) / MEASURE_COUNT;
}

#define WAITERS 5
static struct thread *waiters[WAITERS];
static unsigned waiters_left;

static void wait_often(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < MEASURE_COUNT; i++)
        if (!thread_wait_until(TIME_NEVER))
            panic("bench: a wait without a deadline ended without a wake");
    waiters_left--;
}

MEASURE_LOOP(wakes_of_one, thread_wake(waiters[0]); thread_yield())
MEASURE_LOOP(wakes_of_all, thread_wake(waiters[0]); thread_wake(waiters[1]);
             thread_wake(waiters[2]); thread_wake(waiters[3]); thread_wake(waiters[4]);
             thread_yield())

static uint64_t wakes_of(unsigned count, uint64_t (*loop)(unsigned count))
{
    for (unsigned i = 0; i < count; i++) {
        waiters[i] = thread_create("waiter", wait_often, NULL);
        if (waiters[i] == NULL)
            panic("bench: no memory for a thread");
        waiters_left++;
    }
    measure_yields(LEAD); // now they wait
    uint64_t ticks = loop(MEASURE_COUNT);
    ASSERT(waiters_left == 0);
    return ticks;
}

// The wake, the switch to the woken thread, and its way into the next wait.
static double wake_sample(void)
{
    double one = (double)wakes_of(1, wakes_of_one), all = (double)wakes_of(WAITERS, wakes_of_all);
    double loops = (WAITERS - 1) * (double)measure_empty(MEASURE_COUNT);
    return (all - one - loops) / ((WAITERS - 1) * MEASURE_COUNT);
}

void bench_threads(void)
{
    measure_report_loop("yield", measure_yields, measure_empty);
    measure_report("switch", switch_sample);
    measure_report("create-run-exit", life_sample);
    measure_report("wake", wake_sample);
}

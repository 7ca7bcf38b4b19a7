// SPDX-License-Identifier: MIT
// A turn of the loop that finds nothing to do. A poller that claims to have work keeps the loop
// from halting; a second one like it tells what such a poller costs.
#include "apps/bench/bench.h"
#include "apps/bench/measure.h"
#include "kernel/scheduler.h"
#include "kernel/thread.h"
#include "kernel/time.h"

#define MARGIN 10 // turns before and after those that are measured

struct turns {
    unsigned left;
    uint64_t begin, end;
    struct thread *waiter; // woken after the last turn; NULL: nobody
};

static bool poll_turns(void *context)
{
    struct turns *turns = context;
    if (turns->left == 0)
        return false;
    turns->left--;
    if (turns->left == MEASURE_COUNT + MARGIN)
        turns->begin = cpu_read_tsc();
    if (turns->left == MARGIN)
        turns->end = cpu_read_tsc();
    if (turns->left == 0 && turns->waiter != NULL)
        thread_wake(turns->waiter);
    return true;
}

static struct turns first, second;
static struct poller first_poller = {.name = "turns", .poll = poll_turns, .context = &first};
static struct poller second_poller = {.name = "more turns", .poll = poll_turns, .context = &second};

static double turn_ticks(void)
{
    struct turns begin = {.left = MEASURE_COUNT + 2 * MARGIN};
    second = begin;
    first = begin;
    first.waiter = thread_self();
    while (first.left > 0)
        thread_wait_until(TIME_NEVER);
    return (double)(first.end - first.begin) / MEASURE_COUNT;
}

static double with_one;

static double turn_sample(void)
{
    double with_two = turn_ticks();
    return with_one - (with_two - with_one);
}

void bench_turns(void)
{
    scheduler_add_poller(&first_poller);
    with_one = turn_ticks();
    scheduler_add_poller(&second_poller);
    measure_report("turn", turn_sample);
}

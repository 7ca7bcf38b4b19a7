// SPDX-License-Identifier: MIT
// Threads created on another core. The counter counts the instructions of all cores that run, and
// a halted core runs none: so ticks are the work of both ends.
#include "smp/remote.h"

#include <stdatomic.h>

#include "apps/bench/bench.h"
#include "apps/bench/measure.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/time.h"

#define OTHER_CORE 1
#define EACH       25 // threads that one creator makes
#define CREATORS   32

static unsigned creators_left, each;
static struct thread *reporter;
static _Atomic unsigned ran_there; // written on the other core only

static void run_there(void *argument)
{
    (void)argument;
    unsigned now = atomic_load_explicit(&ran_there, memory_order_relaxed) + 1;
    atomic_store_explicit(&ran_there, now, memory_order_relaxed);
}

static void creator(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < each; i++)
        if (thread_create_on(OTHER_CORE, "remote", run_there, NULL) != 0)
            panic("bench: no thread on core %d", OTHER_CORE);
    if (--creators_left == 0)
        thread_wake(reporter);
}

static uint64_t create_remotely(unsigned creators, unsigned of_each)
{
    unsigned expected = atomic_load_explicit(&ran_there, memory_order_relaxed) + creators * of_each;
    reporter = thread_self();
    each = of_each;
    creators_left = creators;
    uint64_t before = cpu_read_tsc();
    for (unsigned i = 0; i < creators; i++)
        if (thread_create("creator", creator, NULL) == NULL)
            panic("bench: no memory for %u threads", creators);
    while (creators_left > 0)
        thread_wait_until(TIME_NEVER);
    uint64_t ticks = cpu_read_tsc() - before;
    while (atomic_load_explicit(&ran_there, memory_order_relaxed) != expected)
        thread_yield(); // the last of them may still be about to run
    return ticks;
}

// Twice as many from each creator: what both series have in common falls out.
static double remote_sample(unsigned creators)
{
    uint64_t few = create_remotely(creators, EACH);
    uint64_t many = create_remotely(creators, 2 * EACH);
    return ((double)many - (double)few) / (creators * EACH);
}

// Both cores halt in between, each is woken by an interrupt.
static double remote_alone_sample(void)
{
    return remote_sample(1);
}

// Both have work all the time.
static double remote_busy_sample(void)
{
    return remote_sample(CREATORS);
}

void bench_remote(void)
{
    measure_report("remote-create-alone", remote_alone_sample);
    measure_report("remote-create-busy", remote_busy_sample);
}

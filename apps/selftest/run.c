// SPDX-License-Identifier: MIT
#include "apps/selftest/run.h"

#include <stdatomic.h>

#include "apps/selftest/check.h"
#include "kernel/core.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/remote.h"

#define BUSY_TURNS 16
#define REST_NS    (50 * NS_PER_US)

struct part {
    struct exchange_message done; // travels home when the part is over
    void (*function)(void *argument);
    void *argument;
    unsigned core, home;
    struct thread *waiter;
    bool is_done;
};

static void part_done(struct exchange_message *message)
{
    struct part *part = CONTAINER_OF(message, struct part, done);
    part->is_done = true;
    thread_wake(part->waiter);
}

static void part_run(void *argument)
{
    struct part *part = argument;
    part->function(part->argument);
    exchange_send(part->home, &part->done);
}

static void part_start(struct part *part, unsigned core, void (*function)(void *argument),
                       void *argument)
{
    *part = (struct part){.done.receive = part_done,
                          .function = function,
                          .argument = argument,
                          .core = core,
                          .home = core_index(),
                          .waiter = thread_self()};
    int error = thread_create_on(core, "part", part_run, part);
    if (error != 0)
        panic("selftest: %s: no thread on core %u: %d", check_case_name(), core, error);
}

static void part_wait(struct part *part)
{
    uint64_t deadline_ns = time_now_ns() + RUN_HANG_S * NS_PER_S;
    while (!part->is_done && time_now_ns() < deadline_ns)
        thread_wait_until(deadline_ns);
    if (!part->is_done)
        panic("selftest: %s: hangs: core %u has not ended its part after %u s", check_case_name(),
              part->core, RUN_HANG_S);
}

void run_on(unsigned core, void (*function)(void *argument), void *argument)
{
    struct part part;
    part_start(&part, core, function, argument);
    part_wait(&part);
}

void run_on_all(void (*function)(void *argument), void *argument)
{
    static struct part parts[CORES_MAX]; // cases run one at a time
    for (unsigned core = 0; core < core_count(); core++)
        if (core_is_online(core))
            part_start(&parts[core], core, function, argument);
    for (unsigned core = 0; core < core_count(); core++)
        if (core_is_online(core))
            part_wait(&parts[core]);
}

unsigned run_core_count(void)
{
    unsigned count = 0;
    for (unsigned core = 0; core < core_count(); core++)
        count += core_is_online(core);
    return count;
}

unsigned run_last_core(void)
{
    unsigned last = 0;
    for (unsigned core = 0; core < core_count(); core++)
        if (core_is_online(core))
            last = core;
    return last;
}

// Other threads of this core first; later also other cores, which may share this one's CPU when the
// machine is a virtual one.
static void let_others_run(unsigned *turns)
{
    if (++*turns % BUSY_TURNS != 0)
        thread_yield();
    else
        thread_sleep_until(time_now_ns() + REST_NS);
}

void run_barrier(void)
{
    unsigned turns = 0;
    // How many barriers each core has come to; each is written by its core only.
    static struct CACHE_ALIGNED {
        _Atomic unsigned value;
    } arrived[CORES_MAX];
    unsigned mine = atomic_load_explicit(&arrived[core_index()].value, memory_order_relaxed) + 1;
    atomic_store_explicit(&arrived[core_index()].value, mine, memory_order_release);
    uint64_t deadline_ns = time_now_ns() + RUN_HANG_S * NS_PER_S;
    for (unsigned core = 0; core < core_count(); core++) {
        // Pairs with the store above, of that core.
        while (core_is_online(core) &&
               (int)(atomic_load_explicit(&arrived[core].value, memory_order_acquire) - mine) < 0) {
            if (time_now_ns() > deadline_ns)
                panic("selftest: %s: hangs: core %u did not come to the barrier within %u s",
                      check_case_name(), core, RUN_HANG_S);
            let_others_run(&turns);
        }
    }
}

void run_wait_for(const bool *value)
{
    unsigned turns = 0;
    uint64_t deadline_ns = time_now_ns() + RUN_HANG_S * NS_PER_S;
    while (!__atomic_load_n(value, __ATOMIC_RELAXED)) { // another thread of this core sets it
        if (time_now_ns() > deadline_ns)
            panic("selftest: %s: hangs: core %u waited %u s", check_case_name(), core_index(),
                  RUN_HANG_S);
        let_others_run(&turns);
    }
}

bool run_until(bool (*holds)(void *context), void *context, unsigned timeout_ms)
{
    unsigned turns = 0;
    uint64_t deadline_ns = time_now_ns() + timeout_ms * NS_PER_MS;
    while (!holds(context)) {
        if (time_now_ns() > deadline_ns)
            return false;
        let_others_run(&turns);
    }
    return true;
}

uint32_t run_pseudo_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

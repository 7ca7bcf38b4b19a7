// SPDX-License-Identifier: MIT
// A core asks core 0, several times, what its counter shows, and looks at its own before and after:
// core 0's answer lies between the two. What all rounds together leave possible is as little as a
// cache line takes to the other core and back. One core after the other, for more could not do it
// at a time where a host has fewer CPUs.
// Spec: Intel SDM volume 3, 18.17 (time stamp counter).
#include "smp/tsc_sync.h"

#include <stdatomic.h>

#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "smp/exchange.h"

// As close as this is close enough; it takes two rounds, of a microsecond. Where cores share a
// host's CPU they may not run at the same time soon: then counters that can be the same count as
// such, and of others it is tried for long, rather than to let time go back.
#define CLOSE_NS      (2 * NS_PER_US)
#define TRY_NS        (1 * NS_PER_MS)
#define TRY_LONGER_NS (10 * NS_PER_S)
#define DONE          UINT32_MAX

static struct {
    // Written by the other core.
    CACHE_ALIGNED struct exchange_message message;
    _Atomic uint32_t asked; // the round that it is in
    int64_t ahead;          // when DONE: by how much its counter is
    // Written by core 0.
    CACHE_ALIGNED _Atomic uint32_t answered; // the last round
    uint64_t tsc;                            // its counter then
} comparison;

// A hypervisor or emulator may take a pause for a reason to let another core run.
static void wait_a_little(void)
{
    static PERCORE unsigned times;
    if (++times % 256 == 0)
        cpu_pause();
}

// By how many counts a core can be ahead of core 0: from `least` to `most`.
struct bounds {
    int64_t least, most;
};

static bool is_apart(const struct bounds *bounds)
{
    return bounds->least > 0 || bounds->most < 0;
}

static uint64_t counts(uint64_t ns)
{
    return ns * (time_tsc_hz() / NS_PER_MS) / NS_PER_US;
}

static void ask(uint32_t round, struct bounds *bounds)
{
    uint64_t before = cpu_read_tsc();
    atomic_store_explicit(&comparison.asked, round, memory_order_release); // pairs with serve()
    while (atomic_load_explicit(&comparison.answered, memory_order_acquire) != round)
        wait_a_little();
    uint64_t after = cpu_read_tsc_ordered();
    int64_t least = (int64_t)(before - comparison.tsc), most = (int64_t)(after - comparison.tsc);
    if (least > bounds->least)
        bounds->least = least;
    if (most < bounds->most)
        bounds->most = most;
}

static bool is_enough(const struct bounds *bounds, uint64_t begin)
{
    return bounds->most - bounds->least <= (int64_t)counts(CLOSE_NS) ||
           cpu_read_tsc() - begin >= counts(is_apart(bounds) ? TRY_LONGER_NS : TRY_NS);
}

static void compare(struct exchange_message *message)
{
    (void)message;
    struct bounds bounds = {INT64_MIN / 2, INT64_MAX / 2};
    uint64_t begin = cpu_read_tsc();
    uint32_t round = 0;
    do
        ask(++round, &bounds);
    while (!is_enough(&bounds, begin));
    int64_t middle = bounds.least + (bounds.most - bounds.least) / 2;
    comparison.ahead = is_apart(&bounds) ? middle : 0;
    time_start_core(comparison.ahead);
    atomic_store_explicit(&comparison.asked, DONE, memory_order_release); // pairs with serve()
}

// Answers a core until it has enough. Returns: by how much it is ahead.
static int64_t serve(unsigned core)
{
    uint32_t asked, answered = 0;
    comparison.message.receive = compare;
    atomic_store_explicit(&comparison.asked, 0, memory_order_relaxed);
    atomic_store_explicit(&comparison.answered, 0, memory_order_relaxed);
    exchange_send(core, &comparison.message);
    while ((asked = atomic_load_explicit(&comparison.asked, memory_order_acquire)) != DONE) {
        if (asked == answered) {
            wait_a_little();
            continue;
        }
        answered = asked;
        comparison.tsc = cpu_read_tsc_ordered();
        atomic_store_explicit(&comparison.answered, asked, memory_order_release); // ask()
    }
    return comparison.ahead;
}

static uint64_t magnitude(int64_t number)
{
    return (uint64_t)(number < 0 ? -number : number);
}

void tsc_sync(void)
{
    unsigned differing = 0, farthest = 0;
    int64_t most = 0;
    for (unsigned core = 1; core < core_count(); core++) {
        int64_t ahead = core_is_online(core) ? serve(core) : 0;
        differing += ahead != 0;
        if (magnitude(ahead) > magnitude(most)) {
            most = ahead;
            farthest = core;
        }
    }
    if (differing != 0)
        log_warn("smp: time stamp counters of %u cores differ from core 0's, that of core %u by "
                 "%llu us, it is %s: corrected",
                 differing, farthest,
                 (unsigned long long)(magnitude(most) / (time_tsc_hz() / NS_PER_MS)),
                 most < 0 ? "behind" : "ahead");
}

// SPDX-License-Identifier: MIT
// Core 0 shows its counter over and over; a core that is asked looks there, then at its own, and
// leaves both for core 0, which then looks at its own again: the core is ahead by no more than the
// first difference and no less than the second. All are asked together, and none of them waits for
// core 0: where they share a host's CPUs, waiting would take those from the ones waited for.
// Spec: Intel SDM volume 3, 18.17 (time stamp counter).
#include "smp/tsc_sync.h"

#include <stdatomic.h>

#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "smp/exchange.h"

// As close as this is close enough. Counters that can be the same, for all that is known by then,
// count as such; those that cannot are compared for long, rather than to let time go back.
#define CLOSE_NS      (2 * NS_PER_US)
#define TRY_NS        (1 * NS_PER_MS)
#define TRY_LONGER_NS (10 * NS_PER_S)

static CACHE_ALIGNED _Atomic uint64_t shown; // core 0's counter

// Of each core from 1 on.
static struct comparison {
    struct exchange_message message;
    _Atomic bool is_asked; // core 0 sets it, the core ends it
    uint64_t seen, tsc;    // by the core: what core 0 had shown, and what its own counter was then
    int64_t least, most;   // by core 0: counts that it is ahead
    bool is_done;
} * comparisons;

static uint64_t counts(uint64_t ns)
{
    return ns * (time_tsc_hz() / NS_PER_MS) / NS_PER_US;
}

static bool is_apart(const struct comparison *of)
{
    return of->least > 0 || of->most < 0;
}

static bool is_close(const struct comparison *of)
{
    return of->most - of->least <= (int64_t)counts(CLOSE_NS);
}

static void ask(unsigned core, void (*what)(struct exchange_message *message))
{
    struct comparison *of = &comparisons[core - 1];
    of->message.receive = what;
    atomic_store_explicit(&of->is_asked, true, memory_order_relaxed);
    exchange_send(core, &of->message);
}

static void end(struct comparison *of)
{
    atomic_store_explicit(&of->is_asked, false, memory_order_release); // pairs with is_asked()
}

static bool is_asked(struct comparison *of)
{
    return atomic_load_explicit(&of->is_asked, memory_order_acquire); // end()
}

static int64_t middle(const struct comparison *of)
{
    return of->least + (of->most - of->least) / 2;
}

static void look(struct exchange_message *message)
{
    struct comparison *of = CONTAINER_OF(message, struct comparison, message);
    of->seen = atomic_load_explicit(&shown, memory_order_acquire); // pairs with show()
    of->tsc = cpu_read_tsc_ordered();
    end(of);
}

static void correct(struct exchange_message *message)
{
    struct comparison *of = CONTAINER_OF(message, struct comparison, message);
    time_start_core(middle(of));
    end(of);
}

static void show(void)
{
    atomic_store_explicit(&shown, cpu_read_tsc(), memory_order_release); // pairs with look()
}

static void narrow(struct comparison *of)
{
    int64_t least = (int64_t)(of->tsc - cpu_read_tsc_ordered());
    int64_t most = (int64_t)(of->tsc - of->seen);
    if (least > of->least)
        of->least = least;
    if (most < of->most)
        of->most = most;
}

static void compare(unsigned core)
{
    struct comparison *of = &comparisons[core - 1];
    if (of->is_done || is_asked(of))
        return;
    narrow(of);
    of->is_done = is_close(of) || !is_apart(of);
    if (!of->is_done)
        ask(core, look);
}

static bool is_worth_waiting(uint64_t begin)
{
    uint64_t waited = cpu_read_tsc() - begin;
    for (unsigned core = 1; core < core_count(); core++) {
        const struct comparison *of = &comparisons[core - 1];
        if (!of->is_done && waited < counts(is_apart(of) ? TRY_LONGER_NS : TRY_NS))
            return true;
    }
    return false;
}

static void ask_all(void)
{
    for (unsigned core = 1; core < core_count(); core++) {
        struct comparison *of = &comparisons[core - 1];
        of->least = INT64_MIN / 2;
        of->most = INT64_MAX / 2;
        of->is_done = !core_is_online(core);
        if (!of->is_done)
            ask(core, look);
    }
}

// Otherwise one will still write its answer, whenever it does.
static bool all_answered(void)
{
    for (unsigned core = 1; core < core_count(); core++)
        if (is_asked(&comparisons[core - 1]))
            return false;
    return true;
}

static uint64_t magnitude(int64_t number)
{
    return (uint64_t)(number < 0 ? -number : number);
}

static void correct_all(void)
{
    unsigned differing = 0, farthest = 0;
    int64_t most = 0;
    for (unsigned core = 1; core < core_count(); core++) {
        struct comparison *of = &comparisons[core - 1];
        if (!is_apart(of))
            continue;
        while (is_asked(of))
            cpu_pause();
        ask(core, correct);
        while (is_asked(of))
            cpu_pause();
        differing++;
        if (magnitude(middle(of)) > magnitude(most)) {
            most = middle(of);
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

void tsc_sync(void)
{
    comparisons = heap_alloc_zeroed((core_count() - 1) * sizeof(*comparisons));
    if (comparisons == NULL) {
        log_warn("smp: no memory to compare time stamp counters: time may differ between cores");
        return;
    }
    show();
    ask_all();
    for (uint64_t begin = cpu_read_tsc(); is_worth_waiting(begin); cpu_pause()) {
        for (unsigned core = 1; core < core_count(); core++) {
            show();
            compare(core);
        }
    }
    correct_all();
    if (all_answered())
        heap_free(comparisons);
}

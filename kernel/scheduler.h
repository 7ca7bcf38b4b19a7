// SPDX-License-Identifier: MIT
// The loop of a core: poll what other cores and devices have for it, expire timers, run every ready
// thread once; with nothing to do, arm interrupts, check once more, halt. The loop is itself an
// entry of the ready queue, so one round of it is one poll and one run of each thread that was
// ready; rounds shorter than a few microseconds have one poll together. Layers above the kernel
// enter the loop by registering a poller.
#pragma once

#include <stdatomic.h>

#include "kernel/compiler.h"

// One source of work, polled by the loop of the core that registered it. The functions run in the
// loop, a thread context; they must not block.
struct poller {
    const char *name;
    // Does what is to be done now. Returns: true if there is likely more at once: the loop comes
    // round again before it arms. What a thread does afterwards, arm() has to see as well.
    bool (*poll)(void *context);
    // Before halting: allow the interrupt that will end the halt, then look again.
    // Returns: true if work is there already, and the core does not halt. May be NULL.
    // Context: interrupts off.
    bool (*arm)(void *context);
    void *context;
    struct poller *next; // scheduler's
};

// Adds a poller to this core's loop, for good; polled in the order added. Owns: the poller, from
// now on.
void scheduler_add_poller(struct poller *poller);

// A poller for what nobody but an interrupt handler of this core tells, and seldom: a turn of the
// loop without a mark has no instruction for it. Its arm() is not called. Owns: the poller.
void scheduler_add_marked_poller(struct poller *poller);
extern PERCORE atomic_bool scheduler_marked;
// Has the loop come round and poll those. Context: any, interrupt handlers above all.
static inline void scheduler_mark(void)
{
    atomic_store_explicit(&scheduler_marked, true, memory_order_relaxed);
}

// A word that other cores change when they have work for this one. While it is not what a poller
// has seen last, the loop does not let threads that yield run on without it. One a core.
void scheduler_set_doorbell(const _Atomic uint64_t *rung);
extern PERCORE uint64_t scheduler_doorbell_seen; // the poller's to set

// Becomes this core's loop. Context: the core's start, interrupts off, on the stack to stay on.
_Noreturn void scheduler_run(void);

struct scheduler_stats {
    uint64_t switches, loops, halts, halted_ns;
    uint64_t threads; // of this core that have not ended, the loop not counted
};
struct scheduler_stats scheduler_stats_of(unsigned core);

// SPDX-License-Identifier: MIT
// Says which core does not come round to its loop, and what it is at instead: a thread that never
// lets go, or interrupts that stay off. Option hog=SECONDS, 0: nobody looks.
//
// Core 0 looks at all cores in its timer interrupt, as long as any of them is awake; so other cores
// need no timer for it, and a machine with nothing to do has no interrupts at all. The next core
// looks after core 0, and makes it look by an NMI when it does not. Nothing is added to a switch or
// a turn of the loop: a core's own counters tell whether it comes round.
#pragma once

#include <stdatomic.h>

#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/interrupts.h"

// Begins, when all cores are up. Context: core 0.
void watchdog_start(void);
// Ends it, for a machine that is about to stand still. Context: any thread.
void watchdog_stop(void);

// In an NMI: looks if another core wants it. Returns: false if none does.
bool watchdog_shaken(const struct interrupt_frame *frame);
// In the handler of VECTOR_TIMER; other cores raise it too, to have core 0 look.
void watchdog_timer_interrupt(void);

// ---- for the core's loop ------------------------------------------------------------------------

struct watchdog_core {
    uint64_t next_look_ns; // when this core wants the timer interrupt for a look, or TIME_NEVER
    bool has_looked;       // since the loop's last halt began
    _Atomic bool halted;   // in it
};
extern PERCORE struct watchdog_core watchdog_core;

// Who has stopped looking, for want of anything to look at, and is to be told when a core wakes:
// core 0, and the one that looks after it.
struct watchdog_asleep {
    _Atomic bool core_0, guard;
};
extern struct watchdog_asleep watchdog_asleep;
void watchdog_call(void);

// Around a halt. Context: interrupts off, and any.
static inline void watchdog_halts(void)
{
    watchdog_core.has_looked = false;
    atomic_store_explicit(&watchdog_core.halted, true, memory_order_relaxed);
}
static inline void watchdog_awake(void)
{
    atomic_store_explicit(&watchdog_core.halted, false, memory_order_relaxed);
    cpu_full_barrier(); // pairs with plan()
    if (atomic_load_explicit(&watchdog_asleep.core_0, memory_order_relaxed) ||
        (core_index() == 0 && atomic_load_explicit(&watchdog_asleep.guard, memory_order_relaxed)))
        watchdog_call();
}

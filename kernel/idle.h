// SPDX-License-Identifier: MIT
// How a core waits that has nothing to do: in HLT, or in MWAIT, which a store to the core's
// doorbell ends too, so that nobody need interrupt it. Option idle decides; by itself MWAIT is used
// where the CPU has it and no hypervisor is between, to which it would look like work.
#pragma once

#include "kernel/compiler.h"
#include "kernel/cpu.h"

// Core 0, once, after the options and before any core waits.
void idle_start(void);
// True: stores to the doorbell end a wait. False: only interrupts do. Read-only after idle_start().
extern bool idle_uses_mwait;

// A wait has two steps, with whatever looks for work in between: a store to `doorbell` after the
// first ends the second. Context: interrupts off.
static inline void idle_prepare(const volatile void *doorbell)
{
    if (idle_uses_mwait)
        cpu_monitor(doorbell);
}
// Context: interrupts off, on afterwards. STI lets no interrupt in before the instruction after it
// has begun, and that one ends with the interrupt: so MWAIT needs no extension that ends it with
// interrupts off, which not all CPUs and hypervisors have.
static inline void idle_wait(void)
{
    if (idle_uses_mwait)
        cpu_mwait_interruptible();
    else
        cpu_halt_interruptible();
}

// SPDX-License-Identifier: MIT
// Cores for host tests: each is a thread (PERCORE is _Thread_local), with a loop of one poller and
// an interrupt that ends its halt. Takes the place of kernel/core.c, kernel/idle.c, apic_send() and
// what the scheduler offers pollers.
#pragma once

#include "host.h"

#include "kernel/core.h"

// This thread is `core` from now on. Its thread must live as long as others look at its variables.
void fake_core_join(unsigned core);
// Forgets all cores.
void fake_core_reset(void);

// Runs body(core) on `count` new cores, 0 to count - 1, which all have joined when the first body
// starts, and waits for all.
void fake_core_run(unsigned count, void (*body)(unsigned core));
// A meeting of all cores that fake_core_run() started.
void fake_core_barrier(void);

// One turn of this core's loop. Returns: true if the pollers found work.
bool fake_core_poll(void);
// What the loop does without work: arms, looks once more, halts until an interrupt; with
// idle_uses_mwait, which does not change while cores run, until a store to its doorbell.
void fake_core_idle(void);
// The interrupt, as apic_send() does it; the APIC id of a core is FAKE_APIC_ID(core).
#define FAKE_APIC_ID(core) ((core)*3 + 17)
void fake_core_interrupt(unsigned core);

// In a thread that is not the test's own, where cmocka's assertions cannot be used.
#define FAKE_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fake_core_fail(__FILE__, __LINE__, #condition);                                        \
    } while (0)
_Noreturn void fake_core_fail(const char *file, int line, const char *condition);

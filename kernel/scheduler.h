// SPDX-License-Identifier: MIT
// The loop of a core: take in and send out what other cores exchange, poll devices, expire timers,
// run every ready thread once; with nothing to do, arm interrupts, check once more, halt.
// Layers above the kernel enter the loop by registering a poller.
#pragma once

#include "kernel/compiler.h"

// One source of work, polled by the loop of the core that registered it. Context of the functions:
// the core's loop, a thread context with interrupts on; they must not block.
struct poller {
    const char *name;
    // Does what is to be done now. Returns: true if it found work.
    bool (*poll)(void *context);
    // Before halting: allow the interrupt that will end the halt, then look again.
    // Returns: true if work is there already, and the core does not halt. May be NULL.
    bool (*arm)(void *context);
    void *context;
    struct poller *next; // scheduler's
};

// Adds a poller to this core's loop, for good. Owns: the poller, from now on.
void scheduler_add_poller(struct poller *poller);

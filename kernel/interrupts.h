// SPDX-License-Identifier: MIT
// Interrupt vectors of this core. A handler runs with interrupts off, on the interrupt stack and
// without vector registers: it only marks what happened, and the core's loop does the work.
#pragma once

#include "kernel/compiler.h"

// Gives out a free vector of this core. Define handlers with INTERRUPT_CONTEXT.
// Returns: the vector (32..254), or -ENOSPC.
int interrupt_allocate(void (*handler)(void *context), void *context) MUST_CHECK;

// What a device must write, and where, to raise `vector` on this core (message signalled interrupt).
// Spec: Intel SDM volume 3, 11.11.
struct msi_message {
    uint64_t address;
    uint32_t data;
};
struct msi_message interrupt_msi_message(int vector);

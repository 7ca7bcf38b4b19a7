// SPDX-License-Identifier: MIT
// Stacks with a guard page below each, in this core's part of the address space above
// PAGING_STACK_BASE. A stack's memory has that second address: never give it to a device.
#pragma once

#include "kernel/compiler.h"

struct stack {
    uintptr_t bottom, top; // virtual; [bottom, top) is usable, the page below is absent
};

// At least `size_bytes`, up to STACK_BYTES_MAX, from this core's pages. Freed stacks are used again
// as they are, as long as a few are kept; of the others the memory goes back. How much of it was
// used (stack_use.h) counts from now on. Returns: a stack; with top 0 when out of memory.
#define STACK_BYTES_MAX (64u << 20)
// The highest bytes of a stack are not the thread's: what is kept of it stands there.
#define STACK_TOP_BYTES 16
struct stack stack_allocate(size_t size_bytes) MUST_CHECK;
// Keeps the stack for the next of its size on this core, as it is but for its top: a thread
// may free its own and then switch away. If more than STACK_KEPT_BYTES would be kept then, the
// memory of others that are goes back.
#define STACK_KEPT_BYTES (4u << 20)
void stack_free(struct stack stack);

// An address whose memory was given back gets other memory only when no core can have the old
// translation any more: others may have seen the stack, for what lies on it can be given to them.
// `flush` has all cores forget theirs and then calls stack_flushed() on this one; smp/ sets it.
void stack_set_flush(void (*flush)(void));
void stack_flushed(void);

struct stack_stats {
    size_t kept_bytes;          // of free stacks
    unsigned addresses_waiting; // of stacks that were given back, until cores have forgotten them
};
struct stack_stats stack_stats_get(void); // of this core

// The stacks that a core has before it can make any: its loop's, and those its interrupts take.
// Faults have one of their own, so that a stack overflow still has somewhere to report from; so
// have NMIs and double faults, which can hit inside a fault.
enum interrupt_stack {
    INTERRUPT_STACK_DEVICE,
    INTERRUPT_STACK_FAULT,
    INTERRUPT_STACK_NMI,
    INTERRUPT_STACK_DOUBLE_FAULT,
    INTERRUPT_STACK_COUNT,
};
struct core_stacks {
    uintptr_t loop_top;
    uintptr_t interrupt_tops[INTERRUPT_STACK_COUNT];
};
// Makes them, from core 0's memory: that was used before, and a core that starts then waits for no
// memory to be cleared for it. Context: core 0, once for each core, before it runs.
// Returns: 0 or -ENOMEM.
int stack_allocate_core(unsigned core, struct core_stacks *stacks) MUST_CHECK;
// Of those the loop's: where it ends, on any core, and how much there is.
#define STACK_LOOP_BYTES (32u << 10)
uintptr_t stack_loop_top(unsigned core);
// true if `address` is in the guard page below a stack of any core.
bool stack_is_guard(uintptr_t address);

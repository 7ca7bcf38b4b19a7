// SPDX-License-Identifier: MIT
// Stacks with a guard page below each, in this core's part of the address space above
// PAGING_STACK_BASE. A stack's memory has that second address: never give it to a device.
#pragma once

#include "kernel/compiler.h"

struct stack {
    uintptr_t bottom, top; // virtual; [bottom, top) is usable, the page below is absent
};

// At least `size_bytes`, up to STACK_BYTES_MAX, from this core's pages. Freed stacks are used again
// as they are. Returns: 0 or -ENOMEM.
#define STACK_BYTES_MAX (1u << 20)
int stack_allocate(struct stack *stack, size_t size_bytes) MUST_CHECK;
// Keeps the stack for the next of its size on this core.
void stack_free(const struct stack *stack);
// A stack for another core's part, before that core runs. Context: core 0. Returns: 0 or -ENOMEM.
int stack_allocate_first(unsigned core, struct stack *stack, size_t size_bytes) MUST_CHECK;
// true if `address` is in the guard page below a stack of any core.
bool stack_is_guard(uintptr_t address);

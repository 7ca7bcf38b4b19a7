// SPDX-License-Identifier: MIT
// How much of a stack was used, by the dirty bits of its pages: nothing is painted, so a page that
// no thread comes to is never touched. Context: the core that the stack belongs to.
#pragma once

#include "kernel/stack.h"

#define STACK_ENTRY_DIRTY (1ull << 6)

// Whether the page with this page table entry was written to; the CPU notes it there.
static inline bool stack_page_is_used(const uint64_t *entry)
{
    return __atomic_load_n(entry, __ATOMIC_RELAXED) & STACK_ENTRY_DIRTY;
}
// Forgets what an earlier thread used.
void stack_use_reset(struct stack stack);
// The most that was used since, in whole pages.
size_t stack_use_bytes(struct stack stack);
// The page table entry of a page that is, or was, mapped in a stack of this core.
uint64_t *stack_page_entry(uint64_t virt);

// SPDX-License-Identifier: MIT
// Spec: Intel SDM volume 3, 4.5 (4-level paging), 4.8 (dirty flags), 4.10.4.1 (what INVLPG does).
#include "kernel/stack_use.h"

#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/pages.h"
#include "kernel/paging.h"
#include "kernel/panic.h"

#define CR4_LA57      (1u << 12)
#define ENTRY_PRESENT (1ull << 0)
#define ENTRY_DIRTY   (1ull << 6)
#define ENTRY_LARGE   (1ull << 7)
#define ENTRY_ADDRESS 0x000ffffffffff000ull

static struct page_table *table_below(const struct page_table *table, uint64_t virt, int level)
{
    uint64_t entry = table->entries[virt >> (12 + 9 * (level - 1)) & 511];
    ASSERT((entry & (ENTRY_PRESENT | ENTRY_LARGE)) == ENTRY_PRESENT);
    return (struct page_table *)(uintptr_t)(entry & ENTRY_ADDRESS);
}

// The entry of the page at `virt`. All stacks of a core are in its 1 GiB, which one table of level
// 2 describes: that is found once.
static inline uint64_t *page_entry(uint64_t virt)
{
    static PERCORE const struct page_table *directory;
    if (__builtin_expect(directory == NULL, 0)) {
        const struct page_table *table =
            (const struct page_table *)(uintptr_t)(cpu_read_cr3() & ENTRY_ADDRESS);
        if (cpu_read_cr4() & CR4_LA57)
            table = table_below(table, virt, 5);
        directory = table_below(table_below(table, virt, 4), virt, 3);
    }
    return &table_below(directory, virt, 2)->entries[virt >> 12 & 511];
}

// How many pages from `virt` on one lowest table describes, up to `top`.
static size_t pages_in_table(uint64_t virt, uint64_t top)
{
    size_t in_stack = (top - virt) / PAGE_BYTES, in_table = 512 - (virt >> 12 & 511);
    return in_stack < in_table ? in_stack : in_table;
}

static bool any_dirty(const uint64_t *entry, size_t count)
{
    uint64_t all = 0;
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        all |= entry[i] | entry[i + 1] | entry[i + 2] | entry[i + 3];
    for (; i < count; i++)
        all |= entry[i];
    return all & ENTRY_DIRTY;
}

// The top page is always used: a thread lies in it. Most threads use no other.
void stack_use_reset(const struct stack *stack)
{
    uint64_t top = stack->top - PAGE_BYTES;
    for (uint64_t virt = stack->bottom; virt < top;) {
        size_t count = pages_in_table(virt, top);
        uint64_t *entry = page_entry(virt);
        bool any = any_dirty(entry, count);
        for (size_t i = 0; any && i < count; i++) {
            if (entry[i] & ENTRY_DIRTY) {
                entry[i] &= ~ENTRY_DIRTY;
                // A translation that the CPU kept would be written through without the bit.
                cpu_invalidate_page((const void *)(virt + i * PAGE_BYTES));
            }
        }
        virt += count * PAGE_BYTES;
    }
}

size_t stack_use_bytes(const struct stack *stack)
{
    for (uint64_t virt = stack->bottom; virt < stack->top;) {
        size_t count = pages_in_table(virt, stack->top);
        const uint64_t *entry = page_entry(virt);
        for (size_t i = 0; i < count; i++, virt += PAGE_BYTES)
            if (__atomic_load_n(&entry[i], __ATOMIC_RELAXED) & ENTRY_DIRTY) // the CPU sets it
                return stack->top - virt;
    }
    return 0;
}

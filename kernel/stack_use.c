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

uint64_t *stack_page_entry(uint64_t virt)
{
    return page_entry(virt);
}

// The top page is always used: a thread lies in it. Below it pages are used from the top down
// without a gap, for -fstack-clash-protection makes code touch each page of a large frame; most
// threads use none of them.
void stack_use_reset(struct stack stack)
{
    for (uint64_t virt = stack.top - 2 * PAGE_BYTES; virt >= stack.bottom; virt -= PAGE_BYTES) {
        uint64_t *entry = page_entry(virt);
        if (!stack_page_is_used(entry))
            return;
        *entry &= ~STACK_ENTRY_DIRTY;
        // A translation that the CPU kept would be written through without the bit.
        cpu_invalidate_page((const void *)virt);
    }
}

size_t stack_use_bytes(struct stack stack)
{
    for (uint64_t virt = stack.bottom; virt < stack.top; virt += PAGE_BYTES)
        if (stack_page_is_used(page_entry(virt)))
            return stack.top - virt;
    return 0;
}

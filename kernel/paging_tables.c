// SPDX-License-Identifier: MIT
// Page tables as data: no privileged instruction in here.
// Spec: Intel SDM volume 3, 4.5 (4-level paging), table 4-12 (memory types by PAT).
#include "kernel/paging.h"

#include <errno.h>
#include <string.h>

#define ENTRY_PRESENT  (1ull << 0)
#define ENTRY_WRITE    (1ull << 1)
#define ENTRY_PWT      (1ull << 3) // selects PAT entry 1: write-combining, as paging.c sets it
#define ENTRY_PCD      (1ull << 4) // with PWT PAT entry 3: uncached
#define ENTRY_ACCESSED (1ull << 5)
#define ENTRY_DIRTY    (1ull << 6)
#define ENTRY_LARGE    (1ull << 7)
#define ENTRY_NX       (1ull << 63)
#define ENTRY_ADDRESS  0x000ffffffffff000ull

#define TOP_LEVEL 4 // levels: 1 maps 4 KiB, 2 maps 2 MiB, 3 maps 1 GiB, 4 has no leaves

static uint64_t level_bytes(int level)
{
    return 1ull << (12 + 9 * (level - 1));
}

static unsigned level_index(uint64_t virt, int level)
{
    return virt >> (12 + 9 * (level - 1)) & 511;
}

static bool level_may_be_leaf(const struct paging_source *source, int level)
{
    return level <= 2 || (level == 3 && source->has_1gib_pages);
}

static uint64_t leaf_entry(uint64_t phys, unsigned flags, int level)
{
    uint64_t entry = phys | ENTRY_PRESENT | ENTRY_ACCESSED | ENTRY_DIRTY;
    if (level > 1)
        entry |= ENTRY_LARGE;
    if (flags & PAGING_WRITE)
        entry |= ENTRY_WRITE;
    if (!(flags & PAGING_EXECUTE))
        entry |= ENTRY_NX;
    if (flags & PAGING_UNCACHED)
        entry |= ENTRY_PCD | ENTRY_PWT;
    if (flags & PAGING_WRITE_COMBINING)
        entry |= ENTRY_PWT;
    return entry;
}

static bool entry_is_leaf(uint64_t entry, int level)
{
    return level == 1 || (entry & ENTRY_LARGE);
}

static struct page_table *entry_table(uint64_t entry)
{
    return (struct page_table *)(uintptr_t)(entry & ENTRY_ADDRESS);
}

// The rights are in the leaves; tables on the way allow everything.
static uint64_t table_entry(const struct page_table *table)
{
    return (uintptr_t)table | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_ACCESSED;
}

// The table below entry *slot of a table of `level`: made if absent, split if there is a large
// leaf.
static struct page_table *table_below(uint64_t *slot, int level, const struct paging_source *source)
{
    if ((*slot & ENTRY_PRESENT) && !entry_is_leaf(*slot, level))
        return entry_table(*slot);
    struct page_table *table = source->allocate();
    if (table == NULL)
        return NULL;
    if (*slot & ENTRY_PRESENT) {
        uint64_t part = *slot;
        if (level == 2)
            part &= ~ENTRY_LARGE;
        for (unsigned i = 0; i < 512; i++)
            table->entries[i] = part + i * level_bytes(level - 1);
    }
    *slot = table_entry(table);
    return table;
}

// The lowest level, where most of the work is.
static void map_pages(struct page_table *table, uint64_t virt, uint64_t end, uint64_t phys,
                      const unsigned *flags)
{
    uint64_t entry = flags == NULL ? 0 : leaf_entry(phys, *flags, 1);
    uint64_t step = flags == NULL ? 0 : level_bytes(1);
    unsigned first = level_index(virt, 1);
    for (unsigned i = first; i < first + (end - virt) / level_bytes(1); i++, entry += step)
        table->entries[i] = entry;
}

// Sets every leaf of [virt, end) below `table`; without flags, unmaps.
static int map_level(struct page_table *table, int level, const struct paging_source *source,
                     uint64_t virt, uint64_t end, uint64_t phys, const unsigned *flags)
{
    if (level == 1) {
        map_pages(table, virt, end, phys, flags);
        return 0;
    }
    uint64_t span = level_bytes(level);
    while (virt != end) {
        uint64_t *slot = &table->entries[level_index(virt, level)];
        uint64_t left = end - virt;
        uint64_t in_slot = span - (virt & (span - 1));
        uint64_t step = left < in_slot ? left : in_slot;
        bool whole = step == span && level_may_be_leaf(source, level);
        bool has_table = (*slot & ENTRY_PRESENT) && !entry_is_leaf(*slot, level);
        if (flags == NULL && !(*slot & ENTRY_PRESENT)) {
            // nothing to unmap
        } else if (whole && !has_table && (flags == NULL || (phys & (span - 1)) == 0)) {
            *slot = flags == NULL ? 0 : leaf_entry(phys, *flags, level);
        } else {
            struct page_table *below = table_below(slot, level, source);
            if (below == NULL)
                return -ENOMEM;
            int error = map_level(below, level - 1, source, virt, virt + step, phys, flags);
            if (error != 0)
                return error;
        }
        virt += step;
        phys += step;
    }
    return 0;
}

int paging_map(struct page_table *root, const struct paging_source *source, uint64_t virt,
               uint64_t phys, uint64_t size_bytes, unsigned flags)
{
    return map_level(root, TOP_LEVEL, source, virt, virt + size_bytes, phys, &flags);
}

int paging_unmap(struct page_table *root, const struct paging_source *source, uint64_t virt,
                 uint64_t size_bytes)
{
    return map_level(root, TOP_LEVEL, source, virt, virt + size_bytes, 0, NULL);
}

static int unshare_level(struct page_table *table, int level, const struct paging_source *source,
                         uint64_t virt, uint64_t end)
{
    uint64_t span = level_bytes(level);
    while (virt != end && level > 1) {
        uint64_t *slot = &table->entries[level_index(virt, level)];
        bool was_shared = (*slot & ENTRY_PRESENT) && !entry_is_leaf(*slot, level);
        struct page_table *below = table_below(slot, level, source);
        if (below != NULL && was_shared) {
            struct page_table *copy = source->allocate();
            if (copy != NULL) {
                *copy = *below;
                *slot = table_entry(copy);
            }
            below = copy;
        }
        if (below == NULL)
            return -ENOMEM;
        uint64_t in_slot = span - (virt & (span - 1));
        uint64_t step = end - virt < in_slot ? end - virt : in_slot;
        int error = unshare_level(below, level - 1, source, virt, virt + step);
        if (error != 0)
            return error;
        virt += step;
    }
    return 0;
}

int paging_unshare(struct page_table *root, const struct paging_source *source, uint64_t virt,
                   uint64_t size_bytes)
{
    return unshare_level(root, TOP_LEVEL, source, virt, virt + size_bytes);
}

bool paging_lookup(const struct page_table *root, uint64_t virt, uint64_t *phys, unsigned *flags)
{
    const struct page_table *table = root;
    for (int level = TOP_LEVEL;; level--) {
        uint64_t entry = table->entries[level_index(virt, level)];
        if (!(entry & ENTRY_PRESENT))
            return false;
        if (level < TOP_LEVEL && entry_is_leaf(entry, level)) {
            *phys = (entry & ENTRY_ADDRESS & ~(level_bytes(level) - 1)) |
                    (virt & (level_bytes(level) - 1));
            *flags =
                (entry & ENTRY_WRITE ? PAGING_WRITE : 0) | (entry & ENTRY_NX ? 0 : PAGING_EXECUTE);
            if (entry & ENTRY_PWT)
                *flags |= entry & ENTRY_PCD ? PAGING_UNCACHED : PAGING_WRITE_COMBINING;
            return true;
        }
        table = entry_table(entry);
    }
}

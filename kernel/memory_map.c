// SPDX-License-Identifier: MIT
#include "kernel/memory_map.h"

#define MAP_PAGE 4096ull

static uint64_t range_end(const struct memory_range *range)
{
    return range->start_phys + range->size_bytes;
}

// Heap sort: in place, and no map makes it slow.
static void ranges_sift(struct memory_range *ranges, size_t root, size_t count)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count)
            return;
        if (child + 1 < count && ranges[child + 1].start_phys > ranges[child].start_phys)
            child++;
        if (ranges[root].start_phys >= ranges[child].start_phys)
            return;
        struct memory_range swap = ranges[root];
        ranges[root] = ranges[child];
        ranges[child] = swap;
        root = child;
    }
}

static void ranges_sort(struct memory_range *ranges, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        ranges_sift(ranges, i, count);
    for (size_t end = count; end-- > 1;) {
        struct memory_range swap = ranges[0];
        ranges[0] = ranges[end];
        ranges[end] = swap;
        ranges_sift(ranges, 0, end);
    }
}

static bool range_may_be_free(const struct memory_range *range)
{
    return range->type == MEMORY_USABLE || range->type == MEMORY_BOOT_SERVICES;
}

// Usable memory shrinks to whole pages; everything else grows to them. A range that wraps is dropped.
static bool range_trim(struct memory_range *range)
{
    uint64_t start = range->start_phys, end = range_end(range);
    if (end < start || end > UINT64_MAX - MAP_PAGE)
        return false;
    if (range_may_be_free(range)) {
        start = ALIGN_UP(start, MAP_PAGE);
        end = ALIGN_DOWN(end, MAP_PAGE);
    } else {
        start = ALIGN_DOWN(start, MAP_PAGE);
        end = ALIGN_UP(end, MAP_PAGE);
    }
    range->start_phys = start;
    range->size_bytes = end > start ? end - start : 0;
    return end > start;
}

// `next` starts inside `last`: one of them gives way. The part of a usable range that lies behind a
// reserved one inside it is given up rather than kept apart: the array has no room to grow.
static void ranges_resolve(struct memory_range *last, struct memory_range *next)
{
    uint64_t last_end = range_end(last), next_end = range_end(next);
    if (last->type == next->type) {
        next->start_phys = last_end < next_end ? last_end : next_end;
        next->size_bytes = next_end - next->start_phys;
    } else if (last->type < next->type) {
        last->size_bytes = next->start_phys - last->start_phys;
    } else {
        next->start_phys = last_end < next_end ? last_end : next_end;
        next->size_bytes = next_end - next->start_phys;
    }
}

size_t memory_map_normalise(struct memory_range *ranges, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (range_trim(&ranges[i]))
            ranges[kept++] = ranges[i];
    ranges_sort(ranges, kept);

    size_t out = 0;
    for (size_t i = 0; i < kept; i++) {
        struct memory_range next = ranges[i];
        while (out > 0 && next.size_bytes > 0 && range_end(&ranges[out - 1]) > next.start_phys) {
            ranges_resolve(&ranges[out - 1], &next);
            if (ranges[out - 1].size_bytes == 0)
                out--;
            else if (range_end(&ranges[out - 1]) <= next.start_phys)
                break;
        }
        if (next.size_bytes == 0)
            continue;
        if (out > 0 && ranges[out - 1].type == next.type &&
            range_end(&ranges[out - 1]) == next.start_phys)
            ranges[out - 1].size_bytes += next.size_bytes;
        else
            ranges[out++] = next;
    }
    return out;
}

bool memory_map_contains(const struct memory_range *ranges, size_t count, uint64_t phys,
                         uint64_t size_bytes)
{
    // Neighbours of different types follow each other, so one pass in order is enough.
    uint64_t next = phys, end = phys + size_bytes;
    for (size_t i = 0; i < count && next < end; i++)
        if (ranges[i].type != MEMORY_MMIO && ranges[i].start_phys <= next &&
            range_end(&ranges[i]) > next)
            next = range_end(&ranges[i]);
    return end > phys && next >= end;
}

uint64_t memory_map_total_bytes(const struct memory_range *ranges, size_t count,
                                enum memory_type type)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        if (ranges[i].type == type)
            total += ranges[i].size_bytes;
    return total;
}

const char *memory_type_name(enum memory_type type)
{
    static const char *const names[] = {"usable", "boot services", "image", "runtime code", "runtime data",
                                        "ACPI",   "MMIO",  "reserved"};
    return (size_t)type < ARRAY_COUNT(names) ? names[type] : "unknown";
}

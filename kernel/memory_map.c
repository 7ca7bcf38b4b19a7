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
    return range->type <= MEMORY_BOOT_CODE;
}

// Usable memory shrinks to whole pages; everything else grows to them. A range that wraps or is
// empty is dropped.
static bool range_trim(struct memory_range *range)
{
    uint64_t start = range->start_phys, end = range_end(range);
    if (end <= start || end > UINT64_MAX - MAP_PAGE)
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

// Puts ranges[at], whose start has grown, behind those that now start before it.
static void ranges_move_back(struct memory_range *ranges, size_t at, size_t count)
{
    struct memory_range moved = ranges[at];
    for (; at + 1 < count && ranges[at + 1].start_phys < moved.start_phys; at++)
        ranges[at] = ranges[at + 1];
    ranges[at] = moved;
}

// What is settled lies in front of `out`, what is to come from `next` to `count`, sorted; slots
// between them are free.
struct merge {
    struct memory_range *ranges;
    size_t out, next, count;
};

// The next range starts inside the last settled one, which is less usable: what is left of it
// begins behind that.
static void merge_cut_next(struct merge *merge)
{
    struct memory_range *next = &merge->ranges[merge->next];
    uint64_t last_end = range_end(&merge->ranges[merge->out - 1]), next_end = range_end(next);
    if (next_end <= last_end) {
        merge->next++;
        return;
    }
    next->start_phys = last_end;
    next->size_bytes = next_end - last_end;
    ranges_move_back(merge->ranges, merge->next, merge->count);
}

// The next range starts inside the last settled one and is less usable: the last ends there, and
// what lies behind comes again as a range of its own. Without a slot for it usable memory is given
// up, and of any other kind the next range grows over it: nobody else may take it for free.
static void merge_cut_last(struct merge *merge)
{
    struct memory_range *last = &merge->ranges[merge->out - 1];
    struct memory_range *next = &merge->ranges[merge->next];
    uint64_t last_end = range_end(last), next_end = range_end(next);
    struct memory_range tail = {next_end, last_end - next_end, last->type};
    last->size_bytes = next->start_phys - last->start_phys;
    if (last->size_bytes == 0)
        merge->out--;
    if (last_end <= next_end)
        return;
    if (merge->out < merge->next) {
        merge->ranges[merge->next - 1] = *next;
        *next = tail;
        ranges_move_back(merge->ranges, merge->next, merge->count);
        merge->next--;
    } else if (tail.type != MEMORY_USABLE) {
        next->size_bytes += tail.size_bytes;
    }
}

size_t memory_map_normalise(struct memory_range *ranges, size_t count)
{
    struct merge merge = {.ranges = ranges};
    for (size_t i = 0; i < count; i++)
        if (range_trim(&ranges[i]))
            ranges[merge.count++] = ranges[i];
    ranges_sort(ranges, merge.count);

    while (merge.next < merge.count) {
        struct memory_range *last = merge.out > 0 ? &ranges[merge.out - 1] : NULL;
        const struct memory_range *next = &ranges[merge.next];
        if (last == NULL || range_end(last) < next->start_phys ||
            (range_end(last) == next->start_phys && last->type != next->type)) {
            ranges[merge.out++] = *next;
            merge.next++;
        } else if (last->type == next->type) {
            if (range_end(next) > range_end(last))
                last->size_bytes = range_end(next) - last->start_phys;
            merge.next++;
        } else if (last->type > next->type) {
            merge_cut_next(&merge);
        } else {
            merge_cut_last(&merge);
        }
    }
    return merge.out;
}

bool memory_map_contains(const struct memory_range *ranges, size_t count, uint64_t phys,
                         uint64_t size_bytes)
{
    // Ranges are in order, so those that follow each other without a gap are found in one pass.
    uint64_t next = phys, end = phys + size_bytes;
    for (size_t i = 0; i < count && next < end; i++)
        if (ranges[i].type != MEMORY_RUNTIME_MMIO && ranges[i].start_phys <= next &&
            range_end(&ranges[i]) > next)
            next = range_end(&ranges[i]);
    return end > phys && next >= end;
}

// SPDX-License-Identifier: MIT
// Which places the memory map has for the image, and one of them by a random number.
#include "efi/gather.h"

#define LOWEST_PLACE 0x100000 // below lies what cores start on
#define BLOCK_BYTES  (2ull << 20)
#define PLACES_MIN   256 // with fewer at the edges of the free ranges, all of them is used

enum edge { EDGE_LOWER, EDGE_UPPER, EDGE_NONE };

// A part of a free range, in which the image may lie anywhere.
struct window {
    uint64_t start, end;
};

// How many places there are for the image. Without any in a range, its windows are empty.
static uint64_t window_places(struct window window, uint64_t image_bytes)
{
    return window.end >= window.start + image_bytes
               ? (window.end - window.start - image_bytes) / 4096 + 1
               : 0;
}

// What lies in one block of memory with something that firmware uses: such memory was touched
// before, for hypervisors give it by the block, and the middle of a range stays whole.
static struct window range_window(const EFI_MEMORY_DESCRIPTOR *range, enum edge edge)
{
    uint64_t start = range->PhysicalStart, end = start + range->NumberOfPages * 4096;
    if (range->Type != EfiConventionalMemory || !(range->Attribute & EFI_MEMORY_WB) ||
        start < LOWEST_PLACE)
        return (struct window){0, 0};
    uint64_t first_block_end = ALIGN_UP(start, BLOCK_BYTES),
             last_block = ALIGN_DOWN(end, BLOCK_BYTES);
    switch (edge) {
    case EDGE_LOWER:
        return (struct window){start, first_block_end < end ? first_block_end : end};
    case EDGE_UPPER: // a range within one block is its lower edge
        return (struct window){last_block < first_block_end ? end : last_block, end};
    default:
        return (struct window){start, end};
    }
}

// Counts the places in those windows of all ranges; stops at the one with this number.
// Returns: its address, or 0 and the count.
static uint64_t find_place(const struct efi_map *map, uint64_t image_bytes, enum edge first,
                           enum edge last, uint64_t number, uint64_t *count)
{
    *count = 0;
    for (size_t i = 0; i < efi_map_count(map); i++) {
        for (enum edge edge = first; edge <= last; edge++) {
            struct window window = range_window(efi_map_range(map, i), edge);
            uint64_t places = window_places(window, image_bytes);
            if (number - *count < places)
                return window.start + (number - *count) * 4096;
            *count += places;
        }
    }
    return 0;
}

uint64_t efi_place_draw(const struct efi_map *map, uint64_t image_bytes, uint64_t random)
{
    enum edge first = EDGE_LOWER, last = EDGE_UPPER;
    uint64_t count;
    find_place(map, image_bytes, first, last, UINT64_MAX, &count);
    if (count < PLACES_MIN) {
        first = last = EDGE_NONE;
        find_place(map, image_bytes, first, last, UINT64_MAX, &count);
    }
    return count == 0 ? 0 : find_place(map, image_bytes, first, last, random % count, &count);
}

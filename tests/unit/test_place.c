// SPDX-License-Identifier: MIT
// Where the image may go: cases, then random maps against a look at each page.
#include "host.h"
#include "seeded.h"

#include <string.h>

#include "efi/gather.h"

#define PAGE   4096ull
#define MIB    0x100000ull
#define BLOCK  (2 * MIB)
#define IMAGE  (64 * PAGE)
#define RANGES 12
#define STRIDE 56 // of a descriptor: firmware's are longer than the struct

static char bytes[RANGES * STRIDE] __attribute__((aligned(8)));
static struct efi_map map;

static void add(uint64_t start, uint64_t end, UINT32 type, UINT64 attribute)
{
    EFI_MEMORY_DESCRIPTOR range = {.Type = type,
                                   .PhysicalStart = start,
                                   .NumberOfPages = (end - start) / PAGE,
                                   .Attribute = attribute};
    assert_true(map.used_bytes < sizeof(bytes));
    memcpy(bytes + map.used_bytes, &range, sizeof(range));
    map.used_bytes += STRIDE;
}

static void add_free(uint64_t start, uint64_t end)
{
    add(start, end, EfiConventionalMemory, EFI_MEMORY_WB);
}

static int setup(void **state)
{
    (void)state;
    map = (struct efi_map){.bytes = bytes, .descriptor_bytes = STRIDE};
    random_state = 88172645463325252ull;
    return 0;
}

static bool is_free(uint64_t start, uint64_t end)
{
    for (size_t i = 0; i < efi_map_count(&map); i++) {
        const EFI_MEMORY_DESCRIPTOR *range = efi_map_range(&map, i);
        if (range->Type == EfiConventionalMemory && range->Attribute & EFI_MEMORY_WB &&
            range->PhysicalStart <= start &&
            range->PhysicalStart + range->NumberOfPages * PAGE >= end)
            return range->PhysicalStart >= MIB;
    }
    return false;
}

// In one block with memory that is not free: all of it was given by the hypervisor before.
static bool is_at_edge(uint64_t start, uint64_t end)
{
    uint64_t first = ALIGN_DOWN(start, BLOCK);
    return end <= first + BLOCK && !is_free(first, first + BLOCK);
}

// Consecutive numbers draw all places in turn: as many as there are, then the first again.
static uint64_t count_places(uint64_t image_bytes, bool at_edge)
{
    uint64_t first = efi_place_draw(&map, image_bytes, 0), count = 0, previous = 0, place = first;
    do {
        assert_true(is_free(place, place + image_bytes));
        assert_int_equal(place % PAGE, 0);
        assert_true(place > previous);
        assert_int_equal(is_at_edge(place, place + image_bytes) || !at_edge, true);
        previous = place;
        place = efi_place_draw(&map, image_bytes, ++count);
        assert_true(count < 1000000);
    } while (place != first);
    return count;
}

static void test_edges(void **state)
{
    (void)state;
    add_free(0, 640 * 1024);           // too low
    add_free(MIB, 8 * MIB + 6 * PAGE); // lower edge: 256 pages; upper: too small
    add(8 * MIB + 6 * PAGE, 20 * MIB, EfiBootServicesData, EFI_MEMORY_WB);
    add_free(21 * MIB, 101 * MIB); // 256 pages at each end
    add(101 * MIB, 120 * MIB, EfiLoaderCode, EFI_MEMORY_WB);
    add(121 * MIB, 140 * MIB, EfiConventionalMemory, EFI_MEMORY_UC);
    add_free(160 * MIB + PAGE, 160 * MIB + 101 * PAGE); // within one block
    assert_int_equal(count_places(IMAGE, true), 3 * (256 - 64 + 1) + (100 - 64 + 1));
}

static void test_few_edges(void **state)
{
    (void)state;
    add_free(2 * MIB, 4 * MIB + 80 * PAGE);
    assert_int_equal(count_places(IMAGE, false), 512 + 80 - 64 + 1);
}

static void test_large_image(void **state)
{
    (void)state;
    add_free(3 * MIB, 19 * MIB);
    assert_int_equal(count_places(5 * MIB, false), (16 - 5) * 256 + 1);
    assert_int_equal(count_places(16 * MIB, false), 1);
}

static void test_no_room(void **state)
{
    (void)state;
    assert_int_equal(efi_place_draw(&map, IMAGE, 5), 0);
    add_free(0, 640 * 1024);
    add_free(MIB, MIB + 63 * PAGE);
    add(32 * MIB, 64 * MIB, EfiBootServicesCode, EFI_MEMORY_WB);
    assert_int_equal(efi_place_draw(&map, IMAGE, 5), 0);
    add_free(2 * MIB, 2 * MIB + IMAGE);
    assert_int_equal(efi_place_draw(&map, IMAGE, 5), 2 * MIB);
}

static void test_random_maps(void **state)
{
    for (int round = 0; round < 300; round++) {
        setup(state);
        random_state += (uint64_t)round * 7919;
        uint64_t next = random_below(MIB / PAGE) * PAGE, edges = 0;
        for (int i = 0; i < RANGES; i++) {
            uint64_t end = next + (1 + random_below(random_below(2) ? 200 : 3000)) * PAGE;
            add(next, end, random_below(2) ? EfiConventionalMemory : EfiBootServicesData,
                random_below(8) ? EFI_MEMORY_WB : EFI_MEMORY_UC);
            next = end;
        }
        uint64_t image_bytes = (1 + random_below(100)) * PAGE, anywhere = 0;
        for (uint64_t at = 0; at < next; at += PAGE) {
            anywhere += is_free(at, at + image_bytes);
            edges += is_free(at, at + image_bytes) && is_at_edge(at, at + image_bytes);
        }
        if (anywhere != 0)
            assert_int_equal(count_places(image_bytes, edges >= 256),
                             edges >= 256 ? edges : anywhere);
        else
            assert_int_equal(efi_place_draw(&map, image_bytes, 1), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_edges, setup),
        cmocka_unit_test_setup(test_few_edges, setup),
        cmocka_unit_test_setup(test_large_image, setup),
        cmocka_unit_test_setup(test_no_room, setup),
        cmocka_unit_test_setup(test_random_maps, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

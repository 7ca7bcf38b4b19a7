// SPDX-License-Identifier: MIT
// Beside cases: random maps against a model that knows the type of every page.
#include "host.h"
#include "seeded.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/memory_map.h"

#define PAGE 4096ull
#define NONE (-1)

static int setup(void **state)
{
    (void)state;
    random_state = 88172645463325252ull;
    return 0;
}

static bool is_free(int type)
{
    return type <= MEMORY_BOOT_CODE;
}

static struct memory_range range(uint64_t start, uint64_t size, enum memory_type type)
{
    return (struct memory_range){start, size, type};
}

static void assert_ranges(const struct memory_range *ranges, size_t count,
                          const struct memory_range *expected, size_t expected_count)
{
    assert_int_equal(count, expected_count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(ranges[i].start_phys, expected[i].start_phys);
        assert_int_equal(ranges[i].size_bytes, expected[i].size_bytes);
        assert_int_equal(ranges[i].type, expected[i].type);
    }
}

struct map_case {
    const char *name;
    size_t count, expected_count;
    struct memory_range ranges[6], expected[6];
};

// Addresses and sizes in pages, but where a case says otherwise.
#define R(start, size, type)                                                                       \
    {                                                                                              \
        (start) * PAGE, (size)*PAGE, MEMORY_##type                                                 \
    }
static const struct map_case cases[] = {
    {"nothing", 0, 0, {{0}}, {{0}}},
    {"one", 1, 1, {R(1, 5, USABLE)}, {R(1, 5, USABLE)}},
    {"empty ranges", 3, 1, {R(1, 0, USABLE), R(2, 3, ACPI), R(9, 0, RESERVED)}, {R(2, 3, ACPI)}},
    {"empty inside of a page",
     2,
     1,
     {{9 * PAGE + 9, 0, MEMORY_ACPI}, R(2, 3, ACPI)},
     {R(2, 3, ACPI)}},
    {"any order",
     3,
     3,
     {R(20, 5, ACPI), R(1, 5, USABLE), R(10, 5, RUNTIME_MMIO)},
     {R(1, 5, USABLE), R(10, 5, RUNTIME_MMIO), R(20, 5, ACPI)}},
    {"neighbours of one type",
     4,
     2,
     {R(6, 2, USABLE), R(1, 5, USABLE), R(9, 1, RESERVED), R(8, 1, USABLE)},
     {R(1, 8, USABLE), R(9, 1, RESERVED)}},
    {"a hole stays", 2, 2, {R(1, 2, USABLE), R(4, 2, USABLE)}, {R(1, 2, USABLE), R(4, 2, USABLE)}},
    {"the same twice", 2, 1, {R(1, 2, ACPI), R(1, 2, ACPI)}, {R(1, 2, ACPI)}},
    {"overlap, one type",
     3,
     1,
     {R(1, 9, USABLE), R(2, 2, USABLE), R(8, 4, USABLE)},
     {R(1, 11, USABLE)}},
    {"the end is reserved",
     2,
     2,
     {R(0, 10, USABLE), R(8, 4, RESERVED)},
     {R(0, 8, USABLE), R(8, 4, RESERVED)}},
    {"the start is reserved",
     2,
     2,
     {R(4, 10, USABLE), R(0, 6, RESERVED)},
     {R(0, 6, RESERVED), R(6, 8, USABLE)}},
    {"one start", 2, 2, {R(4, 10, USABLE), R(4, 2, ACPI)}, {R(4, 2, ACPI), R(6, 8, USABLE)}},
    {"covered whole", 2, 1, {R(4, 2, USABLE), R(0, 10, RESERVED)}, {R(0, 10, RESERVED)}},
    // There is no room for a third range: usable memory is given up.
    {"inside, no room", 2, 2, {R(0, 10, USABLE), R(4, 2, ACPI)}, {R(0, 4, USABLE), R(4, 2, ACPI)}},
    {"inside, with room",
     4,
     3,
     {R(0, 5, USABLE), R(5, 15, USABLE), R(10, 2, ACPI), R(30, 0, USABLE)},
     {R(0, 10, USABLE), R(10, 2, ACPI), R(12, 8, USABLE)}},
    // What is behind the hole of a range that is not usable stays taken.
    {"taken behind a hole",
     3,
     2,
     {R(0, 100, ACPI), R(10, 10, RESERVED), R(30, 10, USABLE)},
     {R(0, 10, ACPI), R(10, 90, RESERVED)}},
    {"boot services behind a hole",
     3,
     2,
     {R(0, 100, BOOT_SERVICES), R(10, 10, RESERVED), R(30, 10, USABLE)},
     {R(0, 10, BOOT_SERVICES), R(10, 90, RESERVED)}},
    // Cutting the start of a range moves it behind others.
    {"out of order by cutting",
     3,
     3,
     {R(0, 50, RESERVED), R(10, 90, USABLE), R(20, 40, ACPI)},
     {R(0, 50, RESERVED), R(50, 10, ACPI), R(60, 40, USABLE)}},
    {"usable shrinks to whole pages",
     2,
     1,
     {{PAGE + 1, 3 * PAGE, MEMORY_USABLE}, {10 * PAGE + 1, PAGE, MEMORY_USABLE}},
     {R(2, 2, USABLE)}},
    {"reserved grows to whole pages",
     2,
     2,
     {{PAGE + 1, 3 * PAGE, MEMORY_RESERVED}, {10 * PAGE + 9, 1, MEMORY_RUNTIME_MMIO}},
     {R(1, 4, RESERVED), R(10, 1, RUNTIME_MMIO)}},
    {"wrapping",
     3,
     1,
     {{UINT64_MAX - 4 * PAGE, 100 * PAGE, MEMORY_USABLE},
      R(3, 3, USABLE),
      {PAGE, UINT64_MAX, MEMORY_RESERVED}},
     {R(3, 3, USABLE)}},
    {"the very top",
     2,
     1,
     {{0 - PAGE, PAGE - 1, MEMORY_RESERVED}, {0 - 4 * PAGE, 2 * PAGE, MEMORY_RESERVED}},
     {{0 - 4 * PAGE, 2 * PAGE, MEMORY_RESERVED}}},
};

static void known_maps(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct memory_range *ranges = malloc(sizeof(cases[i].ranges[0]) * (cases[i].count + 1));
        memcpy(ranges, cases[i].ranges, sizeof(cases[i].ranges[0]) * cases[i].count);
        print_message("           %s\n", cases[i].name);
        size_t count = memory_map_normalise(ranges, cases[i].count);
        assert_ranges(ranges, count, cases[i].expected, cases[i].expected_count);
        free(ranges);
    }
}

// ---- against a model --------------------------------------------------------------------------

#define MODEL_PAGES 512
#define RANGES_MAX  600

// What each page is: the highest type of the ranges that cover it; a free range covers only pages
// that it holds whole.
static void model_fill(int8_t *pages, const struct memory_range *ranges, size_t count)
{
    memset(pages, NONE, MODEL_PAGES);
    for (size_t i = 0; i < count; i++) {
        uint64_t start = ranges[i].start_phys, end = start + ranges[i].size_bytes;
        if (end <= start)
            continue;
        for (uint64_t page = start / PAGE; page < MODEL_PAGES && page * PAGE < end; page++) {
            bool whole = page * PAGE >= start && (page + 1) * PAGE <= end;
            if (is_free(ranges[i].type) && !whole)
                continue;
            if ((int)ranges[i].type > pages[page])
                pages[page] = (int8_t)ranges[i].type;
        }
    }
}

// How many ranges would say all of it.
static size_t model_range_count(const int8_t *pages)
{
    size_t count = 0;
    for (size_t page = 0; page < MODEL_PAGES; page++)
        count += pages[page] != NONE && (page == 0 || pages[page - 1] != pages[page]);
    return count;
}

static void assert_in_order(const struct memory_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_true(ranges[i].size_bytes > 0);
        assert_int_equal(ranges[i].start_phys % PAGE, 0);
        assert_int_equal(ranges[i].size_bytes % PAGE, 0);
        if (i == 0)
            continue;
        uint64_t before_end = ranges[i - 1].start_phys + ranges[i - 1].size_bytes;
        assert_true(before_end <= ranges[i].start_phys);
        if (before_end == ranges[i].start_phys)
            assert_true(ranges[i - 1].type != ranges[i].type);
    }
}

static struct memory_range random_range(uint64_t max_pages)
{
    uint64_t start = random_below(MODEL_PAGES * PAGE - max_pages * PAGE);
    uint64_t size = random_below(max_pages * PAGE);
    if (random_below(4) != 0) {
        start = ALIGN_DOWN(start, PAGE);
        size = ALIGN_DOWN(size, PAGE);
    }
    if (random_below(50) == 0)
        size = UINT64_MAX - random_below(start + 1) / 2; // wraps, unless it starts at 0
    return range(start, start == 0 ? 0 : size, (enum memory_type)random_below(MEMORY_RESERVED + 1));
}

// Returns: true if nothing had to be given up.
static bool check_random_map(size_t count, uint64_t max_pages)
{
    int8_t expected[MODEL_PAGES], got[MODEL_PAGES];
    struct memory_range *ranges = malloc(sizeof(*ranges) * count);
    struct memory_range *again = malloc(sizeof(*ranges) * count);
    for (size_t i = 0; i < count; i++)
        ranges[i] = random_range(max_pages);
    model_fill(expected, ranges, count);
    size_t out = memory_map_normalise(ranges, count);
    assert_true(out <= count);
    assert_in_order(ranges, out);
    model_fill(got, ranges, out);
    bool exact = true;
    for (size_t page = 0; page < MODEL_PAGES; page++) {
        if (got[page] == expected[page])
            continue;
        exact = false;
        // Only towards what is safe: not there at all, if it was usable, or less usable.
        assert_true(got[page] == NONE ? expected[page] == MEMORY_USABLE
                                      : expected[page] != NONE && got[page] > expected[page]);
    }
    memcpy(again, ranges, sizeof(*ranges) * out);
    assert_ranges(again, memory_map_normalise(again, out), ranges, out);
    free(ranges);
    free(again);
    return exact;
}

static void random_maps(void **state)
{
    (void)state;
    unsigned exact = 0, total = 0;
    for (unsigned round = 0; round < 6000; round++, total++)
        exact += check_random_map(1 + random_below(12), 2 + random_below(200));
    assert_true(exact > total / 2);
}

static void random_maps_of_hundreds(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 300; round++)
        check_random_map(1 + random_below(RANGES_MAX), 2 + random_below(round % 2 ? 40 : 4));
}

// As firmware does it: hundreds of pieces that touch, shuffled. Nothing may be lost.
static void shuffled_partition_is_restored(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        struct memory_range ranges[RANGES_MAX];
        int8_t expected[MODEL_PAGES], got[MODEL_PAGES];
        size_t count = 0;
        for (uint64_t page = 1; page < MODEL_PAGES;) {
            uint64_t size = 1 + random_below(3);
            size = page + size > MODEL_PAGES ? MODEL_PAGES - page : size;
            if (random_below(8) != 0)
                ranges[count++] = range(page * PAGE, size * PAGE,
                                        (enum memory_type)random_below(MEMORY_RESERVED + 1));
            page += size;
        }
        model_fill(expected, ranges, count);
        for (size_t i = count; i-- > 1;) {
            size_t other = random_below(i + 1);
            struct memory_range swap = ranges[i];
            ranges[i] = ranges[other];
            ranges[other] = swap;
        }
        size_t out = memory_map_normalise(ranges, count);
        assert_int_equal(out, model_range_count(expected));
        assert_in_order(ranges, out);
        model_fill(got, ranges, out);
        assert_memory_equal(got, expected, sizeof(got));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(known_maps, setup),
        cmocka_unit_test_setup(random_maps, setup),
        cmocka_unit_test_setup(random_maps_of_hundreds, setup),
        cmocka_unit_test_setup(shuffled_partition_is_restored, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// The allocator on one core and on several; how memory changes its core is in test_page_shares.c.
#include "pages_fixture.h"

static void pool_holds_what_the_map_says(void **state)
{
    (void)state;
    add_range(0, 3, MEMORY_RESERVED);
    add_range(3, 2, MEMORY_USABLE); // no room for the bitmap
    add_range(5, 1000, MEMORY_USABLE);
    add_range(1005, 10, MEMORY_ACPI);
    add_range(1015, 100, MEMORY_BOOT_SERVICES);
    add_range(1115, 100, MEMORY_USABLE);
    add_range(ARENA_PAGES - 7, 7, MEMORY_USABLE);
    assert_int_equal(page_pool_start(&info), 0);
    uint64_t bitmap_bytes =
        (ARENA_FIRST + ARENA_PAGES) / 8 + (ARENA_FIRST + ARENA_PAGES) / PIECE_PAGES * 2;
    uint64_t expected = 1109 - ALIGN_UP(bitmap_bytes, PAGE_BYTES) / PAGE_BYTES;
    assert_int_equal(page_stats_of(0).total_bytes, expected * PAGE_BYTES);
    assert_int_equal(page_stats_of(0).free_bytes, expected * PAGE_BYTES);
    assert_int_equal(page_stats_of(1).total_bytes, 0); // no such core
    assert_int_equal(run_count(), 4);
    assert_true(page_longest_free_bytes(0) >=
                999 * PAGE_BYTES - ALIGN_UP(bitmap_bytes, PAGE_BYTES));
    assert_true(page_longest_free_bytes(0) <= 1000 * PAGE_BYTES);
    assert_int_equal(page_longest_free_bytes(1), 0); // no such core
    page_pool_reclaim(&info);
    assert_int_equal(page_stats_of(0).free_bytes, (expected + 100) * PAGE_BYTES);
    assert_int_equal(run_count(), 4); // joined with what came after it
}

static void a_dry_pool_takes_what_the_firmware_left(void **state)
{
    (void)state;
    add_range(0, 1000, MEMORY_USABLE);
    add_range(1000, 500, MEMORY_BOOT_SERVICES);
    add_range(1500, 600, MEMORY_BOOT_CODE);
    assert_int_equal(page_pool_start(&info), 0);
    uint64_t before = page_stats_of(0).total_bytes;
    assert_null(page_alloc(1000)); // not allowed yet
    page_pool_reclaim(&info);
    assert_int_equal(page_stats_of(0).total_bytes, before + 500 * PAGE_BYTES);
    assert_non_null(page_alloc(1400)); // without the code
    assert_int_equal(page_stats_of(0).total_bytes, before + 500 * PAGE_BYTES);
    assert_non_null(page_alloc(400));
    assert_int_equal(page_stats_of(0).total_bytes, before + 1100 * PAGE_BYTES);
    assert_null(page_alloc(400)); // nothing a second time
    assert_int_equal(page_stats_of(0).total_bytes, before + 1100 * PAGE_BYTES);
    run_count();
}

static void no_room_for_the_bitmap(void **state)
{
    (void)state;
    add_range(0, 2, MEMORY_USABLE);
    add_range(2, 100, MEMORY_BOOT_SERVICES);
    add_range(102, 2, MEMORY_USABLE);
    assert_int_equal(page_pool_start(&info), -ENOMEM);
    info.memory_count = 0;
    assert_int_equal(page_pool_start(&info), -ENOMEM);
}

// Page 0 is never given out, and the first MiB does not hold the bitmap: told by the two functions
// that decide it, for the test has no memory there.
static void first_pages_are_left_alone(void **state)
{
    (void)state;
    struct memory_range low = {0, 1 << 20, MEMORY_USABLE};
    assert_int_equal(range_first_page(&low), 1);
    ranges[0] = low;
    info.memory_count = 1;
    assert_int_equal(find_room(&info, 1), 0);
    ranges[1] = (struct memory_range){1 << 20, 4 * PAGE_BYTES, MEMORY_USABLE};
    info.memory_count = 2;
    assert_int_equal(find_room(&info, 4), 256);
    assert_int_equal(find_room(&info, 5), 0);
}

static void everything_given_and_taken_back(void **state)
{
    (void)state;
    uint64_t total = start_whole();
    assert_int_equal(run_count(), 1);
    char *all = page_alloc(total / PAGE_BYTES);
    assert_non_null(all);
    memset(all, 0xa5, total);
    assert_int_equal(page_stats_of(0).free_bytes, 0);
    assert_int_equal(page_longest_free_bytes(0), 0);
    assert_null(page_alloc(1));
    assert_null(page_alloc(SIZE_MAX / PAGE_BYTES));
    assert_null(page_alloc_aligned(1, 1ull << 40));
    // In parts: every second page, then those between.
    for (uint64_t page = 0; page < total / PAGE_BYTES; page += 2)
        page_free(all + page * PAGE_BYTES, 1);
    assert_null(page_alloc(2));
    assert_int_equal(page_longest_free_bytes(0), PAGE_BYTES);
    for (uint64_t page = 1; page < total / PAGE_BYTES; page += 2)
        page_free(all + page * PAGE_BYTES, 1);
    assert_int_equal(run_count(), 1);
    assert_int_equal(page_stats_of(0).free_bytes, total);
    assert_null(page_alloc(total / PAGE_BYTES + 1));
    assert_ptr_equal(page_alloc(total / PAGE_BYTES), all);
}

static void alignment_is_kept(void **state)
{
    (void)state;
    uint64_t total = start_whole();
    for (size_t alignment = PAGE_BYTES; alignment <= 16u << 20; alignment *= 2) {
        void *pages = page_alloc_aligned(3, alignment);
        assert_non_null(pages);
        assert_int_equal((uintptr_t)pages % alignment, 0);
        page_free(pages, 3);
        assert_int_equal(run_count(), 1);
    }
    assert_int_equal(page_stats_of(0).free_bytes, total);
}

static void misuse_panics(void **state)
{
    (void)state;
    start_whole();
    char *pages = page_alloc(4);
    char *fence = page_alloc(1);
    if (!host_panicked()) {
        assert_null(page_alloc(0));
        fail();
    }
    if (!host_panicked()) {
        assert_null(page_alloc_aligned(1, 3 * PAGE_BYTES));
        fail();
    }
    if (!host_panicked()) {
        assert_null(page_alloc_aligned(1, 64));
        fail();
    }
    if (!host_panicked()) {
        page_free(pages, 0);
        fail();
    }
    if (!host_panicked()) {
        page_free(pages + 16, 1);
        fail();
    }
    if (!host_panicked()) {
        page_free((void *)(bitmap_pages * PAGE_BYTES), 1);
        fail();
    }
    page_free(fence, 1);
    page_free(pages, 4);
    if (!host_panicked()) {
        page_free(pages, 4); // again
        fail();
    }
    core_this_index = 1;
    if (!host_panicked()) {
        page_free(fence, 1); // another core's
        fail();
    }
    core_this_index = 0;
}

// ---- random operations ------------------------------------------------------------------------

struct block {
    char *pages;
    size_t count;
};
#define BLOCKS 300

static void block_fill(const struct block *block, uint64_t stamp)
{
    for (size_t i = 0; i < block->count; i++) {
        *(uint64_t *)(block->pages + i * PAGE_BYTES) = stamp + i;
        *(uint64_t *)(block->pages + (i + 1) * PAGE_BYTES - 8) = stamp + i;
    }
}

static void block_check(const struct block *block, uint64_t stamp)
{
    for (size_t i = 0; i < block->count; i++) {
        FAKE_CHECK(*(uint64_t *)(block->pages + i * PAGE_BYTES) == stamp + i);
        FAKE_CHECK(*(uint64_t *)(block->pages + (i + 1) * PAGE_BYTES - 8) == stamp + i);
    }
}

static uint64_t stamp_of(unsigned i)
{
    return ((uint64_t)core_index() << 48) + ((uint64_t)i << 32);
}

static void block_free_part(struct block *block, unsigned i)
{
    size_t count = 1 + random_below(block->count);
    if (random_below(2) == 0) { // the end, else the start
        page_free(block->pages + (block->count - count) * PAGE_BYTES, count);
    } else {
        page_free(block->pages, count);
        block->pages += count * PAGE_BYTES;
    }
    block->count -= count;
    block_fill(block, stamp_of(i));
}

// What is free is exactly what is not in a block.
static void check_against_blocks(const struct block *blocks, uint64_t total_bytes)
{
    static PERCORE uint8_t taken[ARENA_PAGES];
    uint64_t taken_pages = 0;
    memset(taken, 0, sizeof(taken));
    for (unsigned i = 0; i < BLOCKS; i++) {
        for (size_t page = 0; page < blocks[i].count; page++)
            taken[page_number(blocks[i].pages) + page - ARENA_FIRST] = 1;
        taken_pages += blocks[i].count;
        block_check(&blocks[i], stamp_of(i));
    }
    check_pool(taken); // fails for a page that is marked already
    FAKE_CHECK(pool.free_bytes + taken_pages * PAGE_BYTES == total_bytes);
}

// Allocates and frees at random on this core. Returns: how often the pool had nothing that fits.
static unsigned churn(unsigned operations, size_t max_pages)
{
    static PERCORE struct block blocks[BLOCKS];
    unsigned failures = 0;
    uint64_t total_bytes = page_stats_of(core_index()).total_bytes;
    for (unsigned operation = 0; operation < operations; operation++) {
        unsigned i = (unsigned)random_below(BLOCKS);
        struct block *block = &blocks[i];
        if (block->count != 0) {
            block_check(block, stamp_of(i));
            if (random_below(3) == 0) {
                block_free_part(block, i);
            } else {
                page_free(block->pages, block->count);
                block->count = 0;
            }
        } else {
            size_t count = 1 + random_below(1 + random_below(max_pages));
            size_t alignment = PAGE_BYTES << (random_below(3) == 0 ? random_below(9) : 0);
            block->pages = page_alloc_aligned(count, alignment);
            block->count = block->pages != NULL ? count : 0;
            failures += block->pages == NULL;
            FAKE_CHECK((uintptr_t)block->pages % alignment == 0);
            block_fill(block, stamp_of(i));
        }
        if (operation % 256 == 0)
            check_against_blocks(blocks, total_bytes);
    }
    check_against_blocks(blocks, total_bytes);
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (blocks[i].count != 0)
            page_free(blocks[i].pages, blocks[i].count);
        blocks[i].count = 0;
    }
    check_against_blocks(blocks, total_bytes);
    return failures;
}

static void random_operations(void **state)
{
    (void)state;
    uint64_t total = start_whole();
    assert_int_equal(churn(20000, 60), 0); // well below what there is
    assert_int_equal(run_count(), 1);
    assert_true(churn(20000, 400) > 100); // at the limit
    assert_int_equal(run_count(), 1);
    assert_int_equal(page_stats_of(0).free_bytes, total);
}

// ---- large runs, many cores ------------------------------------------------------------------

static struct page_share shares[CORES];
static uint64_t share_bytes;

// Memory that nobody asked for is never touched: a hypervisor need not have it.
static void large_free_runs_are_not_written(void **state)
{
    (void)state;
    static const size_t untouched = 8 << 20;
    memset((char *)FAKE_MEMORY_BASE + untouched, 0xa5, ARENA_BYTES - untouched);
    start_whole();
    shares[1].run_count = 0;
    page_pool_split(4 * PAGE_PIECE_BYTES, NULL, &shares[1]);
    void *pages = page_alloc(3);
    page_free(pages, 3);
    memset(&pool, 0, sizeof(pool));
    reclaimable = NULL;
    reclaim_next = MEMORY_USABLE; // core 1's is another
    core_this_index = 1;
    page_pool_adopt(&shares[1]);
    assert_int_equal(pool.free_bytes, 4 * PAGE_PIECE_BYTES);
    core_this_index = 0;
    for (size_t at = untouched; at < ARENA_BYTES; at += sizeof(uint64_t))
        assert_true(*(uint64_t *)(FAKE_MEMORY_BASE + at) == 0xa5a5a5a5a5a5a5a5ull);
}

// More large runs than the table holds: the others describe themselves, and nothing is lost.
static void the_table_of_large_runs_overflows(void **state)
{
    (void)state;
    enum { RUNS = LARGE_RUNS_MAX + 20, RUN_PAGES = PIECE_PAGES + 5 };
    fake_memory_unmap(ARENA_BYTES);
    assert_true(fake_memory_map(LARGE_ARENA_BYTES));
    ranges[0] = (struct memory_range){FAKE_MEMORY_BASE, LARGE_ARENA_BYTES, MEMORY_USABLE};
    info.memory_count = 1;
    assert_int_equal(page_pool_start(&info), 0);
    uint64_t total = page_stats_of(0).free_bytes;
    for (unsigned round = 0; round < 4; round++) {
        char *runs[RUNS], *fences[RUNS];
        for (unsigned i = 0; i < RUNS; i++) {
            runs[i] = page_alloc(RUN_PAGES);
            fences[i] = page_alloc(1);
            assert_true(runs[i] != NULL && fences[i] != NULL);
        }
        for (unsigned i = 0; i < RUNS; i++)
            page_free(runs[i * 31 % RUNS], RUN_PAGES);
        assert_int_equal(pool.large_count, LARGE_RUNS_MAX);
        if (!host_panicked()) {
            page_free(runs[RUNS - 1], 1);
            fail();
        }
        if (!host_panicked()) {
            page_free(runs[0] + 9 * PAGE_BYTES, 1); // inside a run of the table
            fail();
        }
        for (unsigned i = 0; i < RUNS; i++)
            page_free(fences[round % 2 == 0 ? i : i * 37 % RUNS], 1);
        assert_int_equal(page_stats_of(0).free_bytes, total);
        void *all = page_alloc(total / PAGE_BYTES); // in one piece again
        assert_non_null(all);
        page_free(all, total / PAGE_BYTES);
    }
    fake_memory_unmap(LARGE_ARENA_BYTES);
    assert_true(fake_memory_map(ARENA_BYTES)); // for the teardown
}

static void core_body(unsigned core)
{
    random_state = 88172645463325252ull + core;
    if (core == 0) {
        FAKE_CHECK(page_pool_start(&info) == 0);
        share_bytes = page_stats_of(0).free_bytes / CORES;
        for (unsigned heir = 1; heir < CORES; heir++) {
            shares[heir].run_count = 0;
            page_pool_split(share_bytes, NULL, &shares[heir]);
            FAKE_CHECK(shares[heir].run_count != 0);
        }
    }
    fake_core_barrier();
    if (core != 0)
        page_pool_adopt(&shares[core]);
    // Boot services' memory lies between, and comes while the others work.
    if (core == 0) {
        page_pool_reclaim(&info);
    }
    unsigned failures = churn(6000, 150);
    FAKE_CHECK(failures > 0);
    fake_core_barrier();
    struct page_stats own = page_stats_of(core);
    FAKE_CHECK(own.total_bytes == own.free_bytes);
    if (core != 0) {
        FAKE_CHECK(own.total_bytes <= share_bytes && own.total_bytes % PAGE_PIECE_BYTES == 0);
        FAKE_CHECK(own.total_bytes + PAGE_PIECE_BYTES > share_bytes);
        return;
    }
    uint64_t sum = 0;
    for (unsigned i = 0; i < CORES; i++)
        sum += page_stats_of(i).total_bytes;
    uint64_t bitmap_bytes = bitmap_pages / 8 + bitmap_pages / PIECE_PAGES * sizeof(*piece_owner);
    FAKE_CHECK(sum == ARENA_BYTES - 20 * PAGE_BYTES - ALIGN_UP(bitmap_bytes, PAGE_BYTES));
}

static void cores_work_on_shares_at_once(void **state)
{
    (void)state;
    add_range(0, 5000, MEMORY_USABLE);
    add_range(5000, 700, MEMORY_BOOT_SERVICES);
    add_range(5700, 20, MEMORY_RESERVED);
    add_range(5720, ARENA_PAGES - 5720, MEMORY_USABLE);
    fake_core_run(CORES, core_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pool_holds_what_the_map_says, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dry_pool_takes_what_the_firmware_left, setup, teardown),
        cmocka_unit_test_setup_teardown(no_room_for_the_bitmap, setup, teardown),
        cmocka_unit_test_setup_teardown(first_pages_are_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(everything_given_and_taken_back, setup, teardown),
        cmocka_unit_test_setup_teardown(alignment_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(misuse_panics, setup, teardown),
        cmocka_unit_test_setup_teardown(random_operations, setup, teardown),
        cmocka_unit_test_setup_teardown(large_free_runs_are_not_written, setup, teardown),
        cmocka_unit_test_setup_teardown(the_table_of_large_runs_overflows, setup, teardown),
        cmocka_unit_test_setup_teardown(cores_work_on_shares_at_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

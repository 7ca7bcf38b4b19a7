// SPDX-License-Identifier: MIT
// The heap on the real page pool, without its debug mode, on one core. On several:
// test_heap_cores.c.
#include "heap_fixture.h"

#include <stdlib.h>

#include "kernel/options.h"

#define SPAN_BYTES 65536u
// Spans that may stay when every block is free: the last one of each size class, and of a large
// block.
#define KEPT_BYTES (39ull * SPAN_BYTES + 64 * PAGE_BYTES)
#define BLOCKS     2000

const char *option_get(const char *name)
{
    (void)name;
    return NULL;
}

static uint64_t total_bytes;

static int group_setup(void **state)
{
    (void)state;
    if (!heap_memory_start())
        return -1;
    total_bytes = page_stats_of(0).total_bytes;
    heap_start_core();
    return 0;
}

static uint64_t used_bytes(void)
{
    return total_bytes - page_stats_of(core_index()).free_bytes;
}

static int setup(void **state)
{
    (void)state;
    random_state = 88172645463325252ull;
    return 0;
}

// Whatever a test did, nothing but kept spans is left.
static int teardown(void **state)
{
    (void)state;
    return used_bytes() <= KEPT_BYTES ? 0 : -1;
}

static bool in_arena(const void *block, size_t size_bytes)
{
    uintptr_t start = (uintptr_t)block;
    return start >= FAKE_MEMORY_BASE && size_bytes <= ARENA_BYTES &&
           start + size_bytes <= FAKE_MEMORY_BASE + ARENA_BYTES;
}

static void every_size_is_aligned_and_usable(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 70000; size += size < 2100 ? 1 : 97) {
        char *block = heap_alloc(size);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % HEAP_ALIGNMENT, 0);
        size_t usable = heap_usable_bytes(block);
        assert_true(usable >= size && usable >= 16 && in_arena(block, usable));
        // A block wastes less than a quarter of itself, or what rounding up takes.
        if (size > 128 && size <= 32736)
            assert_true(usable < size + size / 2);
        memset(block, 0xa5, usable);
        heap_free(block);
    }
    heap_free(NULL);
}

static void every_alignment_is_kept(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,    1,     15,    16,    100,   1000,
                                   4096, 16000, 32000, 32736, 40000, 100000};
    for (size_t alignment = 1; alignment <= 32768; alignment *= 2) {
        char *blocks[ARRAY_COUNT(sizes)];
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
            blocks[i] = heap_alloc_aligned(sizes[i], alignment);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % alignment, 0);
            assert_int_equal((uintptr_t)blocks[i] % HEAP_ALIGNMENT, 0);
            size_t usable = heap_usable_bytes(blocks[i]);
            assert_true(usable >= sizes[i] && usable >= 16 && in_arena(blocks[i], usable));
            memset(blocks[i], (int)i, usable);
        }
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
            for (size_t at = 0; at < sizes[i]; at += 8)
                assert_int_equal(blocks[i][at], i);
            heap_free(blocks[i]);
        }
    }
}

static void zeroed_is_zero_where_it_was_not(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 24, 500, 5000, 30000, 100000};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        void *dirty = heap_alloc(sizes[i]);
        assert_non_null(dirty);
        memset(dirty, 0xff, sizes[i]);
        heap_free(dirty);
        char *block = heap_alloc_zeroed(sizes[i]);
        assert_non_null(block);
        for (size_t at = 0; at < sizes[i]; at++)
            assert_int_equal(block[at], 0);
        heap_free(block);
    }
}

static void sizes_that_cannot_be(void **state)
{
    (void)state;
    static const size_t sizes[] = {ARENA_BYTES,      1ull << 40,       1ull << 44,
                                   1ull << 45,       SIZE_MAX / 2,     SIZE_MAX / 2 + 1,
                                   SIZE_MAX - 65536, SIZE_MAX - 40000, SIZE_MAX - 32767,
                                   SIZE_MAX - 100,   SIZE_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        assert_null(heap_alloc(sizes[i]));
        assert_null(heap_alloc_zeroed(sizes[i]));
        for (size_t alignment = 1; alignment <= 32768; alignment *= 2)
            assert_null(heap_alloc_aligned(sizes[i], alignment));
    }
}

static void misuse_panics(void **state)
{
    (void)state;
    if (!host_panicked()) {
        assert_null(heap_alloc_aligned(1, 24));
        fail();
    }
    if (!host_panicked()) {
        assert_null(heap_alloc_aligned(1, 65536));
        fail();
    }
    if (!host_panicked()) {
        heap_free((void *)(FAKE_MEMORY_BASE + 64)); // where the bitmap is
        fail();
    }
    assert_non_null(strstr(host_panic_text, "is not a block of the heap"));
    char *pages = page_alloc_aligned(32, SPAN_BYTES);
    memset(pages, 0, SPAN_BYTES);
    if (!host_panicked()) {
        heap_free(pages + 64);
        fail();
    }
    if (!host_panicked()) {
        assert_int_equal(heap_usable_bytes(pages + 64), 0);
        fail();
    }
    page_free(pages, 32);
    // A block of its own, freed twice; and one whose span is gone.
    char *large = heap_alloc(200000);
    heap_free(large);
    if (!host_panicked()) {
        heap_free(large);
        fail();
    }
    assert_non_null(strstr(host_panic_text, "is not a block of the heap"));
    large = heap_alloc(200000);
    memset(large, 0, 200000);
    if (!host_panicked()) {
        heap_free(large + 2 * SPAN_BYTES); // inside, but not the start
        fail();
    }
    heap_free(large);
}

static void exhaustion_is_survived(void **state)
{
    (void)state;
    static const size_t sizes[] = {16, 48, 1000, 8176, 32736, 32737, 100000, 1 << 20};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        void *chain = NULL;
        size_t count[2] = {0, 0};
        for (unsigned round = 0; round < 2; round++) {
            for (void **block; (block = heap_alloc(sizes[i])) != NULL; count[round]++) {
                *block = chain;
                chain = block;
            }
            assert_null(heap_alloc(sizes[i]));
            assert_null(heap_alloc_zeroed(sizes[i]));
            // Small ones fill all but the spans' headers and what the pool cannot align.
            if (sizes[i] <= 1000)
                assert_true(count[round] * sizes[i] > (ARENA_BYTES - KEPT_BYTES) / 10 * 9);
            while (chain != NULL) {
                void *next = *(void **)chain;
                heap_free(chain);
                chain = next;
            }
            assert_true(used_bytes() <= KEPT_BYTES);
        }
        assert_int_equal(count[0], count[1]);
    }
}

static void one_block_of_a_size_does_not_churn_pages(void **state)
{
    (void)state;
    void *block = heap_alloc(100);
    uint64_t before = used_bytes();
    heap_free(block);
    assert_int_equal(used_bytes(), before);
    block = heap_alloc(100);
    assert_int_equal(used_bytes(), before);
    heap_free(block);
    // Of blocks that have a span of their own the one freed last, if it is not too large.
    void *large = heap_alloc(2 << 20), *middle = heap_alloc(SPAN_BYTES);
    uint64_t with_both = used_bytes();
    heap_free(large);
    assert_int_equal(used_bytes(), with_both - (2 << 20) - PAGE_BYTES);
    heap_free(middle);
    assert_int_equal(used_bytes(), with_both - (2 << 20) - PAGE_BYTES);
    assert_ptr_equal(heap_alloc(SPAN_BYTES), middle);
    heap_free(middle);
    heap_free(heap_alloc(2 * SPAN_BYTES));
    assert_int_equal(used_bytes(), with_both - (2 << 20) - PAGE_BYTES + SPAN_BYTES);
}

// ---- random operations ------------------------------------------------------------------------

static int compare_blocks(const void *a, const void *b)
{
    const struct block *left = a, *right = b;
    return left->bytes < right->bytes ? -1 : left->bytes > right->bytes;
}

static void check_no_overlap(const struct block *blocks)
{
    static struct block sorted[BLOCKS];
    memcpy(sorted, blocks, sizeof(sorted));
    qsort(sorted, BLOCKS, sizeof(sorted[0]), compare_blocks);
    for (unsigned i = 1; i < BLOCKS; i++)
        if (sorted[i - 1].bytes != NULL)
            assert_true(sorted[i - 1].bytes + heap_usable_bytes(sorted[i - 1].bytes) <=
                        sorted[i].bytes);
}

static void random_operations(void **state)
{
    (void)state;
    static struct block blocks[BLOCKS];
    unsigned failures = 0;
    for (unsigned operation = 0; operation < 60000; operation++) {
        struct block *block = &blocks[random_below(BLOCKS)];
        if (block_ends(block))
            continue;
        size_t alignment = block_begin(block, 1, operation);
        if (block->bytes == NULL) {
            failures++;
            block->size_bytes = 0;
            continue;
        }
        assert_int_equal((uintptr_t)block->bytes % alignment, 0);
        size_t usable = heap_usable_bytes(block->bytes);
        assert_true(usable >= block->size_bytes);
        block->size_bytes = random_below(8) == 0 ? usable : block->size_bytes;
        memset(block->bytes, block->stamp, block->size_bytes);
        if (operation % 4096 == 0)
            check_no_overlap(blocks);
    }
    check_no_overlap(blocks);
    assert_true(failures > 0); // it was full at times
    for (unsigned i = 0; i < BLOCKS; i++)
        block_ends(&blocks[i]);
    assert_true(used_bytes() <= KEPT_BYTES);
}

static void statistics_count_every_block(void **state)
{
    (void)state;
    struct heap_stats before = heap_stats_of(0), now;
    void *small = heap_alloc(100), *middle = heap_alloc(5000), *large = heap_alloc(100000);
    now = heap_stats_of(0);
    assert_int_equal(now.blocks, before.blocks + 3);
    assert_int_equal(now.used_bytes,
                     before.used_bytes + 112 + 5120 + ALIGN_UP(100000 + 64, PAGE_BYTES));
    assert_true(now.held_bytes >= now.used_bytes && now.held_bytes_most >= now.held_bytes);
    assert_int_equal(now.held_bytes, used_bytes());
    heap_free(small);
    heap_free(middle);
    heap_free(large);
    now = heap_stats_of(0);
    assert_int_equal(now.blocks, before.blocks);
    assert_int_equal(now.used_bytes, before.used_bytes);
    assert_int_equal(heap_stats_of(7).held_bytes, 0); // no such core
}

// The worst that can be done to it: of blocks of one size, one in each span stays.
static void what_is_left_does_not_keep_the_rest(void **state)
{
    (void)state;
    enum { COUNT = 30000, STRIDE = 2000 }; // blocks of 128: 511 a span
    static void *blocks[COUNT];
    uint64_t before = used_bytes();
    for (unsigned i = 0; i < COUNT; i++)
        assert_non_null(blocks[i] = heap_alloc(128));
    uint64_t full = used_bytes() - before;
    for (unsigned i = 0; i < COUNT; i++)
        if (i % STRIDE != 0)
            heap_free(blocks[i]);
    // Whole spans between those that are held went back, and are there for any size.
    assert_true(used_bytes() - before <= full / 3);
    void *others[20];
    for (unsigned i = 0; i < ARRAY_COUNT(others); i++)
        assert_non_null(others[i] = heap_alloc(150000));
    for (unsigned i = 0; i < ARRAY_COUNT(others); i++)
        heap_free(others[i]);
    for (unsigned i = 0; i < COUNT; i += STRIDE)
        heap_free(blocks[i]);
}

// Sizes and lives as a server has them: a request's blocks live shortly, some in between, and a
// session's long. Returns: the most that was held.
#define SESSIONS 300
static uint64_t serve(void *sessions[SESSIONS], void *recent[64], unsigned requests)
{
    uint64_t most = 0;
    for (unsigned request = 0; request < requests; request++) {
        void *own[6];
        for (unsigned i = 0; i < ARRAY_COUNT(own); i++)
            assert_non_null(own[i] = heap_alloc(random_below(8) ? 24 + random_below(400)
                                                                : 1000 + random_below(15000)));
        void **kept = &recent[request % 64];
        heap_free(*kept);
        *kept = own[0];
        for (unsigned i = 1; i < ARRAY_COUNT(own); i++)
            heap_free(own[i]);
        if (request % 16 == 0) {
            void **session = &sessions[random_below(SESSIONS)];
            heap_free(*session);
            *session = heap_alloc(64 + random_below(5000));
            assert_non_null(*session);
        }
        if (request % 64 == 0 && used_bytes() > most)
            most = used_bytes();
    }
    return most;
}

// A day's requests, fewer of them: what is held does not grow once every session was there.
static void a_day_of_requests_does_not_grow(void **state)
{
    (void)state;
    enum { REQUESTS = 20000, PARTS = 8 };
    static void *sessions[SESSIONS], *recent[64];
    serve(sessions, recent, REQUESTS);
    uint64_t before = serve(sessions, recent, REQUESTS);
    for (unsigned part = 0; part < PARTS; part++) {
        uint64_t most = serve(sessions, recent, REQUESTS);
        assert_true(most <= before + before / 8); // chance, but no trend
    }
    struct heap_stats stats = heap_stats_of(0);
    assert_true(stats.held_bytes <= 2 * stats.used_bytes + KEPT_BYTES);
    for (unsigned i = 0; i < SESSIONS; i++)
        heap_free(sessions[i]);
    for (unsigned i = 0; i < 64; i++)
        heap_free(recent[i]);
}

static void wild_frees_are_named(void **state)
{
    (void)state;
    char *block = heap_alloc(100), *second = heap_alloc(100);
    EXPECT_REPORT(heap_free(block + 16), "lies inside of a block of 112 bytes");
    EXPECT_REPORT(heap_free(block + 1), "lies inside of a block of 112 bytes");
    EXPECT_REPORT(heap_free((void *)16), "is not a block of the heap");
    EXPECT_REPORT(heap_free((void *)PAGE_BYTES), "is not a block of the heap");
    EXPECT_REPORT(heap_free((void *)0xffff808000012340), "is not a block of the heap");
    EXPECT_REPORT(heap_free((void *)UINTPTR_MAX), "is not a block of the heap");
    heap_free(block);
    EXPECT_REPORT(heap_free(block), "double free");
    heap_free(second);
}

int main(void)
{
    fake_core_join(0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_size_is_aligned_and_usable, setup, teardown),
        cmocka_unit_test_setup_teardown(every_alignment_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(zeroed_is_zero_where_it_was_not, setup, teardown),
        cmocka_unit_test_setup_teardown(sizes_that_cannot_be, setup, teardown),
        cmocka_unit_test_setup_teardown(misuse_panics, setup, teardown),
        cmocka_unit_test_setup_teardown(exhaustion_is_survived, setup, teardown),
        cmocka_unit_test_setup_teardown(one_block_of_a_size_does_not_churn_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(random_operations, setup, teardown),
        cmocka_unit_test_setup_teardown(statistics_count_every_block, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_left_does_not_keep_the_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(a_day_of_requests_does_not_grow, setup, teardown),
        cmocka_unit_test_setup_teardown(wild_frees_are_named, setup, teardown),
    };
    return cmocka_run_group_tests(tests, group_setup, NULL);
}

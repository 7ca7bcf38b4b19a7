// SPDX-License-Identifier: MIT
// The heap on the real page pool.
#include "host.h"
#include "seeded.h"

#include <stdlib.h>
#include <string.h>

#include "fake_core.h"
#include "fake_memory.h"

#include "kernel/heap.h"
#include "kernel/pages.h"

#define ARENA_BYTES (10ull << 20)
#define SPAN_BYTES  65536u
// Spans that may stay when every block is free: the last one of each size class.
#define KEPT_BYTES (40ull * SPAN_BYTES)

static void remote_free(unsigned owner, void *block);

static struct memory_range memory = {FAKE_MEMORY_BASE, ARENA_BYTES, MEMORY_USABLE};
static uint64_t total_bytes;

static int group_setup(void **state)
{
    (void)state;
    struct boot_info info = {.memory = &memory, .memory_count = 1};
    if (!fake_memory_map(ARENA_BYTES) || page_pool_start(&info) != 0)
        return -1;
    total_bytes = page_stats_of(0).total_bytes;
    heap_set_remote_free(remote_free);
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
    void *large = heap_alloc(SPAN_BYTES);
    assert_int_equal(used_bytes(), before + SPAN_BYTES + PAGE_BYTES);
    heap_free(large);
    assert_int_equal(used_bytes(), before);
}

// ---- random operations ------------------------------------------------------------------------

struct block {
    uint8_t *bytes;
    size_t size_bytes;
    uint8_t stamp;
};
#define BLOCKS 2000

static size_t random_size(void)
{
    switch (random_below(16)) {
    case 0:
        return random_below(100000);
    case 1:
    case 2:
        return random_below(33000);
    case 3:
    case 4:
    case 5:
        return random_below(3000);
    default:
        return random_below(200);
    }
}

static void block_check(const struct block *block)
{
    for (size_t i = 0; i < block->size_bytes; i++)
        if (block->bytes[i] != block->stamp)
            fake_core_fail(__FILE__, __LINE__, "a block keeps what was written");
}

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
        if (block->bytes != NULL) {
            block_check(block);
            heap_free(block->bytes);
            block->bytes = NULL;
            continue;
        }
        size_t alignment = random_below(4) == 0 ? 1u << random_below(16) : 1;
        block->size_bytes = random_size();
        block->stamp = (uint8_t)operation;
        block->bytes = heap_alloc_aligned(block->size_bytes, alignment);
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
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (blocks[i].bytes != NULL) {
            block_check(&blocks[i]);
            heap_free(blocks[i].bytes);
        }
    }
    assert_true(used_bytes() <= KEPT_BYTES);
}

// ---- blocks that come home --------------------------------------------------------------------

static void *homeless[1500];
static unsigned homeless_count, homeless_owner;

// As smp/ does it: the block itself carries the way back, in its first 16 bytes.
static void remote_free(unsigned owner, void *block)
{
    FAKE_CHECK(owner == homeless_owner && owner != core_index());
    FAKE_CHECK(homeless_count < ARRAY_COUNT(homeless));
    memset(block, 0xee, HEAP_ALIGNMENT);
    homeless[homeless_count++] = block;
}

static void blocks_of_another_core_go_home(void **state)
{
    (void)state;
    void *blocks[ARRAY_COUNT(homeless)];
    homeless_owner = 0;
    homeless_count = 0;
    for (unsigned i = 0; i < ARRAY_COUNT(blocks); i++) {
        blocks[i] =
            heap_alloc_aligned(i == 0 ? 100000 : random_below(4000), 1u << random_below(10));
        assert_non_null(blocks[i]);
    }
    uint64_t before = used_bytes();
    core_this_index = 3; // this thread's variables stay: only whose the block is counts
    for (unsigned i = 0; i < ARRAY_COUNT(blocks); i++)
        heap_free(blocks[i]);
    core_this_index = 0;
    assert_int_equal(homeless_count, ARRAY_COUNT(blocks));
    assert_int_equal(used_bytes(), before);
    for (unsigned i = 0; i < ARRAY_COUNT(blocks); i++) {
        assert_ptr_equal(homeless[i], blocks[i]);
        heap_free(homeless[i]);
    }
    assert_true(used_bytes() <= KEPT_BYTES);
}

static struct page_share share;

// Core 1 has memory of its own; core 0 frees what core 1 gave it, and the other way round.
static void core_body(unsigned core)
{
    static void *given[2][500];
    random_state = 88172645463325252ull + core;
    if (core == 0) {
        struct boot_info info = {.memory = &memory, .memory_count = 1};
        FAKE_CHECK(page_pool_start(&info) == 0);
        page_pool_split(1, ARENA_BYTES / 2, &share);
    }
    fake_core_barrier();
    if (core == 1)
        page_pool_adopt(&share);
    uint64_t free_bytes = page_stats_of(core).free_bytes;
    FAKE_CHECK(free_bytes > ARENA_BYTES / 4);
    for (unsigned i = 0; i < 500; i++) {
        given[core][i] = heap_alloc(random_below(3000));
        FAKE_CHECK(given[core][i] != NULL);
        memset(given[core][i], (int)core + 1, heap_usable_bytes(given[core][i]));
    }
    fake_core_barrier();
    for (unsigned turn = 0; turn < 2; turn++) {
        if (core == turn) {
            homeless_count = 0;
            homeless_owner = 1 - core;
            for (unsigned i = 0; i < 500; i++) {
                const uint8_t *block = given[1 - core][i];
                FAKE_CHECK(block[heap_usable_bytes(block) - 1] == 2 - core);
                heap_free(given[1 - core][i]);
            }
            FAKE_CHECK(homeless_count == 500);
        }
        fake_core_barrier();
        if (core != turn)
            for (unsigned i = 0; i < 500; i++)
                heap_free(homeless[i]);
        fake_core_barrier();
    }
    FAKE_CHECK(free_bytes - page_stats_of(core).free_bytes <= KEPT_BYTES);
}

static void two_cores_free_each_others_blocks(void **state)
{
    (void)state;
    fake_core_run(2, core_body);
    fake_core_join(0);
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
        cmocka_unit_test_setup_teardown(blocks_of_another_core_go_home, setup, teardown),
        // Last: it starts the pool anew, on threads of its own.
        cmocka_unit_test_setup(two_cores_free_each_others_blocks, setup),
    };
    return cmocka_run_group_tests(tests, group_setup, NULL);
}

// SPDX-License-Identifier: MIT
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/pages.h"
#include "kernel/stats.h"
#include "kernel/thread.h"
#include "smp/remote.h"

#define SLOTS        200
#define STEPS        3000
#define SMALL_BLOCKS 5000
#define LARGE_BLOCKS 40
#define LARGE_BYTES  (100u << 10)
#define TIMEOUT_MS   60000
// One span a size stays open for the next block, and one of up to four times that.
#define KEPT_BYTES (64u << 10)

static uint64_t free_bytes_here(void)
{
    return page_stats_of(core_index()).free_bytes;
}

struct owned {
    unsigned char *bytes;
    size_t size_bytes;
    unsigned char mark;
};

static void check_and_free(struct owned *owned)
{
    for (size_t i = 0; i < owned->size_bytes; i++)
        if (!CHECK_EQUAL(owned->bytes[i], (unsigned char)(owned->mark + i)))
            break;
    free(owned->bytes);
    owned->bytes = NULL;
}

static void fill(struct owned *owned, size_t size_bytes, unsigned char mark)
{
    *owned = (struct owned){malloc(size_bytes), size_bytes, mark};
    if (!CHECK(owned->bytes != NULL))
        owned->size_bytes = 0;
    else
        CHECK(malloc_usable_size(owned->bytes) >= size_bytes);
    CHECK_EQUAL((uintptr_t)owned->bytes % HEAP_ALIGNMENT, 0);
    for (size_t i = 0; i < owned->size_bytes; i++)
        owned->bytes[i] = (unsigned char)(mark + i);
}

static size_t pick_size(uint32_t *state)
{
    static const size_t limits[] = {64, 64, 500, 500, 5000, 33000, 100000};
    size_t limit = limits[run_pseudo_random(state) % ARRAY_COUNT(limits)];
    return run_pseudo_random(state) % limit;
}

// Blocks of all sizes come and go at random; each keeps what is its own to the last byte.
static void random_steps(void)
{
    static PERCORE struct owned owned[SLOTS];
    uint32_t state = core_index() + 99;
    for (unsigned step = 0; step < STEPS; step++) {
        struct owned *one = &owned[run_pseudo_random(&state) % SLOTS];
        if (one->bytes != NULL)
            check_and_free(one);
        else
            fill(one, pick_size(&state), (unsigned char)step);
    }
    for (unsigned i = 0; i < SLOTS; i++)
        if (owned[i].bytes != NULL)
            check_and_free(&owned[i]);
}

static void patterns(void *argument)
{
    (void)argument;
    random_steps();
    uint64_t free_bytes = free_bytes_here();
    random_steps();
    CHECK_EQUAL(free_bytes_here(), free_bytes);
    free(NULL);
}

void case_heap_patterns(void)
{
    run_on_all(patterns, NULL);
}

static void check_aligned(void *block, size_t alignment, size_t size_bytes)
{
    if (!CHECK(block != NULL))
        return;
    CHECK_EQUAL((uintptr_t)block % alignment, 0);
    CHECK(malloc_usable_size(block) >= size_bytes);
    memset(block, 0xa5, size_bytes);
}

static void alignment_of_all_kinds(void *argument)
{
    (void)argument;
    static const size_t sizes[] = {0, 1, 40, 1000, 4096, 30000, 70000};
    for (size_t alignment = 16; alignment <= PAGE_BYTES; alignment *= 2) {
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
            void *first = aligned_alloc(alignment, sizes[i]), *second = NULL;
            void *neighbour = malloc(sizes[i]);
            CHECK_EQUAL(posix_memalign(&second, alignment, sizes[i]), 0);
            check_aligned(first, alignment, sizes[i]);
            check_aligned(second, alignment, sizes[i]);
            CHECK(first != second && neighbour != first && neighbour != second);
            free(first);
            free(neighbour);
            free(second);
        }
    }
    void *block = heap_alloc_aligned(100, 32768);
    check_aligned(block, 32768, 100);
    heap_free(block);
    block = (void *)1;
    CHECK_EQUAL(posix_memalign(&block, 24, 100), EINVAL);
    CHECK_EQUAL(posix_memalign(&block, 4, 100), EINVAL); // smaller than a pointer
    CHECK(block == (void *)1);
}

void case_heap_alignment(void)
{
    run_on_all(alignment_of_all_kinds, NULL);
}

static bool holds_pattern(const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != (unsigned char)(i * 31 + i / 256))
            return false;
    return true;
}

void case_heap_realloc(void)
{
    static const size_t sizes[] = {1, 17, 100, 1000, 5000, 40000, 200000, 30000, 64, 5, 1000000, 2};
    unsigned char *bytes = NULL;
    size_t had = 0;
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        bytes = realloc(bytes, sizes[i]);
        if (!CHECK(bytes != NULL))
            return;
        CHECK(holds_pattern(bytes, had < sizes[i] ? had : sizes[i]));
        had = sizes[i];
        for (size_t k = 0; k < had; k++)
            bytes[k] = (unsigned char)(k * 31 + k / 256);
    }
    volatile size_t too_much = SIZE_MAX / 2;
    unsigned char *kept = bytes;
    __asm__("" : "+r"(kept)); // the compiler takes every block for gone after realloc
    if (CHECK(realloc(bytes, too_much) == NULL)) {
        CHECK(holds_pattern(kept, had));
        free(kept);
    }
}

void case_heap_limits(void)
{
    // Not for the compiler to reason about.
    volatile size_t huge = SIZE_MAX, half = SIZE_MAX / 2 + 2;
    errno = 0;
    CHECK(malloc(huge) == NULL);
    CHECK_EQUAL(errno, ENOMEM);
    errno = 0;
    CHECK(calloc(half, 2) == NULL);
    CHECK_EQUAL(errno, ENOMEM);
    CHECK(malloc(huge / 4) == NULL);
    CHECK(malloc((size_t)1 << 40) == NULL);
    CHECK(malloc((size_t)1 << 45) == NULL); // pages that 32 bits do not count

    void *one = malloc(0), *other = malloc(0);
    CHECK(one != NULL && other != NULL && one != other);
    free(one);
    free(other);
    unsigned char *dirty = malloc(3000);
    memset(dirty, 0xff, 3000);
    free(dirty);
    unsigned char *zeroed = calloc(100, 30);
    for (size_t i = 0; i < 3000; i++)
        if (!CHECK_EQUAL(zeroed[i], 0))
            break;
    free(zeroed);
}

struct travel {
    unsigned owner;
    void *small[SMALL_BLOCKS], *aligned[LARGE_BLOCKS], *large[LARGE_BLOCKS];
    uint64_t free_before, free_between;
};

static void allocate_all(void *argument)
{
    struct travel *travel = argument;
    travel->free_before = free_bytes_here();
    for (size_t i = 0; i < SMALL_BLOCKS; i++) {
        travel->small[i] = malloc(100);
        CHECK(travel->small[i] != NULL);
    }
    for (size_t i = 0; i < LARGE_BLOCKS; i++) {
        travel->aligned[i] = aligned_alloc(1024, 2000);
        travel->large[i] = malloc(LARGE_BYTES);
        CHECK(travel->aligned[i] != NULL && travel->large[i] != NULL);
    }
    travel->free_between = free_bytes_here();
    CHECK(travel->free_between + LARGE_BLOCKS * LARGE_BYTES <= travel->free_before);
}

static void free_all(void *argument)
{
    struct travel *travel = argument;
    uint64_t free_bytes = free_bytes_here();
    for (size_t i = 0; i < SMALL_BLOCKS; i++)
        free(travel->small[i]);
    for (size_t i = 0; i < LARGE_BLOCKS; i++) {
        free(travel->aligned[i]);
        free(travel->large[i]);
    }
    if (core_index() != travel->owner)
        CHECK(free_bytes_here() <= free_bytes); // nothing of it stays here
}

static bool all_came_home(void *context)
{
    const struct travel *travel = context;
    return free_bytes_here() + 6 * KEPT_BYTES >= travel->free_before;
}

static void expect_all_home(void *argument)
{
    CHECK(run_until(all_came_home, argument, TIMEOUT_MS));
}

// What one core allocated and another freed is the first one's again.
void case_heap_free_elsewhere(void)
{
    static struct travel travel;
    unsigned last = run_last_core();
    for (unsigned round = 0; round < 4; round++) {
        travel.owner = round % 2 ? last : 0;
        run_on(travel.owner, allocate_all, &travel);
        run_on(round % 2 ? 0 : last, free_all, &travel);
        run_on(travel.owner, expect_all_home, &travel);
    }
}

static void *take_all(size_t size_bytes, void *chain)
{
    for (void **block; (block = malloc(size_bytes)) != NULL; chain = block)
        *block = chain;
    CHECK_EQUAL(errno, ENOMEM);
    return chain;
}

static void never_runs(void *argument)
{
    (void)argument;
    CHECK(!"a thread that was not created");
}

static void free_chain(void *chain)
{
    while (chain != NULL) {
        void *next = *(void **)chain;
        free(chain);
        chain = next;
    }
}

// Takes this core's memory to the last block, and what others lend it; sees every kind of request
// fail while the others still have some, and gives it all back.
static void exhaust(void)
{
    uint64_t free_bytes = free_bytes_here();
    errno = 0;
    void *chain = take_all(1 << 20, NULL);
    chain = take_all(32 << 10, chain);
    chain = take_all(2000, chain);
    chain = take_all(16, chain);
    // What heap blocks cannot use: pages here and there.
    void *pages = NULL;
    for (void **page; (page = page_alloc(1)) != NULL; pages = page)
        *page = pages;
    CHECK_EQUAL(free_bytes_here(), 0);
    CHECK(malloc(1) == NULL);
    CHECK(calloc(1, 1) == NULL);
    CHECK(aligned_alloc(4096, 50000) == NULL);
    CHECK(page_alloc(1) == NULL);
    CHECK(thread_create_with_stack("none", never_runs, NULL, 1 << 20) == NULL);
    run_barrier();
    run_barrier(); // the others have looked
    while (pages != NULL) {
        void *page = pages;
        pages = *(void **)page;
        page_free(page, 1);
    }
    free_chain(chain);
    CHECK(free_bytes_here() + 8 * KEPT_BYTES >= free_bytes);
    void *block = malloc(1 << 20);
    CHECK(block != NULL);
    free(block);
}

static void others_have_memory(void *argument)
{
    const unsigned *exhausted = argument;
    if (core_index() == *exhausted) {
        exhaust();
        return;
    }
    run_barrier();
    void *block = malloc(1 << 20); // a core keeps a reserve to itself
    CHECK(block != NULL);
    free(block);
    run_barrier();
}

void case_heap_exhaustion(void)
{
    for (unsigned core = 0; core < core_count(); core++)
        if (core_is_online(core))
            run_on_all(others_have_memory, &core);
}

static uint64_t total_bytes_of_all(void)
{
    struct machine_stats stats;
    machine_stats_get(&stats);
    return stats.memory_total_bytes;
}

// Twice what it has: whole pieces of others become this core's own.
static void borrow(void *argument)
{
    (void)argument;
    uint64_t had = page_stats_of(core_index()).total_bytes, taken = 0;
    uint64_t all = total_bytes_of_all();
    void *chain = NULL;
    for (void **block; taken < 2 * had && (block = malloc(1 << 20)) != NULL; chain = block) {
        *block = chain;
        taken += 1 << 20;
    }
    CHECK(taken > had);
    uint64_t has = page_stats_of(core_index()).total_bytes;
    CHECK(has > had && (has - had) % PAGE_PIECE_BYTES == 0);
    CHECK_EQUAL(total_bytes_of_all(), all);
    free_chain(chain);
    CHECK_EQUAL(page_stats_of(core_index()).total_bytes, has);
}

// Before the other cases move memory: all cores have about the same.
void case_heap_borrowing(void)
{
    if (run_core_count() > 2)
        run_on(run_last_core(), borrow, NULL);
}

void case_heap_statistics(void)
{
    struct heap_stats before = heap_stats_of(core_index());
    void *small = malloc(50), *large = malloc(LARGE_BYTES);
    __asm__ volatile("" : "+r"(small), "+r"(large)); // a pair that the compiler sees is left out
    struct heap_stats now = heap_stats_of(core_index());
    CHECK_EQUAL(now.blocks, before.blocks + 2);
    CHECK(now.used_bytes >= before.used_bytes + 50 + LARGE_BYTES);
    CHECK(now.held_bytes >= now.used_bytes && now.held_bytes_most >= now.held_bytes);
    free(small);
    free(large);
    now = heap_stats_of(core_index());
    CHECK_EQUAL(now.blocks, before.blocks);
    CHECK_EQUAL(now.used_bytes, before.used_bytes);
    for (unsigned core = 0; core < core_count(); core++)
        if (core_is_online(core))
            CHECK(heap_stats_of(core).held_bytes <= page_stats_of(core).total_bytes);
}

// SPDX-License-Identifier: MIT
// The allocator, included whole so that its lists can be held against a model that knows each page.
// Included once a program.
#pragma once

#include "host.h"
#include "seeded.h"

#include <string.h>

#include "fake_core.h"
#include "fake_memory.h"

#include "kernel/pages.c"

#define ARENA_BYTES       (48ull << 20)
#define LARGE_ARENA_BYTES (256ull << 20) // where many runs are wanted; little of it is touched
#define ARENA_FIRST       (FAKE_MEMORY_BASE / PAGE_BYTES)
#define ARENA_PAGES       (ARENA_BYTES / PAGE_BYTES)
#define CORES             4

static struct memory_range ranges[16];
static struct boot_info info = {.memory = ranges};

static inline void add_range(uint64_t first_page, uint64_t page_count, enum memory_type type)
{
    ranges[info.memory_count++] = (struct memory_range){FAKE_MEMORY_BASE + first_page * PAGE_BYTES,
                                                        page_count * PAGE_BYTES, type};
}

static inline int setup(void **state)
{
    (void)state;
    random_state = 88172645463325252ull;
    info.memory_count = 0;
    memset(&pool, 0, sizeof(pool));
    reclaimable = NULL;
    reclaim_next = MEMORY_USABLE;
    boundary_bits = NULL;
    piece_owner = NULL;
    bitmap_pages = 0;
    fake_core_reset();
    fake_core_join(0);
    return fake_memory_map(ARENA_BYTES) ? 0 : -1;
}

static inline int teardown(void **state)
{
    (void)state;
    fake_memory_unmap(ARENA_BYTES);
    return 0;
}

// Counts this core's free pages in `is_free`, and looks whether every link, length and mark agrees.
static inline uint64_t check_pool(uint8_t *is_free)
{
    uint64_t free_pages = 0, run_count = 0;
    for (unsigned class = 0; class < RUN_CLASSES; class ++) {
        const struct free_run *previous = NULL;
        for (struct free_run *run = pool.runs[class]; run != NULL; run = run->next) {
            uint64_t first = page_number(run), last = first + run->page_count - 1;
            FAKE_CHECK(first >= ARENA_FIRST && last < ARENA_FIRST + ARENA_PAGES);
            FAKE_CHECK(run->previous == previous && run_class(run->page_count) == class);
            FAKE_CHECK(boundary_is_set(first) && boundary_is_set(last));
            FAKE_CHECK(run_end(last)->run == run);
            for (uint64_t page = first; page <= last; page++) {
                FAKE_CHECK(page == first || page == last || !boundary_is_set(page));
                FAKE_CHECK(!is_free[page - ARENA_FIRST]);
                FAKE_CHECK(piece_owner[page / PIECE_PAGES] == core_index());
                is_free[page - ARENA_FIRST] = 1;
            }
            // Nothing stays in two pieces that could be one.
            FAKE_CHECK(!page_borders_own_run(first - 1) && !page_borders_own_run(last + 1));
            free_pages += run->page_count;
            run_count++;
            previous = run;
        }
    }
    for (unsigned i = 0; i < pool.large_count; i++) {
        uint64_t first = pool.large[i].first_page, end = first + pool.large[i].page_count;
        FAKE_CHECK(first >= ARENA_FIRST && end <= ARENA_FIRST + ARENA_PAGES);
        FAKE_CHECK(pool.large[i].page_count >= LARGE_RUN_PAGES);
        for (uint64_t page = first; page < end; page++) {
            FAKE_CHECK(!boundary_is_set(page) && !is_free[page - ARENA_FIRST]);
            FAKE_CHECK(piece_owner[page / PIECE_PAGES] == core_index());
            is_free[page - ARENA_FIRST] = 1;
        }
        FAKE_CHECK(!page_borders_own_run(first - 1) && !page_borders_own_run(end));
        for (unsigned j = 0; j < pool.large_count; j++)
            FAKE_CHECK(pool.large[j].first_page != end);
        free_pages += pool.large[i].page_count;
        run_count++;
    }
    FAKE_CHECK(pool.free_bytes == free_pages * PAGE_BYTES);
    return run_count;
}

static inline uint64_t run_count(void)
{
    static uint8_t is_free[ARENA_PAGES];
    memset(is_free, 0, sizeof(is_free));
    return check_pool(is_free);
}

// One range, all of the arena. Returns: bytes in the pool.
static inline uint64_t start_whole(void)
{
    add_range(0, ARENA_PAGES, MEMORY_USABLE);
    assert_int_equal(page_pool_start(&info), 0);
    return page_stats_of(0).total_bytes;
}

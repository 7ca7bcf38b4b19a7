// SPDX-License-Identifier: MIT
#include "kernel/pages.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/panic.h"

// Free runs are kept by the logarithm of their length, so that a search looks at few that do not
// fit.
#define RUN_CLASSES 40
#define PIECE_PAGES (PAGE_PIECE_BYTES / PAGE_BYTES)
// Runs of at least a piece are described in a table while it has room.
#define LARGE_RUN_PAGES PIECE_PAGES
#define LARGE_RUNS_MAX  64

struct free_run { // at the start of its first page
    struct free_run *next, *previous;
    size_t page_count;
};
struct free_run_end { // at the end of its last page
    struct free_run *run;
};

// A core keeps an eighth of its memory to itself, but at least this much.
#define RESERVE_BYTES (4ull << 20)
// With less free it asks others for more, so that it comes before it is needed.
#define LOW_BYTES    (2ull << 20)
#define PIECE_NOBODY 0xffff // on its way from one core to another

// For the whole physical address space in use. A core writes only the bits of pieces it owns: whole
// cache lines. A piece's owner is written by the core that gives it away and by the one that adopts
// it; others may look meanwhile whether it is theirs, which it is neither before nor after.
static uint64_t *boundary_bits;       // one a page: the first or last page of a free run
static _Atomic uint16_t *piece_owner; // one a piece: the core whose pool its pages belong to
static uint64_t bitmap_pages;
static PERCORE const struct boot_info *reclaimable; // core 0's
static PERCORE enum memory_type reclaim_next;
static void (*on_shortage)(size_t page_count);

static PERCORE_ZERO struct {
    struct free_run *runs[RUN_CLASSES];
    uint64_t run_classes;                  // one bit for each of them that is not empty
    struct page_run large[LARGE_RUNS_MAX]; // in no order
    unsigned large_count;
    uint64_t total_bytes, free_bytes;
    struct page_run near; // what is given out first; no pages: all the same
} pool;

static uint64_t page_number(const void *address)
{
    return (uintptr_t)address / PAGE_BYTES;
}

static bool boundary_is_set(uint64_t page)
{
    return boundary_bits[page / 64] >> page % 64 & 1;
}
static void boundary_set(uint64_t page)
{
    boundary_bits[page / 64] |= 1ull << page % 64;
}
static void boundary_clear(uint64_t page)
{
    boundary_bits[page / 64] &= ~(1ull << page % 64);
}

static bool page_is_own(uint64_t page)
{
    return page < bitmap_pages && atomic_load_explicit(&piece_owner[page / PIECE_PAGES],
                                                       memory_order_relaxed) == core_index();
}

// Whether `page` borders a free run of this core's pool.
static bool page_borders_own_run(uint64_t page)
{
    return page_is_own(page) && boundary_is_set(page);
}

static struct free_run_end *run_end(uint64_t last_page)
{
    return (struct free_run_end *)((last_page + 1) * PAGE_BYTES - sizeof(struct free_run_end));
}

static unsigned run_class(size_t page_count)
{
    return 63u - (unsigned)__builtin_clzll(page_count);
}

static void run_insert(uint64_t first, size_t page_count)
{
    pool.free_bytes += page_count * PAGE_BYTES;
    if (page_count >= LARGE_RUN_PAGES && pool.large_count < LARGE_RUNS_MAX) {
        pool.large[pool.large_count++] = (struct page_run){first, page_count};
        return;
    }
    struct free_run *run = (struct free_run *)(first * PAGE_BYTES);
    unsigned class = run_class(page_count);
    struct free_run **list = &pool.runs[class];
    pool.run_classes |= 1ull << class;
    *run = (struct free_run){.next = *list, .page_count = page_count};
    if (*list != NULL)
        (*list)->previous = run;
    *list = run;
    uint64_t last = first + page_count - 1;
    run_end(last)->run = run;
    boundary_set(first);
    boundary_set(last);
}

static void run_remove(struct free_run *run)
{
    unsigned class = run_class(run->page_count);
    if (run->previous != NULL)
        run->previous->next = run->next;
    else if ((pool.runs[class] = run->next) == NULL)
        pool.run_classes &= ~(1ull << class);
    if (run->next != NULL)
        run->next->previous = run->previous;
    uint64_t first = page_number(run);
    boundary_clear(first);
    boundary_clear(first + run->page_count - 1);
    pool.free_bytes -= run->page_count * PAGE_BYTES;
}

static struct page_run large_remove(unsigned index)
{
    struct page_run run = pool.large[index];
    pool.large[index] = pool.large[--pool.large_count];
    pool.free_bytes -= run.page_count * PAGE_BYTES;
    return run;
}

// Takes the free run of this core that ends before `end_page` out of the pool.
// Returns: its length, 0 when there is none.
static size_t take_run_before(uint64_t end_page)
{
    for (unsigned i = 0; i < pool.large_count; i++)
        if (pool.large[i].first_page + pool.large[i].page_count == end_page)
            return large_remove(i).page_count;
    if (end_page == 0 || !page_borders_own_run(end_page - 1))
        return 0;
    struct free_run *run = run_end(end_page - 1)->run;
    run_remove(run);
    return run->page_count;
}

static size_t take_run_from(uint64_t first_page)
{
    for (unsigned i = 0; i < pool.large_count; i++)
        if (pool.large[i].first_page == first_page)
            return large_remove(i).page_count;
    if (!page_borders_own_run(first_page))
        return 0;
    struct free_run *run = (struct free_run *)(first_page * PAGE_BYTES);
    run_remove(run);
    return run->page_count;
}

static bool page_is_free(uint64_t page)
{
    for (unsigned i = 0; i < pool.large_count; i++)
        if (page - pool.large[i].first_page < pool.large[i].page_count)
            return true;
    return boundary_is_set(page);
}

void page_free(void *pages, size_t count)
{
    uint64_t first = page_number(pages), end = first + count;
    ASSERT(count > 0 && (uintptr_t)pages % PAGE_BYTES == 0 && end <= bitmap_pages);
    ASSERT(page_is_own(first) && !page_is_free(first));
    first -= take_run_before(first);
    end += take_run_from(end);
    run_insert(first, end - first);
}

// Where `count` aligned pages could lie in a run, if they fit. Returns: the first of them, or 0.
static uint64_t run_fit(uint64_t first, size_t page_count, size_t count, size_t alignment_bytes)
{
    uint64_t start = ALIGN_UP(first, alignment_bytes / PAGE_BYTES);
    return start - first <= page_count && page_count - (start - first) >= count ? start : 0;
}

// The same at a run's end.
static uint64_t run_fit_at_end(const struct page_run *run, size_t count, size_t alignment_bytes)
{
    if (run->page_count < count)
        return 0;
    uint64_t start =
        ALIGN_DOWN(run->first_page + run->page_count - count, alignment_bytes / PAGE_BYTES);
    return start >= run->first_page ? start : 0;
}

// What two runs have in common.
static struct page_run run_common(const struct page_run *run, const struct page_run *within)
{
    uint64_t first = run->first_page, end = first + run->page_count;
    if (first < within->first_page)
        first = within->first_page;
    if (end > within->first_page + within->page_count)
        end = within->first_page + within->page_count;
    return (struct page_run){first, end > first ? end - first : 0};
}

// Takes [start, start + count) out of a run that was just removed; what is left goes back.
static void *run_carve(uint64_t first, size_t page_count, uint64_t start, size_t count)
{
    uint64_t end = first + page_count;
    if (start > first)
        run_insert(first, start - first);
    if (end > start + count)
        run_insert(start + count, end - (start + count));
    return (void *)(start * PAGE_BYTES);
}

static void *pool_take_within(size_t count, size_t alignment_bytes, const struct page_run *within)
{
    for (uint64_t left = pool.run_classes & ~0ull << run_class(count); left != 0;
         left &= left - 1) {
        for (struct free_run *run = pool.runs[__builtin_ctzll(left)]; run != NULL;
             run = run->next) {
            uint64_t start = run_fit(page_number(run), run->page_count, count, alignment_bytes);
            // A run at a border may be passed over: it is small.
            if (start == 0 || start - within->first_page >= within->page_count)
                continue;
            run_remove(run);
            return run_carve(page_number(run), run->page_count, start, count);
        }
    }
    // The highest: that is where firmware works, so the memory was touched before.
    uint64_t best = 0;
    unsigned best_run = 0;
    for (unsigned i = 0; i < pool.large_count; i++) {
        struct page_run run = run_common(&pool.large[i], within);
        uint64_t start = run_fit_at_end(&run, count, alignment_bytes);
        if (start > best) {
            best = start;
            best_run = i;
        }
    }
    if (best != 0) {
        struct page_run run = large_remove(best_run);
        return run_carve(run.first_page, run.page_count, best, count);
    }
    return NULL;
}

static void *pool_take(size_t count, size_t alignment_bytes)
{
    static const struct page_run anywhere = {0, UINT64_MAX};
    ASSERT(count > 0 && alignment_bytes >= PAGE_BYTES &&
           (alignment_bytes & (alignment_bytes - 1)) == 0);
    void *pages = NULL;
    if (pool.near.page_count != 0)
        pages = pool_take_within(count, alignment_bytes, &pool.near);
    return pages != NULL ? pages : pool_take_within(count, alignment_bytes, &anywhere);
}

void page_pool_prefer(const struct page_run *near)
{
    pool.near = *near;
}

// Page 0 stays unmapped: it catches null pointers.
static uint64_t range_first_page(const struct memory_range *range)
{
    return range->start_phys == 0 ? 1 : range->start_phys / PAGE_BYTES;
}

static uint64_t range_end_page(const struct memory_range *range)
{
    return (range->start_phys + range->size_bytes) / PAGE_BYTES;
}

static void pool_add(uint64_t first_page, uint64_t end_page)
{
    if (first_page >= end_page)
        return;
    page_free((void *)(first_page * PAGE_BYTES), end_page - first_page);
    pool.total_bytes += (end_page - first_page) * PAGE_BYTES;
}

// Adds all ranges of the next type, if there is one left. Returns: true if there was.
static bool reclaim_next_type(void)
{
    if (reclaimable == NULL || reclaim_next > MEMORY_BOOT_CODE)
        return false;
    for (size_t i = 0; i < reclaimable->memory_count; i++) {
        const struct memory_range *range = &reclaimable->memory[i];
        if (range->type == reclaim_next)
            pool_add(range_first_page(range), range_end_page(range));
    }
    reclaim_next++;
    return true;
}

void *page_alloc_aligned(size_t count, size_t alignment_bytes)
{
    void *pages = pool_take(count, alignment_bytes);
    while (pages == NULL && reclaim_next_type())
        pages = pool_take(count, alignment_bytes);
    if ((pages == NULL || pool.free_bytes < LOW_BYTES) && on_shortage != NULL &&
        count < bitmap_pages)
        on_shortage(pages == NULL ? count : 1);
    return pages;
}

void *page_alloc(size_t count)
{
    return page_alloc_aligned(count, PAGE_BYTES);
}

// The first page of a free range with room for `page_count`, or 0. Not in the first MiB, which is
// scarce and wanted for other things.
static uint64_t find_room(const struct boot_info *info, uint64_t page_count)
{
    for (size_t i = 0; i < info->memory_count; i++) {
        const struct memory_range *range = &info->memory[i];
        if (range->type == MEMORY_USABLE && range->start_phys >= 1 << 20 &&
            range_end_page(range) - range_first_page(range) >= page_count)
            return range_first_page(range);
    }
    return 0;
}

int page_pool_start(const struct boot_info *info)
{
    for (size_t i = 0; i < info->memory_count; i++) {
        const struct memory_range *range = &info->memory[i];
        if (range->type <= MEMORY_BOOT_CODE && range_end_page(range) > bitmap_pages)
            bitmap_pages = range_end_page(range);
    }
    bitmap_pages = ALIGN_UP(bitmap_pages, PIECE_PAGES);
    size_t bits_bytes = bitmap_pages / 8;
    size_t table_bytes = bits_bytes + bitmap_pages / PIECE_PAGES * sizeof(*piece_owner);
    uint64_t table_pages = (table_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    uint64_t table_first = find_room(info, table_pages);
    if (table_first == 0)
        return -ENOMEM;
    boundary_bits = (uint64_t *)(table_first * PAGE_BYTES);
    piece_owner = (_Atomic uint16_t *)((char *)boundary_bits + bits_bytes);
    memset(boundary_bits, 0, table_bytes); // core 0 owns every piece

    for (size_t i = 0; i < info->memory_count; i++) {
        const struct memory_range *range = &info->memory[i];
        uint64_t first = range_first_page(range);
        if (first == table_first)
            first += table_pages;
        if (range->type == MEMORY_USABLE)
            pool_add(first, range_end_page(range));
    }
    return 0;
}

void page_pool_reclaim(const struct boot_info *info)
{
    reclaimable = info;
    reclaim_next = MEMORY_BOOT_SERVICES;
    reclaim_next_type();
}

static void piece_set_owner(uint64_t first_page, size_t page_count, unsigned owner)
{
    for (uint64_t piece = first_page / PIECE_PAGES; piece < (first_page + page_count) / PIECE_PAGES;
         piece++)
        atomic_store_explicit(&piece_owner[piece], (uint16_t)owner, memory_order_relaxed);
}

// The whole pieces of a run that lie in `within` (NULL: anywhere).
static struct page_run pieces_of(const struct page_run *run, const struct page_run *within)
{
    struct page_run part = within == NULL ? *run : run_common(run, within);
    uint64_t start = ALIGN_UP(part.first_page, PIECE_PAGES);
    uint64_t end = ALIGN_DOWN(part.first_page + part.page_count, PIECE_PAGES);
    return (struct page_run){start, end > start ? end - start : 0};
}

uint64_t page_pool_free_pieces(const struct page_run *within)
{
    uint64_t page_count = 0;
    for (unsigned i = 0; i < pool.large_count; i++)
        page_count += pieces_of(&pool.large[i], within).page_count;
    return page_count / PIECE_PAGES;
}

// Takes up to `wanted` pages, in whole pieces, out of a large run, as far as they lie within.
// Returns: how many; then the run's place in the table holds another.
static uint64_t large_give(unsigned index, uint64_t wanted, const struct page_run *within,
                           struct page_run *given)
{
    struct page_run run = pool.large[index];
    struct page_run part = pieces_of(&run, within);
    uint64_t start = part.first_page, count = part.page_count < wanted ? part.page_count : wanted;
    if (count == 0)
        return 0;
    large_remove(index);
    // From the start: this core goes on at the end, where memory was touched before.
    run_carve(run.first_page, run.page_count, start, count);
    piece_set_owner(start, count, PIECE_NOBODY);
    pool.total_bytes -= count * PAGE_BYTES;
    *given = (struct page_run){start, count};
    return count;
}

void page_pool_split(uint64_t size_bytes, const struct page_run *within, struct page_share *share)
{
    uint64_t wanted = size_bytes / PAGE_PIECE_BYTES * PIECE_PAGES;
    for (unsigned i = 0;
         i < pool.large_count && wanted > 0 && share->run_count < PAGE_SHARE_RUNS;) {
        uint64_t count = large_give(i, wanted, within, &share->runs[share->run_count]);
        wanted -= count;
        if (count == 0)
            i++;
        else
            share->run_count++;
    }
}

bool page_pool_lend(size_t page_count, struct page_run *run)
{
    uint64_t reserve = pool.total_bytes / 8 > RESERVE_BYTES ? pool.total_bytes / 8 : RESERVE_BYTES;
    uint64_t wanted = ALIGN_UP(page_count, PIECE_PAGES);
    if (pool.free_bytes < reserve || wanted > (pool.free_bytes - reserve) / PAGE_BYTES)
        return false;
    for (unsigned i = 0; i < pool.large_count; i++)
        if (pool.large[i].page_count >= wanted &&
            run_fit(pool.large[i].first_page, pool.large[i].page_count, wanted, PAGE_PIECE_BYTES) !=
                0)
            return large_give(i, wanted, NULL, run) == wanted;
    return false;
}

void page_pool_on_shortage(void (*shortage)(size_t page_count))
{
    on_shortage = shortage;
}

void page_pool_adopt(const struct page_share *share)
{
    for (unsigned i = 0; i < share->run_count; i++) {
        piece_set_owner(share->runs[i].first_page, share->runs[i].page_count, core_index());
        pool_add(share->runs[i].first_page, share->runs[i].first_page + share->runs[i].page_count);
    }
}

uint64_t page_pool_end_phys(void)
{
    return bitmap_pages * PAGE_BYTES;
}

struct page_stats page_stats_of(unsigned core)
{
    const typeof(pool) *of = core_local_of(core, &pool);
    return of == NULL ? (struct page_stats){0}
                      : (struct page_stats){of->total_bytes, of->free_bytes};
}

uint64_t page_longest_free_bytes(unsigned core)
{
    const typeof(pool) *of = core_local_of(core, &pool);
    if (of == NULL)
        return 0;
    uint64_t pages = of->run_classes == 0 ? 0 : 1ull << run_class(of->run_classes);
    for (unsigned i = 0; i < of->large_count; i++)
        if (of->large[i].page_count > pages)
            pages = of->large[i].page_count;
    return pages * PAGE_BYTES;
}

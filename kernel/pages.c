// SPDX-License-Identifier: MIT
#include "kernel/pages.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/panic.h"

// Free runs are kept by the logarithm of their length, so that a search looks at few that do not fit.
#define RUN_CLASSES 40
#define PIECE_PAGES (PAGE_PIECE_BYTES / PAGE_BYTES)

struct free_run { // at the start of its first page
    struct free_run *next, *previous;
    size_t page_count;
};
struct free_run_end { // at the end of its last page
    struct free_run *run;
};

// For the whole physical address space in use. A core writes only the bits of pieces it owns: whole
// cache lines. Owners are written by core 0 while it shares memory out; meanwhile a core may look at
// those of its neighbours, which are never itself, before and after.
static uint64_t *boundary_bits;       // one a page: the first or last page of a free run
static _Atomic uint16_t *piece_owner; // one a piece: the core whose pool its pages belong to
static uint64_t bitmap_pages;

static PERCORE struct {
    struct free_run *runs[RUN_CLASSES];
    uint64_t total_bytes, free_bytes;
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

static void run_insert(void *address, size_t page_count)
{
    struct free_run *run = address;
    struct free_run **list = &pool.runs[run_class(page_count)];
    *run = (struct free_run){.next = *list, .page_count = page_count};
    if (*list != NULL)
        (*list)->previous = run;
    *list = run;
    uint64_t first = page_number(run), last = first + page_count - 1;
    run_end(last)->run = run;
    boundary_set(first);
    boundary_set(last);
    pool.free_bytes += page_count * PAGE_BYTES;
}

static void run_remove(struct free_run *run)
{
    if (run->previous != NULL)
        run->previous->next = run->next;
    else
        pool.runs[run_class(run->page_count)] = run->next;
    if (run->next != NULL)
        run->next->previous = run->previous;
    uint64_t first = page_number(run);
    boundary_clear(first);
    boundary_clear(first + run->page_count - 1);
    pool.free_bytes -= run->page_count * PAGE_BYTES;
}

void page_free(void *pages, size_t count)
{
    uint64_t first = page_number(pages);
    ASSERT(count > 0 && (uintptr_t)pages % PAGE_BYTES == 0 && first + count <= bitmap_pages);
    ASSERT(page_is_own(first) && !boundary_is_set(first));
    if (first > 0 && page_borders_own_run(first - 1)) {
        struct free_run *before = run_end(first - 1)->run;
        run_remove(before);
        count += before->page_count;
        pages = before;
    }
    uint64_t end = page_number(pages) + count;
    if (page_borders_own_run(end)) {
        struct free_run *after = (struct free_run *)(end * PAGE_BYTES);
        run_remove(after);
        count += after->page_count;
    }
    run_insert(pages, count);
}

// Takes [start, start + count pages) out of `run`, which holds it; what is left goes back.
static void *run_carve(struct free_run *run, uintptr_t start, size_t count)
{
    uintptr_t run_start = (uintptr_t)run, end = run_start + run->page_count * PAGE_BYTES;
    uintptr_t carved_end = start + count * PAGE_BYTES;
    run_remove(run);
    if (start > run_start)
        run_insert(run, (start - run_start) / PAGE_BYTES);
    if (end > carved_end)
        run_insert((void *)carved_end, (end - carved_end) / PAGE_BYTES);
    return (void *)start;
}

void *page_alloc_aligned(size_t count, size_t alignment_bytes)
{
    ASSERT(count > 0 && alignment_bytes >= PAGE_BYTES &&
           (alignment_bytes & (alignment_bytes - 1)) == 0);
    for (unsigned class = run_class(count); class < RUN_CLASSES; class ++) {
        for (struct free_run *run = pool.runs[class]; run != NULL; run = run->next) {
            uintptr_t start = ALIGN_UP((uintptr_t)run, alignment_bytes);
            size_t lost_pages = (start - (uintptr_t)run) / PAGE_BYTES;
            if (run->page_count >= lost_pages && run->page_count - lost_pages >= count)
                return run_carve(run, start, count);
        }
    }
    return NULL;
}

void *page_alloc(size_t count)
{
    return page_alloc_aligned(count, PAGE_BYTES);
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

static void pool_add(uint64_t first_page, uint64_t end_page)
{
    if (first_page >= end_page)
        return;
    page_free((void *)(first_page * PAGE_BYTES), end_page - first_page);
    pool.total_bytes += (end_page - first_page) * PAGE_BYTES;
}

int page_pool_start(const struct boot_info *info)
{
    for (size_t i = 0; i < info->memory_count; i++) {
        const struct memory_range *range = &info->memory[i];
        if (range->type <= MEMORY_BOOT_SERVICES && range_end_page(range) > bitmap_pages)
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
    for (size_t i = 0; i < info->memory_count; i++) {
        const struct memory_range *range = &info->memory[i];
        if (range->type == MEMORY_BOOT_SERVICES)
            pool_add(range_first_page(range), range_end_page(range));
    }
}

static void piece_set_owner(uintptr_t start, size_t count, unsigned owner)
{
    for (uint64_t piece = start / PAGE_PIECE_BYTES;
         piece < (start + count * PAGE_BYTES) / PAGE_PIECE_BYTES; piece++)
        atomic_store_explicit(&piece_owner[piece], (uint16_t)owner, memory_order_relaxed);
}

void *page_pool_split(unsigned heir, uint64_t size_bytes)
{
    struct free_run *list = NULL;
    for (unsigned class = RUN_CLASSES; class-- > 0 && size_bytes >= PAGE_PIECE_BYTES;) {
        struct free_run *next;
        for (struct free_run *run = pool.runs[class]; run != NULL; run = next) {
            next = run->next;
            uintptr_t start = ALIGN_UP((uintptr_t)run, PAGE_PIECE_BYTES);
            uintptr_t end = ALIGN_DOWN((uintptr_t)run + run->page_count * PAGE_BYTES,
                                       PAGE_PIECE_BYTES);
            if (end <= start)
                continue;
            uint64_t take_bytes = end - start;
            if (take_bytes > size_bytes)
                take_bytes = ALIGN_DOWN(size_bytes, PAGE_PIECE_BYTES);
            if (take_bytes == 0)
                break;
            // From the end, so that what is left stays in one piece.
            struct free_run *taken = run_carve(run, end - take_bytes, take_bytes / PAGE_BYTES);
            *taken = (struct free_run){.next = list, .page_count = take_bytes / PAGE_BYTES};
            list = taken;
            piece_set_owner((uintptr_t)taken, taken->page_count, heir);
            pool.total_bytes -= take_bytes;
            size_bytes -= take_bytes;
            if (size_bytes < PAGE_PIECE_BYTES)
                break;
            next = pool.runs[class]; // carving changed the list
        }
    }
    return list;
}

void page_pool_adopt(void *first_run)
{
    struct free_run *next;
    for (struct free_run *run = first_run; run != NULL; run = next) {
        next = run->next;
        size_t count = run->page_count; // page_pool_split() made the pieces this core's
        page_free(run, count);
        pool.total_bytes += count * PAGE_BYTES;
    }
}

struct page_stats page_stats_of(unsigned core)
{
    const typeof(pool) *of = core_local_of(core, &pool);
    return of == NULL ? (struct page_stats){0}
                      : (struct page_stats){of->total_bytes, of->free_bytes};
}

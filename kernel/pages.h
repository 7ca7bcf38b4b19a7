// SPDX-License-Identifier: MIT
// Physical pages, 4 KiB each. RAM is identity-mapped, so a page's address is also its physical
// address and can be given to a device. Each core has its own pool and never touches another's.
//
// A free run of pages holds its own description, at the start of its first page and at the end of
// its last; one bit a page says which pages those are. So runs of any length coalesce at once with
// their neighbours, and nothing grows with the amount of memory but that bitmap. Large runs are
// kept in a short table instead: memory that nobody asked for is never touched, so under a
// hypervisor it is never there.
#pragma once

#include "kernel/boot_info.h"
#include "kernel/compiler.h"

#define PAGE_BYTES 4096u
// Memory is shared out among cores in pieces of this size: one piece's bitmap is a cache line.
#define PAGE_PIECE_BYTES (2ull << 20)

// Adds all free memory of the map to this core's pool, but page 0 and the bitmap.
// Returns: 0, or -ENOMEM when no range has room for the bitmap.
int page_pool_start(const struct boot_info *info) MUST_CHECK;
// To be called when nothing of the firmware's, its tables or its stack, is in use any more: the
// memory of boot services joins this core's pool. What held the firmware's code comes only when all
// else is gone: an emulator goes on treating a page that held code as code, and each write to it
// costs a thousand times what it should. *info must stay.
void page_pool_reclaim(const struct boot_info *info);
// Memory changes its core in whole pieces: one core takes it out of its pool, a message or the boot
// carries it, the other adopts it.
struct page_run {
    uint64_t first_page, page_count;
};
#define PAGE_SHARE_RUNS 16
struct page_share {
    struct page_run runs[PAGE_SHARE_RUNS];
    unsigned run_count;
};
// Takes up to size_bytes of free memory, as far as it lies in `within` (NULL: anywhere), and adds
// it to *share.
void page_pool_split(uint64_t size_bytes, const struct page_run *within, struct page_share *share);
void page_pool_adopt(const struct page_share *share);
// Whole free pieces of this core in `within`.
uint64_t page_pool_free_pieces(const struct page_run *within);
// Memory in `near` is given out before any other of this core's. One range; it is copied.
void page_pool_prefer(const struct page_run *near);
// Takes one run with room for `page_count` pages, as long as this core keeps a reserve.
// Returns: false if there is none to be spared.
bool page_pool_lend(size_t page_count, struct page_run *run) MUST_CHECK;
// What is called when this core's pool could not give `page_count` pages, or is nearly empty after
// it gave some. It must not block, nor allocate.
void page_pool_on_shortage(void (*shortage)(size_t page_count));

// `count` contiguous pages from this core's pool, their content undefined.
// Returns: page-aligned address, or NULL when the pool has none such.
void *page_alloc(size_t count) MUST_CHECK;
// The same, aligned to `alignment_bytes`, a power of two of at least PAGE_BYTES.
void *page_alloc_aligned(size_t count, size_t alignment_bytes) MUST_CHECK;
// Gives back pages of this core, or a part of them.
void page_free(void *pages, size_t count);

// No page lies at or above this address. Read-only after page_pool_start().
uint64_t page_pool_end_phys(void);

struct page_stats {
    uint64_t total_bytes, free_bytes; // of one core's pool
};
struct page_stats page_stats_of(unsigned core);
// The longest run that is free in one core's pool. One below PAGE_PIECE_BYTES is rounded down to a
// power of two: at least so much is there.
uint64_t page_longest_free_bytes(unsigned core);

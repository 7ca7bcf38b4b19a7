// SPDX-License-Identifier: MIT
#include "kernel/heap.h"

#include <string.h>

#include "kernel/core.h"
#include "kernel/heap_internal.h"
#include "kernel/options.h"
#include "kernel/pages.h"
#include "kernel/panic.h"

#define DIRECT_MAX 1024u // up to here a table leads from the size to the span
// Units of 16 bytes in the lower bits, blocks in the upper: one addition counts both.
#define COST_BLOCK       (1ull << 36)
#define COST(size_bytes) (COST_BLOCK + (size_bytes) / HEAP_ALIGNMENT)
#define KEPT_LARGE_PAGES 64u // the largest block whose span is kept for the next of its size
#define NOINLINE         __attribute__((noinline))
#define EXTEND_BYTES     4096u // of a span's fresh blocks made free at once

#pragma weak heap_debug_alloc // not linked into every app
#pragma weak heap_debug_free
#pragma weak heap_debug_came_home
#pragma weak heap_debug_usable_bytes

// Stands where there is no span: it never has a free block.
static struct span no_span = {.tag = SPAN_MAGIC | SPAN_FULL};

static PERCORE_ZERO struct {
    struct span *direct[DIRECT_MAX / 16 + 1]; // by size / 16, rounded up: the same as in `current`
    struct span *current[CLASS_COUNT];        // which blocks are taken from
    struct span *open[CLASS_COUNT];           // others with a free block
    struct span *kept_large;                  // freed last, for the next of its size; or NULL
    uint64_t allocated, freed;                // sums of COST(); their difference is what is in use
    uintptr_t address_range; // blocks lie in [SPAN_BYTES, SPAN_BYTES + address_range)
    uint32_t tag;            // of this core's open spans; 0 while debugging: nothing is fast then
    bool is_debugging;
    uint64_t held_bytes, held_bytes_most;
} heap;
static void (*remote_free_block)(unsigned owner, void *block);

// ---- spans --------------------------------------------------------------------------------------

static COLD NOINLINE _Noreturn void panic_no_block(const void *address)
{
    panic("heap: %p is not a block of the heap, but was to be freed or measured", address);
}

static inline bool address_is_possible(const void *address)
{
    return (uintptr_t)address - SPAN_BYTES < heap.address_range;
}

static inline struct span *span_around(const void *address)
{
    return (struct span *)((uintptr_t)address & ~(uintptr_t)(SPAN_BYTES - 1));
}

struct span *heap_span_of(const void *address)
{
    if (!address_is_possible(address))
        panic_no_block(address);
    struct span *span = span_around(address);
    if ((span_tag(span) & SPAN_MAGIC_MASK) != SPAN_MAGIC)
        panic_no_block(address);
    return span;
}

static uint32_t own_tag(uint32_t kind)
{
    return SPAN_MAGIC | kind | core_index();
}

static void span_set_tag(struct span *span, uint32_t tag)
{
    atomic_store_explicit(&span->tag, tag, memory_order_relaxed);
}

static uint32_t span_kind(const struct span *span)
{
    return span_tag(span) & SPAN_KIND_MASK;
}

static NOINLINE struct span *span_create(size_t page_count, uint32_t kind)
{
    struct span *span = page_alloc_aligned(page_count, SPAN_BYTES);
    if (span == NULL)
        return NULL;
    *span = (struct span){.tag = own_tag(kind), .page_count = (uint32_t)page_count};
    heap.held_bytes += page_count * PAGE_BYTES;
    if (heap.held_bytes > heap.held_bytes_most)
        heap.held_bytes_most = heap.held_bytes;
    return span;
}

static NOINLINE void span_destroy(struct span *span)
{
    span_set_tag(span, 0);
    heap.held_bytes -= span->page_count * (uint64_t)PAGE_BYTES;
    page_free(span, span->page_count);
}

static void span_link(struct span *span)
{
    struct span **list = &heap.open[span->class];
    span->previous = NULL;
    span->next = *list;
    if (*list != NULL)
        (*list)->previous = span;
    *list = span;
}

static void span_unlink(struct span *span)
{
    if (span->previous != NULL)
        span->previous->next = span->next;
    else
        heap.open[span->class] = span->next;
    if (span->next != NULL)
        span->next->previous = span->previous;
}

// Makes blocks free that never were: a few, so that memory is touched as it is needed.
static COLD NOINLINE void span_extend(struct span *span)
{
    uint32_t end = span->fresh_offset + EXTEND_BYTES;
    struct heap_block **link = &span->free;
    do {
        struct heap_block *block = (struct heap_block *)((char *)span + span->fresh_offset);
        *link = block;
        link = &block->next;
        span->fresh_offset += span->block_bytes;
    } while (span->fresh_offset + span->block_bytes <= (end < SPAN_BYTES ? end : SPAN_BYTES));
    *link = NULL;
}

static bool span_has_fresh(const struct span *span)
{
    return span != &no_span && span->fresh_offset + span->block_bytes <= SPAN_BYTES;
}

static COLD NOINLINE struct span *span_create_small(unsigned class)
{
    struct span *span = span_create(SPAN_BYTES / PAGE_BYTES, SPAN_OPEN);
    if (span == NULL)
        return NULL;
    span->class = (uint8_t) class;
    span->block_bytes = class_bytes(class);
    span->inverse = UINT64_MAX / span->block_bytes + 1;
    span->cost = COST(span->block_bytes);
    span->fresh_offset = SPAN_HEADER;
    return span;
}

static COLD NOINLINE void set_current(unsigned class, struct span *span)
{
    if (heap.current[class] != &no_span)
        heap.current[class]->used_count--;
    if (span != &no_span)
        span->used_count++; // never 0, so that it stays: the next block is likely soon
    heap.current[class] = span;
    unsigned last = class_bytes(class) / 16;
    if (heap.is_debugging || last > DIRECT_MAX / 16)
        return;
    for (unsigned i = class == 0 ? 0 : class_bytes(class - 1) / 16 + 1; i <= last; i++)
        heap.direct[i] = span;
}

void heap_start_core(void)
{
    heap.address_range = page_pool_end_phys() - SPAN_BYTES;
    const char *option = heap_debug_alloc == NULL ? NULL : option_get("heap");
    heap.is_debugging = option != NULL && strcmp(option, "debug") == 0;
    for (unsigned i = 0; i < ARRAY_COUNT(heap.direct); i++)
        heap.direct[i] = &no_span;
    for (unsigned class = 0; class < CLASS_COUNT; class ++)
        heap.current[class] = &no_span;
    heap.tag = heap.is_debugging ? 0 : own_tag(SPAN_OPEN);
}

// Gives back the spans that are kept though all their blocks are free. Returns: true if there was
// one.
static COLD NOINLINE bool release_kept(void)
{
    bool any = heap.kept_large != NULL;
    if (any)
        span_destroy(heap.kept_large);
    heap.kept_large = NULL;
    for (unsigned class = 0; class < CLASS_COUNT; class ++) {
        struct span *span = heap.current[class];
        if (span == &no_span || span->used_count != 1)
            continue;
        set_current(class, &no_span);
        span_destroy(span);
        any = true;
    }
    return any;
}

// ---- allocating ---------------------------------------------------------------------------------

// Takes a block out of a span, or NULL if it has none free.
static inline void *span_take(struct span *span)
{
    struct heap_block *block = span->free;
    if (__builtin_expect(block == NULL, 0))
        return NULL;
    span->free = block->next;
    heap.allocated += span->cost;
    span->used_count++;
    return block;
}

// The current span of the class is used up: takes a block from another, which is the current one
// from now on.
static COLD NOINLINE void *refill(unsigned class)
{
    struct span *span = heap.current[class];
    if (!span_has_fresh(span)) {
        struct span *next = heap.open[class];
        if (next != NULL)
            span_unlink(next);
        else if ((next = span_create_small(class)) == NULL && release_kept())
            next = span_create_small(class);
        if (next == NULL)
            return NULL;
        if (span != &no_span)
            span_set_tag(span, own_tag(SPAN_FULL));
        set_current(class, next);
        span = next;
    }
    if (span->free == NULL)
        span_extend(span);
    return span_take(span);
}

static void *small_alloc(size_t size_bytes)
{
    unsigned class = class_of(size_bytes);
    void *block = span_take(heap.current[class]);
    return __builtin_expect(block != NULL, 1) ? block : refill(class);
}

// Programs take buffers of one size again and again: to cut them out of the pool and to put them
// back is the most of what they cost.
static struct span *large_span(size_t page_count)
{
    struct span *span = heap.kept_large;
    if (span != NULL && span->page_count == page_count) {
        heap.kept_large = NULL;
        span_set_tag(span, own_tag(SPAN_LARGE));
        return span;
    }
    span = span_create(page_count, SPAN_LARGE);
    return span == NULL && release_kept() ? span_create(page_count, SPAN_LARGE) : span;
}

static void large_free(struct span *span)
{
    heap.freed += span->cost;
    if (span->page_count > KEPT_LARGE_PAGES) {
        span_destroy(span);
        return;
    }
    if (heap.kept_large != NULL)
        span_destroy(heap.kept_large);
    heap.kept_large = span;
    span_set_tag(span, 0); // no block of it is there
}

static NOINLINE void *large_alloc(size_t size_bytes, size_t offset)
{
    if (size_bytes > SIZE_MAX / 2)
        return NULL;
    size_t page_count = (size_bytes + offset + PAGE_BYTES - 1) / PAGE_BYTES;
    if (page_count > UINT32_MAX)
        return NULL;
    struct span *span = large_span(page_count);
    if (span == NULL)
        return NULL;
    span->fresh_offset = (uint32_t)offset;
    span->cost = COST(page_count * PAGE_BYTES);
    heap.allocated += span->cost;
    return (char *)span + offset;
}

void *heap_raw_alloc(size_t size_bytes)
{
    return size_bytes <= SMALL_MAX ? small_alloc(size_bytes) : large_alloc(size_bytes, SPAN_HEADER);
}

static NOINLINE void *alloc_not_direct(size_t size_bytes, void *(*otherwise)(size_t size_bytes))
{
    void *block = NULL;
    if (__builtin_expect(heap.is_debugging, 0))
        block = heap_debug_alloc(size_bytes, HEAP_ALIGNMENT);
    else
        block = heap_raw_alloc(size_bytes);
    return block == NULL && otherwise != NULL ? otherwise(size_bytes) : block;
}

void *heap_alloc_or(size_t size_bytes, void *(*otherwise)(size_t size_bytes))
{
    if (size_bytes <= DIRECT_MAX) {
        void *block = span_take(heap.direct[(size_bytes + 15) / 16]);
        if (__builtin_expect(block != NULL, 1))
            return block;
    }
    return alloc_not_direct(size_bytes, otherwise);
}

void *heap_alloc(size_t size_bytes)
{
    return heap_alloc_or(size_bytes, NULL);
}

void *heap_alloc_zeroed(size_t size_bytes)
{
    void *block = heap_alloc(size_bytes);
    if (block != NULL)
        memset(block, 0, size_bytes);
    return block;
}

void *heap_alloc_aligned(size_t size_bytes, size_t alignment_bytes)
{
    ASSERT((alignment_bytes & (alignment_bytes - 1)) == 0 && alignment_bytes <= SPAN_BYTES / 2);
    if (alignment_bytes <= HEAP_ALIGNMENT)
        return heap_alloc(size_bytes);
    if (heap.is_debugging)
        return heap_debug_alloc(size_bytes, alignment_bytes);
    if (size_bytes == 0) // else it could lie at the end of its span
        size_bytes = 1;
    if (alignment_bytes > SMALL_MAX || size_bytes > SMALL_MAX - alignment_bytes)
        return large_alloc(size_bytes,
                           alignment_bytes > SPAN_HEADER ? alignment_bytes : SPAN_HEADER);
    // Blocks whose size is a multiple of it are aligned as they are, up to where the first lies.
    if (alignment_bytes <= SPAN_HEADER) {
        while (class_bytes(class_of(size_bytes)) % alignment_bytes != 0)
            size_bytes = class_bytes(class_of(size_bytes)) + 1;
        return heap_alloc(size_bytes);
    }
    void *block = heap_alloc(size_bytes + alignment_bytes);
    if (block == NULL)
        return NULL;
    uintptr_t aligned = ALIGN_UP((uintptr_t)block, alignment_bytes);
    if (aligned != (uintptr_t)block)
        span_around(block)->has_aligned = true;
    return (void *)aligned;
}

// ---- freeing ------------------------------------------------------------------------------------

// `offset` from the first block is a multiple of the block's size exactly if the product, modulo
// 2^64, is below the inverse. Source: Lemire, Kaser, Kurz, "Faster remainder by direct computation
// when the divisor is known in advance" (2019).
static inline bool is_block_start(const struct span *span, uint64_t offset)
{
    return offset * span->inverse < span->inverse;
}

static size_t offset_in_span(const struct span *span, const void *address)
{
    return (size_t)((const char *)address - (const char *)span) - SPAN_HEADER;
}

// The start of the block that `address` is in.
static void *block_start(const struct span *span, const void *address)
{
    size_t offset = offset_in_span(span, address);
    return (char *)span + SPAN_HEADER + offset / span->block_bytes * span->block_bytes;
}

// All blocks of it are free now, and it is not the current one.
static COLD NOINLINE void span_is_empty(struct span *span)
{
    span_unlink(span);
    span_destroy(span);
}

static inline void span_give(struct span *span, struct heap_block *block)
{
    block->next = span->free;
    span->free = block;
    heap.freed += span->cost;
    if (__builtin_expect(--span->used_count == 0, 0))
        span_is_empty(span);
}

static NOINLINE void block_free(struct span *span, struct heap_block *block)
{
    if (span_kind(span) == SPAN_LARGE) {
        large_free(span);
        return;
    }
    if (span_kind(span) == SPAN_FULL) {
        span_set_tag(span, own_tag(SPAN_OPEN));
        span_link(span);
    }
    span_give(span, block);
}

void heap_raw_free(void *address)
{
    struct span *span = heap_span_of(address);
    block_free(span, span_kind(span) == SPAN_LARGE ? NULL : block_start(span, address));
}

void heap_send_home(unsigned owner, void *block)
{
    remote_free_block(owner, block);
}

// Whatever is not a block of an open span of this core, at its start.
static NOINLINE void free_otherwise(void *address)
{
    if (address == NULL)
        return;
    if (heap.is_debugging) {
        heap_debug_free(address);
        return;
    }
    struct span *span = heap_span_of(address);
    if (span_owner(span) != core_index()) {
        remote_free_block(span_owner(span), address);
        return;
    }
    if (span_kind(span) == SPAN_LARGE) {
        if ((char *)address - (char *)span != span->fresh_offset)
            panic_no_block(address);
    } else if (!is_block_start(span, offset_in_span(span, address))) {
        if (!span->has_aligned || (uintptr_t)address % HEAP_ALIGNMENT != 0)
            panic("heap: %p was to be freed, but lies inside of a block of %u bytes", address,
                  (unsigned)span->block_bytes);
        address = block_start(span, address);
    }
    if (span_kind(span) == SPAN_OPEN && address == span->free)
        panic("heap: double free of %p, a block of %u bytes", address, (unsigned)span->block_bytes);
    block_free(span, address);
}

// The span is found from where the block would begin if its first did at the span's start: then the
// rest is the offset. Of NULL and of addresses in the upper half it is not positive.
void heap_free(void *address)
{
    uintptr_t from_first = (uintptr_t)address - SPAN_HEADER;
    struct span *span = span_around((void *)from_first);
    if (__builtin_expect((intptr_t)span > 0 && span_tag(span) == heap.tag &&
                             is_block_start(span, from_first % SPAN_BYTES) && address != span->free,
                         1))
        span_give(span, address);
    else
        free_otherwise(address);
}

void heap_came_home(void *block)
{
    if (heap.is_debugging)
        heap_debug_came_home(block);
    else
        heap_free(block);
}

// ---- what there is ------------------------------------------------------------------------------

size_t heap_usable_bytes(const void *address)
{
    if (heap.is_debugging)
        return heap_debug_usable_bytes(address);
    const struct span *span = heap_span_of(address);
    if (span_kind(span) == SPAN_LARGE)
        return (size_t)span->page_count * PAGE_BYTES -
               (size_t)((const char *)address - (const char *)span);
    return (size_t)((char *)block_start(span, address) + span->block_bytes - (const char *)address);
}

void heap_set_remote_free(void (*remote_free)(unsigned owner, void *block))
{
    remote_free_block = remote_free;
}

struct heap_stats heap_stats_of(unsigned core)
{
    const typeof(heap) *of = core_local_of(core, &heap);
    if (of == NULL)
        return (struct heap_stats){0};
    uint64_t in_use = of->allocated - of->freed;
    return (struct heap_stats){.blocks = in_use / COST_BLOCK,
                               .used_bytes = in_use % COST_BLOCK * HEAP_ALIGNMENT,
                               .held_bytes = of->held_bytes,
                               .held_bytes_most = of->held_bytes_most};
}

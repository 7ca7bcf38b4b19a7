// SPDX-License-Identifier: MIT
#include "kernel/heap.h"

#include <string.h>

#include "kernel/core.h"
#include "kernel/pages.h"
#include "kernel/panic.h"

#define SPAN_BYTES  65536u
#define SMALL_MAX   32736u // (SPAN_BYTES - header) / 2
#define SPAN_HEADER 64u
#define SPAN_MAGIC  0x6e617073u // "span"
#define CLASS_LARGE 0xff

struct free_block {
    struct free_block *next;
};

// At the start of its memory, which is aligned to SPAN_BYTES. Only the owner writes it, once made.
struct span {
    uint32_t magic;
    uint16_t owner;
    uint8_t class;
    bool has_aligned; // some block was given out from its middle
    uint32_t block_bytes;
    uint32_t used_count;
    struct free_block *free;
    uint32_t fresh_offset; // from here on nothing was given out yet
    uint32_t page_count;
    struct span *next, *previous; // spans of the class with room
};
_Static_assert(sizeof(struct span) <= SPAN_HEADER, "blocks start at SPAN_HEADER");

// Sizes up to 128 by 16, then four steps a doubling, then what divides a span well.
static const uint16_t class_bytes[] = {
    16,   32,   48,   64,   80,   96,   112,  128,  160,  192,  224,  256,   320,   384,
    448,  512,  640,  768,  896,  1024, 1280, 1536, 1792, 2048, 2560, 3072,  3584,  4096,
    5120, 6144, 7264, 8176, 9344, 10912, 13088, 16368, 21824, 32736};
#define CLASS_COUNT ARRAY_COUNT(class_bytes)
#define DIRECT_MAX 1024u // classes up to here by table

static uint8_t class_direct[DIRECT_MAX / 16 + 1]; // filled once, by core 0
static PERCORE struct span *open_spans[CLASS_COUNT]; // with room
static void (*remote_free_block)(unsigned owner, void *block);

static void class_table_fill(void)
{
    unsigned class = 0;
    for (unsigned i = 0; i <= DIRECT_MAX / 16; i++) {
        while (class_bytes[class] < i * 16)
            class ++;
        class_direct[i] = (uint8_t)class;
    }
}

static unsigned class_of(size_t size_bytes)
{
    if (size_bytes <= DIRECT_MAX)
        return class_direct[(size_bytes + 15) / 16];
    unsigned class = class_direct[DIRECT_MAX / 16];
    while (class_bytes[class] < size_bytes)
        class ++;
    return class;
}

static struct span *span_of(const void *block)
{
    struct span *span = (struct span *)((uintptr_t)block & ~(uintptr_t)(SPAN_BYTES - 1));
    if (span->magic != SPAN_MAGIC)
        panic("heap: %p is not a block of the heap", block);
    return span;
}

static struct span *span_create(size_t page_count, unsigned class, uint32_t block_bytes)
{
    struct span *span = page_alloc_aligned(page_count, SPAN_BYTES);
    if (span != NULL)
        *span = (struct span){.magic = SPAN_MAGIC,
                              .owner = (uint16_t)core_index(),
                              .class = (uint8_t)class,
                              .block_bytes = block_bytes,
                              .fresh_offset = SPAN_HEADER,
                              .page_count = (uint32_t)page_count};
    return span;
}

static void span_destroy(struct span *span)
{
    span->magic = 0;
    page_free(span, span->page_count);
}

static bool span_has_room(const struct span *span)
{
    return span->free != NULL || span->fresh_offset + span->block_bytes <= SPAN_BYTES;
}

static void span_open(struct span *span)
{
    struct span **list = &open_spans[span->class];
    span->previous = NULL;
    span->next = *list;
    if (*list != NULL)
        (*list)->previous = span;
    *list = span;
}

static void span_close(struct span *span)
{
    if (span->previous != NULL)
        span->previous->next = span->next;
    else
        open_spans[span->class] = span->next;
    if (span->next != NULL)
        span->next->previous = span->previous;
}

static void *large_alloc(size_t size_bytes, size_t offset)
{
    if (size_bytes > SIZE_MAX / 2)
        return NULL;
    size_t page_count = (size_bytes + offset + PAGE_BYTES - 1) / PAGE_BYTES;
    if (page_count > UINT32_MAX)
        return NULL;
    struct span *span = span_create(page_count, CLASS_LARGE, 0);
    return span == NULL ? NULL : (char *)span + offset;
}

void *heap_alloc(size_t size_bytes)
{
    if (size_bytes > SMALL_MAX)
        return large_alloc(size_bytes, SPAN_HEADER);
    if (size_bytes == 0)
        size_bytes = 1;
    if (class_direct[1] == class_direct[DIRECT_MAX / 16])
        class_table_fill();
    unsigned class = class_of(size_bytes);
    struct span *span = open_spans[class];
    if (span == NULL) {
        span = span_create(SPAN_BYTES / PAGE_BYTES, class, class_bytes[class]);
        if (span == NULL)
            return NULL;
        span_open(span);
    }
    struct free_block *block = span->free;
    if (block != NULL) {
        span->free = block->next;
    } else {
        block = (struct free_block *)((char *)span + span->fresh_offset);
        span->fresh_offset += span->block_bytes;
    }
    span->used_count++;
    if (!span_has_room(span))
        span_close(span);
    return block;
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
    if (size_bytes == 0) // else it could lie at the end of its span
        size_bytes = 1;
    if (alignment_bytes > SMALL_MAX || size_bytes > SMALL_MAX - alignment_bytes)
        return large_alloc(size_bytes,
                           alignment_bytes > SPAN_HEADER ? alignment_bytes : SPAN_HEADER);
    void *block = heap_alloc(size_bytes + alignment_bytes);
    if (block == NULL)
        return NULL;
    uintptr_t aligned = ALIGN_UP((uintptr_t)block, alignment_bytes);
    if (aligned != (uintptr_t)block)
        span_of(block)->has_aligned = true;
    return (void *)aligned;
}

// The start of the block that `address` is in.
static char *block_start(const struct span *span, const void *address)
{
    size_t offset = (size_t)((const char *)address - (const char *)span) - SPAN_HEADER;
    return (char *)span + SPAN_HEADER + offset / span->block_bytes * span->block_bytes;
}

void heap_free(void *address)
{
    if (address == NULL)
        return;
    struct span *span = span_of(address);
    if (span->owner != core_index()) {
        remote_free_block(span->owner, address);
        return;
    }
    if (span->class == CLASS_LARGE) {
        span_destroy(span);
        return;
    }
    struct free_block *block = address;
    if (span->has_aligned)
        block = (struct free_block *)block_start(span, address);
    bool had_room = span_has_room(span);
    block->next = span->free;
    span->free = block;
    span->used_count--;
    if (!had_room)
        span_open(span);
    // The last open span of a class stays: the next block of the size is likely soon.
    if (span->used_count == 0 && (span->next != NULL || span->previous != NULL)) {
        span_close(span);
        span_destroy(span);
    }
}

size_t heap_usable_bytes(const void *address)
{
    const struct span *span = span_of(address);
    if (span->class == CLASS_LARGE)
        return (size_t)span->page_count * PAGE_BYTES - (size_t)((const char *)address - (const char *)span);
    return (size_t)(block_start(span, address) + span->block_bytes - (const char *)address);
}

void heap_set_remote_free(void (*remote_free)(unsigned owner, void *block))
{
    remote_free_block = remote_free;
}

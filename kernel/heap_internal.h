// SPDX-License-Identifier: MIT
// What kernel/heap.c and kernel/heap_debug.c share: spans, and memory without the debug mode's
// care.
#pragma once

#include <stdatomic.h>

#include "kernel/compiler.h"

#define SPAN_BYTES  65536u
#define SPAN_HEADER 64u

// Four sizes a doubling, from 64 on; below, every multiple of 16.
#define CLASS_COUNT 39u
#define SMALL_MAX   28672u // the last class: two blocks in a span

// Between two powers of two the two bits below the highest choose.
static inline unsigned class_of(size_t size_bytes)
{
    size_t last = size_bytes - (size_bytes != 0);
    unsigned shift = 61 - (unsigned)__builtin_clzll(last | 64); // 4 up to 128
    return (shift - 4) * 4 + (unsigned)(last >> shift);
}

static inline uint32_t class_bytes(unsigned class)
{
    return class < 4 ? (class + 1) * 16 : (5 + class % 4) << (class / 4 + 3);
}

// A span's tag says what it is and whose: a free on the owning core needs no more than to compare
// it.
#define SPAN_MAGIC      0x5a4e0000u
#define SPAN_MAGIC_MASK 0xffff0000u
#define SPAN_KIND_MASK  0x0000f000u
#define SPAN_OWNER_MASK 0x00000fffu
#define SPAN_OPEN       0x00000000u // some block of it is free
#define SPAN_FULL       0x00001000u
#define SPAN_LARGE      0x00002000u // one block of its own

struct heap_block { // while it is free
    struct heap_block *next;
};

// At the start of its memory, which is aligned to SPAN_BYTES. Only the owner writes it, once made.
struct span {
    _Atomic uint32_t tag; // other cores look whose it is while the owner opens and fills it
    uint8_t class;
    bool has_aligned; // some block was given out from its middle
    uint16_t unused;
    struct heap_block *free;
    uint64_t inverse; // 2^64 / block_bytes, rounded up: tells multiples of it, see is_block_start()
    uint64_t cost;    // of one block, see COST() in heap.c
    struct span *next, *previous; // among the open spans of the class
    uint32_t used_count;
    uint32_t fresh_offset; // from here on nothing was ever free; of a large one: where its block is
    uint32_t block_bytes;
    uint32_t page_count;
};
_Static_assert(sizeof(struct span) == SPAN_HEADER, "blocks start at SPAN_HEADER");

// Panics unless `address` lies in a span, as far as that can be told.
struct span *heap_span_of(const void *address);
static inline uint32_t span_tag(const struct span *span)
{
    return atomic_load_explicit(&span->tag, memory_order_relaxed);
}
static inline unsigned span_owner(const struct span *span)
{
    return span_tag(span) & SPAN_OWNER_MASK;
}

// A block, whatever the mode; given back by any address inside of its first SPAN_BYTES. Of this
// core.
void *heap_raw_alloc(size_t size_bytes) MUST_CHECK;
void heap_raw_free(void *address);
void heap_send_home(unsigned owner, void *block);

// heap_debug.c: the same functions as in kernel/heap.h, while option heap=debug is on.
void *heap_debug_alloc(size_t size_bytes, size_t alignment_bytes) MUST_CHECK;
void heap_debug_free(void *block);
void heap_debug_came_home(void *header);
size_t heap_debug_usable_bytes(const void *block);

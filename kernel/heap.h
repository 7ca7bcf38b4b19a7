// SPDX-License-Identifier: MIT
// Memory in bytes, from this core's heap. `malloc` and its family are this heap.
// A block may be freed on any core: it travels home to the core that owns it.
//
// Small blocks of one size lie together in a span of 64 KiB whose header is found by masking the
// block's address; a larger block is a span of its own. Nothing is kept beside a block. A pointer
// that is no block, given to heap_free(), panics where that can be told from the span.
//
// With option heap=debug each block carries who allocated and who freed it, and bytes behind its
// end that nobody may write; freed blocks rest for a while, filled with a pattern. Double frees,
// writes past the end and after the free then panic with both threads' names.
#pragma once

#include "kernel/compiler.h"

#define HEAP_ALIGNMENT 16

// Each core, before its first block. Context: options are read, core 0's page pool is there.
void heap_start_core(void);

// Returns: at least `size_bytes` bytes aligned to 16, content undefined, or NULL when out of
// memory.
void *heap_alloc(size_t size_bytes) MUST_CHECK;
// The same; when out of memory, what otherwise(size_bytes) returns.
void *heap_alloc_or(size_t size_bytes, void *(*otherwise)(size_t size_bytes)) MUST_CHECK;
// The same as heap_alloc(), zeroed.
void *heap_alloc_zeroed(size_t size_bytes) MUST_CHECK;
// `alignment_bytes`: a power of two up to 32768.
void *heap_alloc_aligned(size_t size_bytes, size_t alignment_bytes) MUST_CHECK;
// NULL is fine.
void heap_free(void *block);
// Bytes usable in a block; at least what was asked for.
size_t heap_usable_bytes(const void *block);

// How a block of another core goes home; smp/ sets it. On `owner`, heap_came_home() takes it then.
void heap_set_remote_free(void (*remote_free)(unsigned owner, void *block));
void heap_came_home(void *block);

struct heap_stats {
    uint64_t blocks;          // in use now, those on their way home included
    uint64_t used_bytes;      // of them, what size classes add included
    uint64_t held_bytes;      // pages that the heap has from the page pool
    uint64_t held_bytes_most; // that it ever had
};
// Of any core; of another one it may be a moment old. Context: any. Units: bytes.
struct heap_stats heap_stats_of(unsigned core);

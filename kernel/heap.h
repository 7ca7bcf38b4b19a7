// SPDX-License-Identifier: MIT
// Memory in bytes, from this core's heap. `malloc` and its family are this heap.
// A block may be freed on any core: it travels home to the core that owns it.
//
// Small blocks of one size lie together in a span of 64 KiB whose header is found by masking the
// block's address; a larger block is a span of its own. Nothing is kept beside a block.
#pragma once

#include "kernel/compiler.h"

#define HEAP_ALIGNMENT 16

// Returns: at least `size_bytes` bytes aligned to 16, content undefined, or NULL when out of memory.
void *heap_alloc(size_t size_bytes) MUST_CHECK;
// The same, zeroed.
void *heap_alloc_zeroed(size_t size_bytes) MUST_CHECK;
// `alignment_bytes`: a power of two up to 32768.
void *heap_alloc_aligned(size_t size_bytes, size_t alignment_bytes) MUST_CHECK;
// NULL is fine.
void heap_free(void *block);
// Bytes usable in a block; at least what was asked for.
size_t heap_usable_bytes(const void *block);

// How a block of another core goes home; smp/ sets it. `owner` then calls heap_free() on it.
void heap_set_remote_free(void (*remote_free)(unsigned owner, void *block));

// SPDX-License-Identifier: MIT
// Physical pages, 4 KiB each. RAM is identity-mapped, so a page's address is also its physical
// address and can be given to a device. Each core has its own pool and never touches another's.
#pragma once

#include "kernel/compiler.h"

#define PAGE_BYTES 4096u

// `count` contiguous pages from this core's pool, their content undefined.
// Returns: page-aligned address, or NULL when the pool has none such.
void *page_alloc(size_t count) MUST_CHECK;
// The same, aligned to `alignment_bytes`, a power of two of at least PAGE_BYTES.
void *page_alloc_aligned(size_t count, size_t alignment_bytes) MUST_CHECK;
// Gives back what page_alloc returned on this core, with the same count.
void page_free(void *pages, size_t count);

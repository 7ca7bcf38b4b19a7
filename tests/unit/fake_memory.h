// SPDX-License-Identifier: MIT
// Physical memory for host tests of kernel/pages.c and what is above it, which use a page's address
// as its physical one: low, so that the bitmap stays small, and clear of the sanitizers' own
// memory.
#pragma once

#include <sys/mman.h>

#include "kernel/boot_info.h"

#define FAKE_MEMORY_BASE 0x10000000ull

// Returns: true if `size_bytes` at FAKE_MEMORY_BASE are there, zeroed.
static inline bool fake_memory_map(size_t size_bytes)
{
    void *at = (void *)FAKE_MEMORY_BASE;
    return mmap(at, size_bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == at;
}
static inline void fake_memory_unmap(size_t size_bytes)
{
    munmap((void *)FAKE_MEMORY_BASE, size_bytes);
}

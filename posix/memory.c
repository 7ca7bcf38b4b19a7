// SPDX-License-Identifier: MIT
// malloc and its family on the kernel's heap, and anonymous mappings on its pages. When this core
// has no memory left, they wait for what another can spare; in a core's loop nothing waits.
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/compiler.h"
#include "kernel/heap.h"
#include "kernel/pages.h"
#include "posix/calls.h"
#include "smp/borrow.h"

// The names by which musl's own sources call the allocator.
void *__libc_malloc(size_t size_bytes);
void *__libc_calloc(size_t count, size_t size_bytes);
void *__libc_realloc(void *block, size_t size_bytes);
void __libc_free(void *block);

// What `allocate` gives after all, when it had none: other cores may have memory to spare.
static void *try_again(void *(*allocate)(size_t size_bytes), size_t size_bytes)
{
    void *block = NULL;
    while (!block && size_bytes <= PTRDIFF_MAX && borrow_wait(size_bytes))
        block = allocate(size_bytes);
    if (!block)
        errno = ENOMEM;
    return block;
}

// Every block, also one of no bytes, is a different one: the heap sees to that.
static void *out_of_memory(size_t size_bytes)
{
    return try_again(heap_alloc, size_bytes);
}

void *malloc(size_t size_bytes)
{
    return heap_alloc_or(size_bytes, out_of_memory); // none of more than PTRDIFF_MAX
}

void *calloc(size_t count, size_t size_bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, size_bytes, &total))
        total = SIZE_MAX;
    void *block = heap_alloc_zeroed(total);
    return block ? block : try_again(heap_alloc_zeroed, total);
}

void free(void *block)
{
    heap_free(block);
}

void *realloc(void *block, size_t size_bytes)
{
    if (!block)
        return malloc(size_bytes);
    size_t usable = heap_usable_bytes(block);
    // Shrinking by less than half keeps the block.
    if (size_bytes <= usable && size_bytes >= usable / 2)
        return block;
    void *larger = malloc(size_bytes);
    if (!larger)
        return NULL;
    memcpy(larger, block, size_bytes < usable ? size_bytes : usable);
    heap_free(block);
    return larger;
}

int posix_memalign(void **result, size_t alignment_bytes, size_t size_bytes)
{
    bool power_of_two = alignment_bytes && !(alignment_bytes & (alignment_bytes - 1));
    if (!power_of_two || alignment_bytes < sizeof(void *))
        return EINVAL;
    // The heap aligns to a page at most.
    if (alignment_bytes > PAGE_BYTES || size_bytes > PTRDIFF_MAX)
        return ENOMEM;
    void *block;
    while (!(block = heap_alloc_aligned(size_bytes, alignment_bytes)))
        if (!borrow_wait(size_bytes + alignment_bytes))
            return ENOMEM;
    *result = block;
    return 0;
}

void *aligned_alloc(size_t alignment_bytes, size_t size_bytes)
{
    void *block = NULL;
    size_t alignment =
        alignment_bytes < sizeof(void *) && alignment_bytes ? sizeof(void *) : alignment_bytes;
    int error = posix_memalign(&block, alignment, size_bytes);
    if (error)
        errno = error;
    return block;
}

void *memalign(size_t alignment_bytes, size_t size_bytes)
{
    return aligned_alloc(alignment_bytes, size_bytes);
}

size_t malloc_usable_size(void *block)
{
    return block ? heap_usable_bytes(block) : 0;
}

void *__libc_malloc(size_t size_bytes)
{
    return malloc(size_bytes);
}

void *__libc_calloc(size_t count, size_t size_bytes)
{
    return calloc(count, size_bytes);
}

void *__libc_realloc(void *block, size_t size_bytes)
{
    return realloc(block, size_bytes);
}

void __libc_free(void *block)
{
    heap_free(block);
}

// Pages of a core go back to it only as they were taken, so each mapping is remembered.
struct mapping {
    void *pages;
    size_t count;
    struct mapping *next;
};
static PERCORE struct mapping *mappings;

long posix_call_mmap(long address, long size_bytes, long protection, long flags, long fd,
                     long offset)
{
    (void)address, (void)fd, (void)offset;
    if (size_bytes <= 0 || flags & MAP_FIXED)
        return -EINVAL;
    if (!(flags & MAP_ANONYMOUS))
        return -ENODEV;
    if (protection & PROT_EXEC)
        return -EACCES; // no memory is writable and executable

    size_t count = ((size_t)size_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    struct mapping *mapping = heap_alloc(sizeof(*mapping));
    if (!mapping)
        return -ENOMEM;
    void *pages;
    while (!(pages = page_alloc(count))) {
        if (borrow_wait((size_t)size_bytes))
            continue;
        heap_free(mapping);
        return -ENOMEM;
    }
    memset(pages, 0, count * PAGE_BYTES);
    *mapping = (struct mapping){pages, count, mappings};
    mappings = mapping;
    return (long)pages;
}

// Only whole mappings, as they were made on this core.
long posix_call_munmap(long address, long size_bytes)
{
    if (size_bytes <= 0)
        return -EINVAL;
    size_t count = ((size_t)size_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    for (struct mapping **link = &mappings; *link; link = &(*link)->next) {
        struct mapping *mapping = *link;
        if (mapping->pages != (void *)address)
            continue;
        if (mapping->count != count)
            return -EINVAL;
        *link = mapping->next;
        page_free(mapping->pages, count);
        heap_free(mapping);
        return 0;
    }
    return -EINVAL;
}

long posix_call_mprotect(long address, long size_bytes, long protection)
{
    (void)address, (void)size_bytes;
    return protection & PROT_EXEC ? -EACCES : 0;
}

long posix_call_madvise(long address, long size_bytes, long advice)
{
    if (size_bytes < 0 || address % PAGE_BYTES)
        return -EINVAL;
    if (advice == MADV_DONTNEED) // promises zeroes
        memset((void *)address, 0, ALIGN_UP((size_t)size_bytes, PAGE_BYTES));
    return 0;
}

// There is no break, so it stays where it is.
long posix_call_brk(long address)
{
    (void)address;
    return 0;
}

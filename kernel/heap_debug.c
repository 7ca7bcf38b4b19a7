// SPDX-License-Identifier: MIT
// Option heap=debug. A block lies between a header, which says whose it is, and a fence that nobody
// may write to; a freed one is filled with a pattern and rests in a queue before it is used again.
#include "kernel/heap_internal.h"

#include <string.h>

#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/options.h"
#include "kernel/panic.h"
#include "kernel/thread.h"

OPTION_CHOICE(heap, "debug|off", "debug: check each block, and name who misused it");

#define STATE_IN_USE              0x6b636f6c625f6e69ull
#define STATE_FREED               0x6b636f6c62646e65ull
#define FENCE_BYTES               16u // at least
#define BYTE_FENCE                0xfd
#define BYTE_NEW                  0xa5
#define BYTE_FREED                0xdd
#define QUEUE_BLOCKS              1024u
#define QUEUE_BYTES               (1u << 20)
#define ALIGNMENT_MORE(alignment) ((alignment) > HEAP_ALIGNMENT ? (alignment) : 0)

struct who {
    char thread[THREAD_NAME_BYTES];
    unsigned core;
};

struct header {
    char message[HEAP_ALIGNMENT]; // smp/'s, on the way home
    struct header *next;          // in the queue
    size_t size_bytes;
    struct who allocated, freed;
    uint64_t state; // beside the block: who writes before its start hits this
};
_Static_assert(sizeof(struct header) % HEAP_ALIGNMENT == 0, "keeps the block aligned");

static PERCORE_ZERO struct {
    struct header *first, *last;
    size_t block_count, size_bytes;
} queue;

static struct header *header_of(const void *block)
{
    return (struct header *)(uintptr_t)block - 1;
}

static struct who this_thread(void)
{
    struct who who = {.core = core_index()};
    strncpy(who.thread, thread_name(thread_self()), sizeof(who.thread) - 1);
    return who;
}

static _Noreturn void report(const char *what, const struct header *header)
{
    struct who self = this_thread();
    const void *block = header + 1;
    if (header->state == STATE_FREED)
        panic("heap: %s: block %p of %zu bytes, allocated by \"%s\" on core %u, freed by \"%s\" on "
              "core %u, noticed by \"%s\" on core %u",
              what, block, header->size_bytes, header->allocated.thread, header->allocated.core,
              header->freed.thread, header->freed.core, self.thread, self.core);
    panic("heap: %s: block %p of %zu bytes, allocated by \"%s\" on core %u, noticed by \"%s\" on "
          "core %u",
          what, block, header->size_bytes, header->allocated.thread, header->allocated.core,
          self.thread, self.core);
}

// The first of `count` bytes that is not `byte`, or `count`.
static size_t find_other(const unsigned char *bytes, unsigned char byte, size_t count)
{
    size_t i = 0;
    while (i < count && bytes[i] == byte)
        i++;
    return i;
}

static size_t fence_bytes(size_t size_bytes)
{
    return ALIGN_UP(size_bytes, HEAP_ALIGNMENT) - size_bytes + FENCE_BYTES;
}

// Takes the oldest block out of the queue, for good.
static void release_oldest(void)
{
    struct header *header = queue.first;
    queue.first = header->next;
    queue.block_count--;
    queue.size_bytes -= header->size_bytes;
    if (find_other((unsigned char *)(header + 1), BYTE_FREED, header->size_bytes) !=
        header->size_bytes)
        report("use after free", header);
    header->state = 0;
    heap_raw_free(header);
}

void *heap_debug_alloc(size_t size_bytes, size_t alignment_bytes)
{
    if (size_bytes > SIZE_MAX / 4)
        return NULL;
    size_t total = sizeof(struct header) + size_bytes + fence_bytes(size_bytes) +
                   ALIGNMENT_MORE(alignment_bytes);
    char *memory;
    while ((memory = heap_raw_alloc(total)) == NULL && queue.block_count != 0)
        release_oldest();
    if (memory == NULL)
        return NULL;
    char *block = (char *)ALIGN_UP((uintptr_t)memory + sizeof(struct header), alignment_bytes);
    struct header *header = header_of(block);
    header->size_bytes = size_bytes;
    header->allocated = this_thread();
    header->state = STATE_IN_USE;
    memset(block, BYTE_NEW, size_bytes);
    memset(block + size_bytes, BYTE_FENCE, fence_bytes(size_bytes));
    return block;
}

static struct header *header_checked(const void *block)
{
    struct span *span = heap_span_of(block);
    struct header *header = header_of(block);
    bool fits = (uintptr_t)block % HEAP_ALIGNMENT == 0 && (char *)header >= (char *)(span + 1);
    if (fits && header->state == STATE_FREED)
        report("double free", header);
    if (!fits || header->state != STATE_IN_USE)
        panic("heap: %p is not a block of the heap, or was written to before its start", block);
    return header;
}

void heap_debug_came_home(void *memory)
{
    struct header *header = memory;
    header->next = NULL;
    if (queue.block_count++ == 0)
        queue.first = header;
    else
        queue.last->next = header;
    queue.last = header;
    queue.size_bytes += header->size_bytes;
    while (queue.block_count > QUEUE_BLOCKS || queue.size_bytes > QUEUE_BYTES)
        release_oldest();
}

void heap_debug_free(void *block)
{
    struct header *header = header_checked(block);
    size_t count = fence_bytes(header->size_bytes);
    if (find_other((unsigned char *)block + header->size_bytes, BYTE_FENCE, count) != count)
        report("written past the end", header);
    header->freed = this_thread();
    header->state = STATE_FREED;
    memset(block, BYTE_FREED, header->size_bytes);
    unsigned owner = span_owner(heap_span_of(block));
    if (owner == core_index())
        heap_debug_came_home(header);
    else
        heap_send_home(owner, header);
}

size_t heap_debug_usable_bytes(const void *block)
{
    return header_checked(block)->size_bytes;
}

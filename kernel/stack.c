// SPDX-License-Identifier: MIT
#include "kernel/stack.h"

#include <errno.h>

#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/pages.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/stack_use.h"

#define SIZE_CLASSES 15 // 4 KiB .. 64 MiB, powers of two
// A core's first stacks are made by core 0 and lie apart from those that the core makes itself.
#define FIRST_STACKS_SPAN     (2ull << 20)
#define INTERRUPT_STACK_BYTES (8u << 10)

// At the top of a stack, in the page that is used anyway.
struct free_stack {
    struct free_stack *next;   // while it is free
    const uint64_t *below_top; // page table entry of the page below: most threads do not use it
};
_Static_assert(sizeof(struct free_stack) == STACK_TOP_BYTES, "");

static PERCORE struct free_stack *free_stacks[SIZE_CLASSES];
static PERCORE size_t kept_bytes;    // of free stacks
static PERCORE uint64_t next_offset; // within this core's span

// Addresses of stacks whose memory was given back, of each size: a chain through the page table
// entries of their lowest pages, which hold the next one's address and are not present.
#define ENTRY_ADDRESS 0x000ffffffffff000ull
#define ADDRESS_UPPER                                                                              \
    0xffff000000000000ull // the bits of a stack's address that an entry cannot hold
#define FLUSH_AT 32       // so many at once are worth interrupting all cores
struct chain {
    uint64_t first; // 0: none
};
static PERCORE_ZERO struct {
    struct chain ready[SIZE_CLASSES];    // no core has an old translation
    struct chain stale[SIZE_CLASSES];    // some may
    struct chain flushing[SIZE_CLASSES]; // they are told to forget it
    unsigned stale_count, flushing_count;
} unmapped;
static void (*flush_all_cores)(void);

static void chain_push(struct chain *chain, uint64_t virt)
{
    *stack_page_entry(virt) = chain->first & ENTRY_ADDRESS;
    chain->first = virt;
}

static uint64_t chain_pop(struct chain *chain)
{
    uint64_t virt = chain->first, *entry = virt == 0 ? NULL : stack_page_entry(virt);
    if (entry == NULL)
        return 0;
    chain->first = *entry == 0 ? 0 : *entry | ADDRESS_UPPER;
    *entry = 0;
    return virt;
}

static void flush_stale(void)
{
    if (unmapped.flushing_count != 0 || unmapped.stale_count == 0 || flush_all_cores == NULL)
        return;
    unmapped.flushing_count = unmapped.stale_count;
    unmapped.stale_count = 0;
    for (unsigned class = 0; class < SIZE_CLASSES; class ++) {
        unmapped.flushing[class] = unmapped.stale[class];
        unmapped.stale[class].first = 0;
    }
    flush_all_cores();
}

void stack_flushed(void)
{
    unmapped.flushing_count = 0;
    for (unsigned class = 0; class < SIZE_CLASSES; class ++)
        for (uint64_t virt; (virt = chain_pop(&unmapped.flushing[class])) != 0;)
            chain_push(&unmapped.ready[class], virt);
    if (unmapped.stale_count >= FLUSH_AT)
        flush_stale();
}

struct stack_stats stack_stats_get(void)
{
    return (struct stack_stats){kept_bytes, unmapped.stale_count + unmapped.flushing_count};
}

void stack_set_flush(void (*flush)(void))
{
    flush_all_cores = flush;
}

static inline unsigned size_class(size_t size_bytes)
{
    return 63 - (unsigned)__builtin_clzl((size_bytes - 1) | (PAGE_BYTES - 1)) - 11;
}
_Static_assert(PAGE_BYTES == 1 << 12, "in size_class()");

static struct free_stack *stack_top(struct stack stack)
{
    return (struct free_stack *)stack.top - 1;
}

// `pages` may be NULL, for want of memory. They go back when they cannot be mapped.
static int stack_map_at(struct stack *stack, uint64_t virt, void *pages, size_t size_bytes)
{
    if (pages == NULL)
        return -ENOMEM;
    if (paging_map_stack(virt, pages, size_bytes / PAGE_BYTES) != 0) { // unmapped again
        page_free(pages, size_bytes / PAGE_BYTES);
        return -ENOMEM;
    }
    *stack = (struct stack){virt, virt + size_bytes};
    return 0;
}

static int stack_map(struct stack *stack, uint64_t virt, size_t size_bytes)
{
    void *pages = page_alloc(size_bytes / PAGE_BYTES);
    // At another place within 2 MiB, so that there are no large leaves: stack_use.c looks at pages.
    if ((virt - (uintptr_t)pages) % PAGE_PIECE_BYTES == 0)
        virt += PAGE_BYTES;
    return stack_map_at(stack, virt, pages, size_bytes);
}

static struct stack stack_make_at(uint64_t virt, unsigned class)
{
    struct stack stack = {0};
    size_t size_bytes = (size_t)PAGE_BYTES << class;
    // Tables of small pages are there, so no large leaf can come of it.
    if (stack_map_at(&stack, virt, page_alloc(size_bytes / PAGE_BYTES), size_bytes) != 0)
        chain_push(&unmapped.ready[class], virt);
    return stack;
}

static struct stack stack_make_higher(unsigned class)
{
    struct stack stack = {0};
    size_t size_bytes = (size_t)PAGE_BYTES << class;
    uint64_t start = PAGING_STACK_BASE + core_index() * PAGING_STACK_CORE_SPAN + FIRST_STACKS_SPAN;
    if (FIRST_STACKS_SPAN + next_offset + 2 * PAGE_BYTES + size_bytes > PAGING_STACK_CORE_SPAN) {
        flush_stale(); // for the next one who asks
        return stack;
    }
    if (stack_map(&stack, start + next_offset + PAGE_BYTES, size_bytes) == 0)
        next_offset = stack.top - start;
    return stack;
}

static __attribute__((noinline)) struct stack stack_renew(struct stack stack)
{
    stack_use_reset(stack);
    return stack;
}

static __attribute__((noinline)) struct stack stack_make(unsigned class)
{
    static const uint64_t no_page;
    uint64_t virt = chain_pop(&unmapped.ready[class]);
    struct stack stack = virt != 0 ? stack_make_at(virt, class) : stack_make_higher(class);
    if (stack.top == 0)
        return stack;
    stack_top(stack)->below_top =
        class == 0 ? &no_page : stack_page_entry(stack.top - 2 * PAGE_BYTES);
    return stack_renew(stack);
}

struct stack stack_allocate(size_t size_bytes)
{
    ASSERT(size_bytes > 0 && size_bytes <= STACK_BYTES_MAX);
    unsigned class = size_class(size_bytes);
    struct free_stack *free = free_stacks[class];
    if (free == NULL)
        return stack_make(class);
    size_bytes = (size_t)PAGE_BYTES << class;
    free_stacks[class] = free->next;
    kept_bytes -= size_bytes;
    uintptr_t top = (uintptr_t)(free + 1);
    struct stack stack = {top - size_bytes, top};
    return __builtin_expect(stack_page_is_used(free->below_top), 0) ? stack_renew(stack) : stack;
}

// Its pages lie in one piece, as they were allocated.
static void stack_give_back(uint64_t bottom, size_t size_bytes)
{
    void *pages = (void *)(uintptr_t)(*stack_page_entry(bottom) & ENTRY_ADDRESS);
    for (uint64_t virt = bottom; virt < bottom + size_bytes; virt += PAGE_BYTES) {
        *stack_page_entry(virt) = 0;
        cpu_invalidate_page((const void *)virt);
    }
    page_free(pages, size_bytes / PAGE_BYTES);
    chain_push(&unmapped.stale[size_class(size_bytes)], bottom);
    if (++unmapped.stale_count >= FLUSH_AT)
        flush_stale();
}

// Gives back kept stacks until `size_bytes` more may be kept, of the class first. Nobody is on one:
// whoever freed his own has switched away.
static void make_room(unsigned class, size_t size_bytes)
{
    for (unsigned i = 0; i < SIZE_CLASSES && kept_bytes + size_bytes > STACK_KEPT_BYTES;) {
        unsigned at = (class + i) % SIZE_CLASSES;
        struct free_stack *free = free_stacks[at];
        if (free == NULL) {
            i++;
            continue;
        }
        size_t free_bytes = (size_t)PAGE_BYTES << at;
        free_stacks[at] = free->next;
        kept_bytes -= free_bytes;
        stack_give_back((uintptr_t)(free + 1) - free_bytes, free_bytes);
    }
}

static inline void stack_keep(struct stack stack, unsigned class, size_t size_bytes)
{
    kept_bytes += size_bytes;
    struct free_stack *free = stack_top(stack);
    free->next = free_stacks[class];
    free_stacks[class] = free;
}

static __attribute__((noinline)) void stack_free_crowded(struct stack stack)
{
    size_t size_bytes = stack.top - stack.bottom;
    make_room(size_class(size_bytes), size_bytes);
    stack_keep(stack, size_class(size_bytes), size_bytes);
}

void stack_free(struct stack stack)
{
    size_t size_bytes = stack.top - stack.bottom;
    if (kept_bytes + size_bytes > STACK_KEPT_BYTES)
        stack_free_crowded(stack);
    else
        stack_keep(stack, size_class(size_bytes), size_bytes);
}

uintptr_t stack_loop_top(unsigned core)
{
    return PAGING_STACK_BASE + core * PAGING_STACK_CORE_SPAN + PAGE_BYTES + STACK_LOOP_BYTES;
}

int stack_allocate_core(unsigned core, struct core_stacks *stacks)
{
    struct stack stack;
    if (stack_map(&stack, stack_loop_top(core) - STACK_LOOP_BYTES, STACK_LOOP_BYTES) != 0)
        return -ENOMEM;
    stacks->loop_top = stack.top;
    for (int i = 0; i < INTERRUPT_STACK_COUNT; i++) {
        if (stack_map(&stack, stack.top + PAGE_BYTES, INTERRUPT_STACK_BYTES) != 0)
            return -ENOMEM;
        stacks->interrupt_tops[i] = stack.top;
    }
    return 0;
}

bool stack_is_guard(uintptr_t address)
{
    // What is not mapped in the span is a guard page or lies above the highest stack so far.
    return address >= PAGING_STACK_BASE && address < PAGING_STACK_END;
}

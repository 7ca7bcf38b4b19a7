// SPDX-License-Identifier: MIT
#include "kernel/stack.h"

#include <errno.h>

#include "kernel/core.h"
#include "kernel/pages.h"
#include "kernel/paging.h"
#include "kernel/panic.h"

#define SIZE_CLASSES 15 // 4 KiB .. 64 MiB, powers of two
// A core's first stacks are made by core 0 and lie apart from those that the core makes itself.
#define FIRST_STACKS_SPAN     (2ull << 20)
#define INTERRUPT_STACK_BYTES (8u << 10)

struct free_stack { // at the top of a free stack: in the page that was used anyway
    struct free_stack *next;
};

static PERCORE struct free_stack *free_stacks[SIZE_CLASSES];
static PERCORE uint64_t next_offset; // within this core's span

static unsigned size_class(size_t size_bytes)
{
    size_t pages = (size_bytes - 1) / PAGE_BYTES; // beside the first
    return pages == 0 ? 0 : 64 - (unsigned)__builtin_clzl(pages);
}

static int stack_map(struct stack *stack, uint64_t virt, size_t size_bytes)
{
    size_t count = size_bytes / PAGE_BYTES;
    void *pages = page_alloc(count);
    if (pages == NULL)
        return -ENOMEM;
    // At another place within 2 MiB, so that there are no large leaves: stack_use.c looks at pages.
    if ((virt - (uintptr_t)pages) % PAGE_PIECE_BYTES == 0)
        virt += PAGE_BYTES;
    if (paging_map_stack(virt, pages, count) != 0) { // unmapped again as far as it got
        page_free(pages, count);
        return -ENOMEM;
    }
    *stack = (struct stack){virt, virt + size_bytes};
    return 0;
}

static __attribute__((noinline)) struct stack stack_make(size_t size_bytes)
{
    struct stack stack = {0};
    uint64_t start = PAGING_STACK_BASE + core_index() * PAGING_STACK_CORE_SPAN + FIRST_STACKS_SPAN;
    if (FIRST_STACKS_SPAN + next_offset + 2 * PAGE_BYTES + size_bytes > PAGING_STACK_CORE_SPAN)
        return stack;
    if (stack_map(&stack, start + next_offset + PAGE_BYTES, size_bytes) == 0)
        next_offset = stack.top - start;
    return stack;
}

struct stack stack_allocate(size_t size_bytes)
{
    ASSERT(size_bytes > 0 && size_bytes <= STACK_BYTES_MAX);
    unsigned class = size_class(size_bytes);
    size_bytes = (size_t)PAGE_BYTES << class;
    struct free_stack *free = free_stacks[class];
    if (free == NULL)
        return stack_make(size_bytes);
    free_stacks[class] = free->next;
    uintptr_t top = (uintptr_t)(free + 1);
    return (struct stack){top - size_bytes, top};
}

void stack_free(struct stack stack)
{
    struct free_stack *free = (struct free_stack *)stack.top - 1;
    struct free_stack **list = &free_stacks[size_class(stack.top - stack.bottom)];
    free->next = *list;
    *list = free;
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

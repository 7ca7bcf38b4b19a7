// SPDX-License-Identifier: MIT
// Misuse of the heap, for what its report looks like. With option heap=debug all are named; a wild
// free also without it.
#include "apps/selftest/heap_faults.h"

#include <stdlib.h>
#include <string.h>

#include "apps/selftest/run.h"
#include "kernel/core.h"
#include "kernel/panic.h"

#define BLOCK_BYTES 200

// What the compiler does not know it does not warn of, nor optimise away.
#define HIDE(value) __asm__ volatile("" : "+r"(value) : : "memory")

static char *allocate(void)
{
    char *block = malloc(BLOCK_BYTES);
    if (block == NULL)
        panic("selftest: no memory for %d bytes", BLOCK_BYTES);
    memset(block, 1, BLOCK_BYTES);
    return block;
}

static void free_it(void *block)
{
    HIDE(block);
    free(block);
}

void fault_double_free(void)
{
    char *block = allocate();
    run_on(core_index() == 0 ? run_last_core() : 0, free_it, block);
    free_it(block);
}

void fault_heap_overflow(void)
{
    char *block = allocate();
    HIDE(block);
    block[BLOCK_BYTES] = 0;
    run_on(core_index() == 0 ? run_last_core() : 0, free_it, block);
}

static void allocate_and_free(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < 20000; i++)
        free_it(malloc(i % 3000));
}

void fault_use_after_free(void)
{
    char *block = allocate();
    free_it(block);
    HIDE(block);
    block[BLOCK_BYTES / 2] = 0;
    run_on(core_index(), allocate_and_free, NULL);
}

void fault_wild_free(void)
{
    char *block = allocate();
    free_it(block + 48);
}

void fault_free_stack(void)
{
    char on_stack[BLOCK_BYTES];
    char *start = on_stack;
    free_it(start);
}

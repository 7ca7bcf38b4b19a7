// SPDX-License-Identifier: MIT
// Attacks on the heap. The first two are noticed with option heap=debug only.
#include <stdlib.h>
#include <string.h>

#include "apps/attack/attacks.h"

#define BLOCK_BYTES 100

NOINLINE void attack_heap_overflow(void)
{
    char *block = malloc(BLOCK_BYTES);
    HIDE(block);
    memset(block, 'A', BLOCK_BYTES + 1);
    NOT_LAST(); // else the compiler leaves out what nobody reads again
    free(block);
    NOT_LAST();
}

// Noticed when the block would be used again.
NOINLINE void attack_heap_use_after_free(void)
{
    char *block = malloc(BLOCK_BYTES), *freed = block;
    HIDE(freed);
    free(block);
    freed[BLOCK_BYTES / 2] = 'A';
    for (int i = 0; i < 10000; i++) {
        char *other = malloc(BLOCK_BYTES);
        HIDE(other);
        free(other);
    }
    NOT_LAST();
}

NOINLINE void attack_double_free(void)
{
    char *block = malloc(BLOCK_BYTES), *freed = block;
    HIDE(freed);
    free(block);
    free(freed);
    NOT_LAST();
}

NOINLINE void attack_wild_free(void)
{
    static char data[BLOCK_BYTES];
    char *block = data;
    HIDE(block);
    free(block);
    NOT_LAST();
}

// SPDX-License-Identifier: MIT
// The parts of app stress. Each runs on every core at once and panics where something is wrong.
#pragma once

#include "kernel/compiler.h"

// numbers.c: numbers that look random; the same in each run, different on each core.
uint64_t random_below(uint64_t limit);

// messages.c: tokens that go from core to core, hop by hop. On each ordered pair of cores messages
// are numbered, and must arrive in that order, none left out. Some carry a block of memory, which
// is freed wherever they are.
// Blocks: until the tokens of this core are home again, after `hops` hops of each.
#define TOKENS 64 // of each core
void messages_run(uint64_t hops);
// How many blocks were freed on this core that another had allocated.
uint64_t messages_freed_elsewhere(void);

// threads.c: creates `count` threads on cores chosen at random, a few at a time; each frees a block
// of its creator's and answers. Blocks: until all have answered.
#define WORKERS 4 // that one core has at a time
void threads_run(uint64_t count);

// memory.c: a block full of a stamp. Freeing checks it.
struct block;
struct block *block_make(void);
void block_free(struct block *block);
unsigned block_owner(const struct block *block);

// Brings this core's stacks to where they are after any work: as many kept as it ever needs. What
// is free is then the same each time.
void memory_settle(void);

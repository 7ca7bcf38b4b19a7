// SPDX-License-Identifier: MIT
// Blocks that other cores free, and how they come home.
#include "fake_core_memory.h"
#include "heap_blocks.h"

#define ROUNDS 60
#define GIVEN  40 // blocks from each core to each, a round
#define SHELF  200

static void *homeless[CORES][CORES][4 * ROUNDS * GIVEN]; // of an owner, as each core freed them
static unsigned homeless_count[CORES][CORES];

// As smp/ does it: the block itself carries the way back, in its first 16 bytes.
static void remote_free(unsigned owner, void *block)
{
    unsigned core = core_index();
    FAKE_CHECK(owner != core && owner < CORES);
    FAKE_CHECK(homeless_count[owner][core] < ARRAY_COUNT(homeless[0][0]));
    memset(block, 0xee, HEAP_ALIGNMENT);
    homeless[owner][core][homeless_count[owner][core]++] = block;
}

// What the others freed since the last time. Context: they do not free meanwhile.
static void take_home(unsigned core)
{
    for (unsigned from = 0; from < CORES; from++) {
        for (unsigned i = 0; i < homeless_count[core][from]; i++)
            heap_came_home(homeless[core][from][i]);
        homeless_count[core][from] = 0;
    }
}

static void core_fill(struct block *block, uint8_t stamp)
{
    size_t alignment = random_below(4) == 0 ? 1u << random_below(14) : 1;
    size_t size_bytes = random_size();
    *block = (struct block){heap_alloc_aligned(size_bytes, alignment), size_bytes, stamp};
    if (block->bytes == NULL)
        return;
    FAKE_CHECK((uintptr_t)block->bytes % alignment == 0);
    FAKE_CHECK(heap_usable_bytes(block->bytes) >= size_bytes);
    memset(block->bytes, stamp, size_bytes);
}

// Each core has memory of its own. In each round all give blocks to all; whoever gets one checks
// and frees it, after a while or at once.
static void core_body(unsigned core)
{
    static struct block given[CORES][CORES][GIVEN];
    static _Thread_local struct block shelf[SHELF];
    start_memory(core);
    if (core == 0)
        heap_set_remote_free(remote_free);
    fake_core_barrier();
    uint64_t free_bytes = page_stats_of(core).free_bytes;
    FAKE_CHECK(free_bytes > CORE_BYTES / 2);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned to = 0; to < CORES; to++)
            for (unsigned i = 0; i < GIVEN; i++)
                core_fill(&given[to][core][i], (uint8_t)(core * 64 + i));
        fake_core_barrier();
        for (unsigned from = 0; from < CORES; from++) {
            for (unsigned i = 0; i < GIVEN; i++) {
                struct block *place = &shelf[random_below(SHELF)];
                block_ends(place);
                *place = given[core][from][i];
            }
        }
        fake_core_barrier();
        take_home(core);
        fake_core_barrier();
    }
    for (unsigned i = 0; i < SHELF; i++)
        block_ends(&shelf[i]);
    fake_core_barrier();
    take_home(core);
    struct heap_stats stats = heap_stats_of(core);
    FAKE_CHECK(stats.blocks == 0 && stats.used_bytes == 0);
    FAKE_CHECK(stats.held_bytes <= KEPT_BYTES && stats.held_bytes_most > KEPT_BYTES);
    FAKE_CHECK(free_bytes - page_stats_of(core).free_bytes == stats.held_bytes);
}

static void four_cores_free_each_others_blocks(void **state)
{
    (void)state;
    fake_core_run(CORES, core_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(four_cores_free_each_others_blocks, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

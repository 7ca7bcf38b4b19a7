// SPDX-License-Identifier: MIT
// Memory from core to core, on the real exchange, heap and page pool. A thread that waits turns its
// core's loop.
#include "fake_core_memory.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>

#include "kernel/sync.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/borrow.h"

#define RESERVE (4ull << 20) // that each core keeps, as kernel/pages.c has it

// ---- below smp/borrow.c -----------------------------------------------------------------------

static PERCORE bool woken, in_loop;

bool thread_may_wait(void)
{
    return !in_loop;
}

uint64_t time_now_ns(void)
{
    return 0;
}

void wait_queue_wake_all(struct wait_queue *queue)
{
    (void)queue;
    woken = true;
}

int wait_queue_wait_until(struct wait_queue *queue, uint64_t deadline_ns)
{
    (void)queue;
    FAKE_CHECK(deadline_ns > 0);
    for (woken = false; !woken;)
        if (!fake_core_poll())
            fake_core_idle();
    return 0;
}

// ---- start and end ----------------------------------------------------------------------------

static uint64_t total_bytes;
static _Atomic unsigned done;

static uint64_t sum_of_totals(void)
{
    uint64_t sum = 0;
    for (unsigned core = 0; core < CORES; core++)
        sum += page_stats_of(core).total_bytes;
    return sum;
}

static void start_core(unsigned core)
{
    start_memory(core);
    if (core == 0) {
        borrow_start();
        total_bytes = sum_of_totals();
        atomic_store(&done, 0);
    }
    fake_core_barrier();
}

// Serves the others until all have come here; then no request is under way.
static void stop_core(void)
{
    borrow_wait(1);
    atomic_fetch_add(&done, 1);
    while (atomic_load(&done) != CORES) {
        fake_core_poll();
        sched_yield();
    }
    fake_core_barrier();
    FAKE_CHECK(sum_of_totals() == total_bytes);
    fake_core_barrier();
    page_pool_on_shortage(NULL);
}

// As posix/memory.c does it.
static void *allocate(size_t size_bytes)
{
    void *block;
    while ((block = heap_alloc(size_bytes)) == NULL)
        if (!borrow_wait(size_bytes))
            return NULL;
    return block;
}

static void free_chain(void *chain)
{
    while (chain != NULL) {
        void *next = *(void **)chain;
        heap_free(chain);
        chain = next;
    }
}

// ---- tests ------------------------------------------------------------------------------------

// Core 1 takes all it can get, twice; the others only turn their loops.
static void one_takes(unsigned core)
{
    start_core(core);
    if (core == 1) {
        FAKE_CHECK(allocate(ARENA_BYTES) == NULL); // nobody has that
        uint64_t had = page_stats_of(core).total_bytes;
        void *large = allocate(23 << 20); // no other can spare as much in one piece
        FAKE_CHECK(large == NULL && page_stats_of(core).total_bytes == had);
        for (unsigned round = 0; round < 2; round++) {
            uint64_t taken = 0;
            void *chain = NULL;
            for (void **block; (block = allocate(1 << 20)) != NULL; chain = block) {
                *block = chain;
                taken += 1 << 20;
            }
            FAKE_CHECK(taken > had + CORE_BYTES); // more than twice its own
            FAKE_CHECK(heap_alloc(1 << 20) == NULL && allocate(1 << 20) == NULL);
            free_chain(chain);
            FAKE_CHECK(page_stats_of(core).total_bytes - page_stats_of(core).free_bytes <=
                       KEPT_BYTES);
        }
        large = allocate(had); // what came together is one
        FAKE_CHECK(large != NULL);
        heap_free(large);
    }
    stop_core();
    FAKE_CHECK(page_stats_of(core).free_bytes >= RESERVE);
}

static void a_dry_core_gets_what_others_can_spare(void **state)
{
    (void)state;
    fake_core_run(CORES, one_takes);
}

// In the loop nothing waits: the allocation fails, but memory is on its way.
static void loop_takes(unsigned core)
{
    start_core(core);
    if (core == 2) {
        in_loop = true;
        void *chain = NULL;
        uint64_t had = page_stats_of(core).total_bytes;
        for (void **block; (block = heap_alloc(1 << 20)) != NULL; chain = block)
            *block = chain;
        FAKE_CHECK(!borrow_wait(1 << 20));
        while (page_stats_of(core).total_bytes == had)
            if (!fake_core_poll())
                fake_core_idle();
        void **block = heap_alloc(1 << 20);
        FAKE_CHECK(block != NULL);
        *block = chain;
        free_chain(block);
        in_loop = false;
    }
    stop_core();
}

static void a_loop_asks_without_waiting(void **state)
{
    (void)state;
    fake_core_run(CORES, loop_takes);
}

// All want more than they have, at different times: memory goes to and fro, and none is lost.
static void all_take(unsigned core)
{
    static _Thread_local void *chains[8];
    unsigned failures = 0;
    start_core(core);
    for (unsigned i = 0; i < 1500; i++) {
        void **chain = &chains[random_below(8)];
        if (random_below(10) == 0) {
            free_chain(*chain);
            *chain = NULL;
        }
        void **block = allocate(random_below(4) == 0 ? random_below(3 << 20) + 8 : 65536);
        if (block == NULL) {
            failures++;
            free_chain(*chain);
            *chain = NULL;
        } else {
            *block = *chain;
            *chain = block;
        }
        if (i % 16 == 0)
            fake_core_poll();
    }
    for (unsigned i = 0; i < 8; i++) {
        free_chain(chains[i]);
        chains[i] = NULL;
    }
    FAKE_CHECK(failures > 0);
    stop_core();
    struct page_stats stats = page_stats_of(core);
    FAKE_CHECK(stats.total_bytes - stats.free_bytes <= KEPT_BYTES + (1 << 20));
}

static void all_borrow_from_all(void **state)
{
    (void)state;
    fake_core_run(CORES, all_take);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_dry_core_gets_what_others_can_spare, setup, teardown),
        cmocka_unit_test_setup_teardown(a_loop_asks_without_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(all_borrow_from_all, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

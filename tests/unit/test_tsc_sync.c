// SPDX-License-Identifier: MIT
// Cores whose counters differ, over the real exchange. The counters' common time is a number that
// each look at any of them makes one larger: so what is found can be compared with what is true.
#include "host.h"

#include <stdatomic.h>
#include <unistd.h>

#include "fake_core.h"

#include "kernel/cpu.h"
#include "kernel/pages.h"
#include "kernel/time.h"
#include "smp/exchange.h"
#include "smp/tsc_sync.h"

#define CORES  4
#define ROUNDS 50
// What can be wrong at most: half of the looks of all while one core's question is answered. Such
// looks are few unless a thread was stopped there, and then another of the rounds is taken.
#define TOLERANCE 2000

static _Atomic uint64_t common_time = 1ull << 40;
static int64_t true_ahead[CORES];
static int64_t found_ahead[CORES];
static _Atomic bool is_over;

uint64_t cpu_read_tsc(void)
{
    uint64_t now = atomic_fetch_add_explicit(&common_time, 1, memory_order_relaxed);
    return now + (uint64_t)true_ahead[core_index()];
}

void time_start_core(int64_t tsc_ahead)
{
    found_ahead[core_index()] = tsc_ahead;
}

uint64_t time_tsc_hz(void)
{
    return 2 * NS_PER_S;
}

void *page_alloc(size_t count)
{
    static char pages[4 * PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
    assert_in_range(count, 1, sizeof(pages) / PAGE_BYTES);
    return pages;
}

static void body(unsigned core)
{
    if (core == 0)
        FAKE_CHECK(exchange_start(CORES) == 0);
    fake_core_barrier();
    exchange_start_core(FAKE_APIC_ID(core));
    fake_core_barrier();
    if (core == 0) {
        tsc_sync();
        atomic_store(&is_over, true);
    }
    while (!atomic_load(&is_over)) {
        fake_core_poll();
        cpu_pause();
    }
    fake_core_barrier();
}

static void sync_all(int64_t core_1, int64_t core_2, int64_t core_3)
{
    true_ahead[1] = core_1;
    true_ahead[2] = core_2;
    true_ahead[3] = core_3;
    for (unsigned core = 0; core < CORES; core++)
        found_ahead[core] = 0;
    host_log_clear();
    atomic_store(&is_over, false);
    fake_core_run(CORES, body);
}

static void counters_that_agree_are_left_alone(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        sync_all(0, 0, 0);
        for (unsigned core = 1; core < CORES; core++)
            assert_int_equal(found_ahead[core], 0);
        assert_string_equal(host_log, "");
    }
}

static void assert_found(unsigned core)
{
    assert_in_range(found_ahead[core] - true_ahead[core] + TOLERANCE, 0, 2 * TOLERANCE);
}

static void counters_that_differ_are_corrected(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        int64_t apart = (int64_t)round * 10000000 + 1000000;
        sync_all(apart, 0, -2 * apart);
        assert_found(1);
        assert_int_equal(found_ahead[2], 0);
        assert_found(3);
        assert_true(host_log_has("time stamp counters of 2 cores differ"));
        assert_true(host_log_has("that of core 3 by "));
        assert_true(host_log_has("it is behind: corrected"));
    }
    sync_all(1ll << 50, 1 << 30, 1 << 20);
    for (unsigned core = 1; core < CORES; core++)
        assert_found(core);
    assert_true(host_log_has(
        "counters of 3 cores differ from core 0's, that of core 1 by 562949953421 us"));
    assert_true(host_log_has("it is ahead: corrected"));
}

static int setup(void **state)
{
    (void)state;
    alarm(60);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(counters_that_agree_are_left_alone, setup),
        cmocka_unit_test_setup(counters_that_differ_are_corrected, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

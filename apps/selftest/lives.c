// SPDX-License-Identifier: MIT
// Threads' ends, priorities and stacks; very many of them, and none for want of memory.
#include <errno.h>
#include <string.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/core.h"
#include "kernel/pages.h"
#include "kernel/scheduler.h"
#include "kernel/stack.h"
#include "kernel/sync.h"
#include "kernel/thread.h"
#include "kernel/time.h"

#define FILLER_STACK_BYTES (1u << 20)
#define TEN_THOUSAND       10000
#define TINY_STACK_BYTES   4096
#define BIG_STACK_BYTES    (256u << 10)
#define FAR_OFF_NS         (3600 * NS_PER_S)
#define LONG_NS            (5 * NS_PER_MS)
#define BACKGROUND_ROUNDS  50

static const struct thread_options joinable = {.joinable = true};

static void exit_from_within(void *argument)
{
    thread_exit(argument);
}

static void exit_later(void *argument)
{
    thread_sleep_until(time_now_ns() + LONG_NS);
    thread_exit(argument);
}

static void return_at_once(void *argument)
{
    (void)argument;
}

static void expect_join(void (*entry)(void *argument), void *expected, bool ended_before)
{
    void *result = &result;
    struct thread *thread = thread_create_with_options("joined", entry, expected, &joinable);
    if (!CHECK(thread != NULL))
        return;
    if (ended_before)
        thread_sleep_until(time_now_ns() + 2 * LONG_NS);
    CHECK_EQUAL(thread_join(thread, &result, TIME_NEVER), 0);
    CHECK(result == (entry == return_at_once ? NULL : expected));
}

static void join_all_ways(void *argument)
{
    (void)argument;
    int something;
    for (int ended_before = 0; ended_before < 2; ended_before++) {
        expect_join(exit_from_within, &something, ended_before);
        expect_join(exit_later, &something, ended_before);
        expect_join(return_at_once, &something, ended_before);
    }
    // The deadline comes first; what is left can still be joined, with its result not asked for.
    struct thread *thread = thread_create_with_options("late", exit_later, NULL, &joinable);
    if (!CHECK(thread != NULL))
        return;
    uint64_t deadline_ns = time_now_ns() + LONG_NS / 5;
    CHECK_EQUAL(thread_join(thread, NULL, deadline_ns), -ETIMEDOUT);
    CHECK(time_now_ns() >= deadline_ns);
    CHECK_EQUAL(thread_join(thread, NULL, time_now_ns() + FAR_OFF_NS), 0);
}

void case_thread_join(void)
{
    run_on_all(join_all_ways, NULL);
}

// Neither joining nor detaching leaves a stack behind, whether the thread has ended by then or not.
static void ends_leave_nothing(void *argument)
{
    (void)argument;
    uint64_t alone = scheduler_stats_of(core_index()).threads, free_bytes = 0;
    for (unsigned i = 0; i < 400; i++) {
        struct thread *thread = thread_create_with_options("left", return_at_once, NULL, &joinable);
        if (!CHECK(thread != NULL))
            return;
        if (i % 4 < 2)
            thread_yield(); // it ends
        if (i % 2 == 0)
            thread_detach(thread);
        else
            CHECK_EQUAL(thread_join(thread, NULL, TIME_NEVER), 0);
        thread_yield();
        CHECK_EQUAL(scheduler_stats_of(core_index()).threads, alone);
        if (i == 3)
            free_bytes = page_stats_of(core_index()).free_bytes;
    }
    CHECK_EQUAL(page_stats_of(core_index()).free_bytes, free_bytes);
}

void case_thread_ends_leave_nothing(void)
{
    run_on_all(ends_leave_nothing, NULL);
}

static PERCORE struct {
    unsigned normal_left;
    unsigned background_turns;
    bool all_done;
} levels;

static void run_in_background(void *argument)
{
    CHECK_EQUAL(thread_get_priority(thread_self()), THREAD_BACKGROUND);
    for (unsigned i = 0; i < BACKGROUND_ROUNDS; i++) {
        CHECK_EQUAL(levels.normal_left, 0);
        levels.background_turns++;
        thread_yield();
    }
    if (argument != NULL) {
        thread_set_priority(THREAD_NORMAL);
        CHECK_EQUAL(thread_get_priority(thread_self()), THREAD_NORMAL);
        levels.all_done = true;
    }
}

static void run_before(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < BACKGROUND_ROUNDS; i++) {
        CHECK_EQUAL(levels.background_turns, 0);
        thread_yield();
    }
    levels.normal_left--;
}

// What is created first runs last, and takes turns with its equals.
static void two_levels(void *argument)
{
    (void)argument;
    struct thread_options background = {.priority = THREAD_BACKGROUND};
    memset(&levels, 0, sizeof(levels));
    levels.normal_left = 3;
    for (uintptr_t i = 0; i < 2; i++)
        CHECK(thread_create_with_options("background", run_in_background, (void *)i, &background));
    for (unsigned i = 0; i < 3; i++)
        CHECK(thread_create("normal", run_before, NULL) != NULL);
    uint64_t deadline_ns = time_now_ns() + RUN_HANG_S * NS_PER_S;
    while (!levels.all_done && time_now_ns() < deadline_ns)
        thread_sleep_until(time_now_ns() + NS_PER_MS);
    CHECK(levels.all_done);
    CHECK_EQUAL(levels.background_turns, 2 * BACKGROUND_ROUNDS);
}

void case_thread_priorities(void)
{
    run_on_all(two_levels, NULL);
}

static PERCORE struct {
    bool expired, stop;
} spin;

static void note_expiry(struct timer *timer)
{
    (void)timer;
    spin.expired = true;
}

static void yield_until_expired(void *argument)
{
    (void)argument;
    uint64_t give_up_ns = time_now_ns() + RUN_HANG_S * NS_PER_S;
    while (!spin.expired && time_now_ns() < give_up_ns)
        thread_yield();
    CHECK(spin.expired);
    spin.stop = true;
}

// The loop comes round also among threads that do nothing but yield, of either priority.
static void loop_has_its_turn(void *argument)
{
    (void)argument;
    struct thread_options options[] = {{0}, {.priority = THREAD_BACKGROUND}};
    for (unsigned priority = 0; priority < ARRAY_COUNT(options); priority++) {
        for (unsigned threads = 1; threads <= 3; threads += 2) {
            memset(&spin, 0, sizeof(spin));
            struct timer timer = {.expired = note_expiry};
            timer_start(&timer, time_now_ns() + NS_PER_MS);
            for (unsigned i = 0; i < threads; i++)
                CHECK(thread_create_with_options("spin", yield_until_expired, NULL,
                                                 &options[priority]));
            uint64_t deadline_ns = time_now_ns() + 2 * RUN_HANG_S * NS_PER_S;
            while (!spin.stop && time_now_ns() < deadline_ns)
                thread_sleep_until(time_now_ns() + NS_PER_MS);
            CHECK(spin.stop);
            timer_stop(&timer);
            thread_sleep_until(time_now_ns() + NS_PER_MS); // the others have seen it too
        }
    }
}

void case_thread_yield_lets_loop_run(void)
{
    run_on_all(loop_has_its_turn, NULL);
}

static void __attribute__((noinline)) use_stack(size_t size_bytes)
{
    volatile unsigned char block[1024];
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (unsigned char)i;
    if (size_bytes > 2 * sizeof(block))
        use_stack(size_bytes - sizeof(block));
    block[0] = block[1]; // keeps the call from becoming a jump
}

static void measure_stack(void *argument)
{
    const struct thread *self = thread_self();
    size_t used_bytes = (size_t)argument, least = thread_stack_used_bytes(self);
    CHECK_EQUAL(thread_stack_bytes(self), BIG_STACK_BYTES);
    CHECK(least >= PAGE_BYTES && least <= 4 * PAGE_BYTES);
    use_stack(used_bytes);
    CHECK(thread_stack_used_bytes(self) >= used_bytes);
    CHECK(thread_stack_used_bytes(self) <= used_bytes + used_bytes / 8 + 4 * PAGE_BYTES);
    CHECK_EQUAL(thread_stack_used_bytes(self) % PAGE_BYTES, 0);
}

// The second thread has the first one's stack, and the mark of its own.
static void stack_marks(void *argument)
{
    (void)argument;
    static const size_t used[] = {200 << 10, 8 << 10, 100 << 10, 2 << 10};
    struct thread_options options = {.stack_bytes = BIG_STACK_BYTES, .joinable = true};
    for (unsigned i = 0; i < ARRAY_COUNT(used); i++) {
        struct thread *thread =
            thread_create_with_options("mark", measure_stack, (void *)used[i], &options);
        if (CHECK(thread != NULL))
            CHECK_EQUAL(thread_join(thread, NULL, TIME_NEVER), 0);
    }
}

void case_thread_stack_used(void)
{
    run_on_all(stack_marks, NULL);
}

static PERCORE struct {
    struct semaphore gate;
    unsigned through;
} crowd;

static void wait_in_crowd(void *argument)
{
    semaphore_wait(&crowd.gate);
    CHECK_EQUAL(crowd.through, (uintptr_t)argument);
    crowd.through++;
    thread_yield();
}

// Their stacks too: what is not kept can be used again.
static bool crowd_is_gone(void *context)
{
    return scheduler_stats_of(core_index()).threads == *(const uint64_t *)context &&
           stack_stats_get().addresses_waiting < 32;
}

// All exist at once, and wait at the same place.
static void ten_thousand(void *argument)
{
    (void)argument;
    uint64_t before = scheduler_stats_of(core_index()).threads;
    memset(&crowd, 0, sizeof(crowd));
    uintptr_t count = 0;
    while (count < TEN_THOUSAND &&
           CHECK(thread_create_with_stack("crowd", wait_in_crowd, (void *)count, TINY_STACK_BYTES)))
        count++;
    CHECK_EQUAL(scheduler_stats_of(core_index()).threads, before + count);
    thread_yield();
    CHECK_EQUAL(crowd.through, 0);
    for (unsigned i = 0; i < count; i++)
        semaphore_post(&crowd.gate);
    CHECK(run_until(crowd_is_gone, &before, 1000 * RUN_HANG_S));
    CHECK_EQUAL(crowd.through, count);
}

void case_thread_ten_thousand(void)
{
    run_on(run_last_core(), ten_thousand, NULL);
}

#define STACKS      600
#define STACK_BYTES (64u << 10)

// Many stacks at once, of which few are kept: the memory of the others is there again.
static uint64_t used_bytes_here(void)
{
    struct page_stats stats = page_stats_of(core_index());
    return stats.total_bytes - stats.free_bytes;
}

// All but what may be kept, and the page tables, which stay for other stacks at the same addresses.
static bool memory_is_back(void *used_before)
{
    return used_bytes_here() < *(const uint64_t *)used_before + STACK_KEPT_BYTES + (2 << 20);
}

static void stacks_come_and_go(void *argument)
{
    (void)argument;
    uint64_t used_before = used_bytes_here();
    for (unsigned round = 0; round < 4; round++) {
        uint64_t before = scheduler_stats_of(core_index()).threads;
        uintptr_t count = 0;
        memset(&crowd, 0, sizeof(crowd));
        while (count < STACKS &&
               CHECK(thread_create_with_stack("stack", wait_in_crowd, (void *)count, STACK_BYTES)))
            count++;
        CHECK(used_bytes_here() > used_before + STACKS * STACK_BYTES / 2);
        thread_yield();
        for (unsigned i = 0; i < count; i++)
            semaphore_post(&crowd.gate);
        CHECK(run_until(crowd_is_gone, &before, 1000 * RUN_HANG_S));
        CHECK(run_until(memory_is_back, &used_before, 1000 * RUN_HANG_S));
        CHECK(stack_stats_get().kept_bytes <= STACK_KEPT_BYTES);
    }
}

void case_thread_stacks_return(void)
{
    run_on(run_last_core(), stacks_come_and_go, NULL);
}

static void wait_for_event(void *argument)
{
    event_wait(argument);
}

// Creates threads with the largest stacks until there is no memory. Returns: how many.
static unsigned fill_with_threads(void)
{
    struct event end = {0};
    unsigned count = 0;
    uint64_t before = scheduler_stats_of(core_index()).threads;
    while (thread_create_with_stack("filler", wait_for_event, &end, FILLER_STACK_BYTES) != NULL)
        count++;
    CHECK_EQUAL(scheduler_stats_of(core_index()).threads, before + count);
    for (unsigned i = 0; i < 10; i++) { // a failure leaves nothing
        uint64_t free_bytes = page_stats_of(core_index()).free_bytes;
        CHECK(thread_create_with_stack("none", wait_for_event, &end, FILLER_STACK_BYTES) == NULL);
        CHECK_EQUAL(page_stats_of(core_index()).free_bytes, free_bytes);
    }
    thread_yield();
    event_set(&end);
    CHECK(run_until(crowd_is_gone, &before, 1000 * RUN_HANG_S));
    return count;
}

static void no_memory(void *argument)
{
    (void)argument;
    uint64_t used_before = used_bytes_here();
    unsigned first = fill_with_threads(); // other cores may lend some
    CHECK(first > 0);
    for (unsigned i = 0; i < 5; i++) {
        CHECK(run_until(memory_is_back, &used_before, 1000 * RUN_HANG_S));
        // Where page tables came to lie decides how many stacks fit between them.
        CHECK(fill_with_threads() >= first - first / 3);
    }
}

// The last case: other cores' memory comes to this one.
void case_thread_no_memory(void)
{
    run_on(run_last_core(), no_memory, NULL);
}

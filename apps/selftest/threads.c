// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/core.h"
#include "kernel/pages.h"
#include "kernel/scheduler.h"
#include "kernel/stack.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/remote.h"

#define SMALL_STACK_BYTES 8192
#define THOUSAND          1000
#define YIELDERS          5
#define ROUNDS            200
#define DEEP_STACK_BYTES  (512u << 10)
#define DEEP_FRAME_BYTES  1024
#define DEEP_FRAMES       420 // of them fill most of the stack

static unsigned came_up_on[CORES_MAX];

static void tell_core(void *argument)
{
    (void)argument;
    came_up_on[core_index()] = core_index() + 1;
    CHECK_TEXT(thread_name(thread_self()), "part");
}

void case_thread_on_each_core(void)
{
    memset(came_up_on, 0, sizeof(came_up_on));
    run_on_all(tell_core, NULL);
    for (unsigned core = 0; core < core_count(); core++)
        CHECK_EQUAL(came_up_on[core], core_is_online(core) ? core + 1 : 0);
}

static void never_runs(void *argument)
{
    (void)argument;
    CHECK(!"a thread on a core that does not exist");
}

void case_thread_on_bad_core(void)
{
    CHECK_EQUAL(thread_create_on(core_count(), "bad", never_runs, NULL), -EINVAL);
    CHECK_EQUAL(thread_create_on(CORES_MAX, "bad", never_runs, NULL), -EINVAL);
    CHECK_EQUAL(thread_create_on(UINT_MAX, "bad", never_runs, NULL), -EINVAL);
    for (int i = 0; i < 10; i++)
        thread_yield();
}

static bool name_done;

static void check_name(void *argument)
{
    CHECK_TEXT(thread_name(thread_self()), argument);
    name_done = true;
}

void case_thread_names(void)
{
    static char expected[] = "a name that is longer t"; // cut to 23 characters and the NUL
    char given[] = "a name that is longer than that";
    name_done = false;
    struct thread *thread = thread_create(given, check_name, expected);
    if (!CHECK(thread != NULL))
        return;
    memset(given, 'x', sizeof(given) - 1); // the name was copied
    run_wait_for(&name_done);
    static char literal[] = "a literal is not cut, however long";
    name_done = false;
    if (CHECK(thread_create("a literal is not cut, however long", check_name, literal) != NULL))
        run_wait_for(&name_done);
    CHECK_TEXT(thread_name(thread_self()), "main");
}

static PERCORE struct {
    unsigned order[THOUSAND];
    unsigned count;
    bool all_done;
} notes;

static void note_order(void *argument)
{
    if (notes.count < ARRAY_COUNT(notes.order))
        notes.order[notes.count++] = (unsigned)(uintptr_t)argument;
}

// Threads run in the order they were created, none before its creator lets go.
static void create_in_order(void *argument)
{
    (void)argument;
    notes.count = 0;
    for (uintptr_t i = 0; i < 20; i++)
        CHECK(thread_create("order", note_order, (void *)i) != NULL);
    CHECK_EQUAL(notes.count, 0);
    thread_yield();
    if (CHECK_EQUAL(notes.count, 20))
        for (unsigned i = 0; i < 20; i++)
            CHECK_EQUAL(notes.order[i], i);
}

void case_thread_order(void)
{
    run_on_all(create_in_order, NULL);
}

static void yield_and_note(void *argument)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        note_order(argument);
        thread_yield();
    }
    notes.all_done = (uintptr_t)argument == YIELDERS - 1;
}

static void yield_round_robin(void *argument)
{
    (void)argument;
    notes.count = 0;
    notes.all_done = false;
    for (uintptr_t i = 0; i < YIELDERS; i++)
        CHECK(thread_create("yielder", yield_and_note, (void *)i) != NULL);
    run_wait_for(&notes.all_done);
    if (CHECK_EQUAL(notes.count, YIELDERS * ROUNDS))
        for (unsigned i = 0; i < YIELDERS * ROUNDS; i++)
            if (!CHECK_EQUAL(notes.order[i], i % YIELDERS))
                break;
}

void case_thread_yield_round_robin(void)
{
    run_on_all(yield_round_robin, NULL);
}

static void __attribute__((noinline)) exit_deep(unsigned depth)
{
    if (depth > 0)
        exit_deep(depth - 1);
    else if (notes.count > 0) // always: who calls has noted itself
        thread_exit(NULL);
    CHECK(!"thread_exit returned");
}

// Half of them return from their function, half leave it from within.
static void note_and_end(void *argument)
{
    thread_yield();
    note_order(argument);
    if ((uintptr_t)argument % 2)
        exit_deep(5);
}

static bool only_one_left(void *context)
{
    return scheduler_stats_of(core_index()).threads == *(const uint64_t *)context;
}

static void thousand_threads(void *argument)
{
    (void)argument;
    thread_yield(); // whoever ended before is gone then
    uint64_t before = scheduler_stats_of(core_index()).threads;
    notes.count = 0;
    for (uintptr_t i = 0; i < THOUSAND; i++)
        if (!CHECK(thread_create_with_stack("one", note_and_end, (void *)i, SMALL_STACK_BYTES)))
            return;
    CHECK_EQUAL(scheduler_stats_of(core_index()).threads, before + THOUSAND);
    CHECK(run_until(only_one_left, &before, 1000 * RUN_HANG_S));
    if (CHECK_EQUAL(notes.count, THOUSAND))
        for (unsigned i = 0; i < THOUSAND; i++)
            if (!CHECK_EQUAL(notes.order[i], i))
                break;
}

void case_thread_thousand(void)
{
    run_on(run_last_core(), thousand_threads, NULL);
}

static void ends_at_once(void *argument)
{
    (void)argument;
}

// A thread's memory serves the next one: 1,000 one after the other need no more than one.
static void threads_in_turn(void *argument)
{
    (void)argument;
    thread_yield();
    uint64_t alone = scheduler_stats_of(core_index()).threads, free_bytes = 0;
    for (unsigned i = 0; i < THOUSAND; i++) {
        if (!CHECK(thread_create("in turn", ends_at_once, NULL) != NULL) ||
            !CHECK(run_until(only_one_left, &alone, 1000 * RUN_HANG_S)))
            return;
        if (i == 0)
            free_bytes = page_stats_of(core_index()).free_bytes;
    }
    CHECK_EQUAL(page_stats_of(core_index()).free_bytes, free_bytes);
}

void case_thread_memory_returns(void)
{
    run_on_all(threads_in_turn, NULL);
}

// Fills a frame, goes deeper, and finds its frame as it was.
static unsigned __attribute__((noinline)) descend(unsigned depth)
{
    volatile unsigned char frame[DEEP_FRAME_BYTES];
    for (size_t i = 0; i < sizeof(frame); i++)
        frame[i] = (unsigned char)(depth + i);
    if (depth % 100 == 0)
        thread_yield();
    unsigned below = depth < DEEP_FRAMES ? descend(depth + 1) : 0;
    for (size_t i = 0; i < sizeof(frame); i++)
        if (frame[i] != (unsigned char)(depth + i))
            return 0;
    return below + 1;
}

static PERCORE bool deep_done;

static void go_deep(void *argument)
{
    (void)argument;
    CHECK_EQUAL(descend(0), DEEP_FRAMES + 1);
    deep_done = true;
}

static void deep_stack(void *argument)
{
    (void)argument;
    deep_done = false;
    if (CHECK(thread_create_with_stack("deep", go_deep, NULL, DEEP_STACK_BYTES) != NULL))
        run_wait_for(&deep_done);
}

void case_thread_deep_stack(void)
{
    run_on_all(deep_stack, NULL);
}

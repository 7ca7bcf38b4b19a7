// SPDX-License-Identifier: MIT
// Calls, threads, freed memory and text across cores, on the real exchange, heap and page pool. A
// thread that waits turns its core's loop.
#include "fake_core_memory.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/power.h"
#include "kernel/stack.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/remote.h"

#define TEXT_BYTES 12000 // large, for those that are lost to be missed

// ---- below smp/remote.c -----------------------------------------------------------------------

struct thread {
    bool woken;
};
static PERCORE struct thread self;

struct thread *thread_self(void)
{
    return &self;
}

static void turn(void)
{
    if (!fake_core_poll())
        fake_core_idle();
}

bool thread_wait_until(uint64_t deadline_ns)
{
    FAKE_CHECK(deadline_ns == TIME_NEVER);
    while (!self.woken) {
        turn();
        if (random_below(8) == 0)
            return true; // woken by somebody else: the caller must look why
    }
    self.woken = false;
    return true;
}

void thread_wake(struct thread *thread)
{
    FAKE_CHECK(thread == &self); // on its own core only
    thread->woken = true;
}

static PERCORE unsigned threads_created;
static PERCORE bool no_memory_for_threads;

struct thread *thread_create(const char *name, void (*entry)(void *argument), void *argument)
{
    FAKE_CHECK(strcmp(name, "worker") == 0);
    if (no_memory_for_threads)
        return NULL;
    threads_created++;
    entry(argument);
    return &self;
}

static void (*flush_all_cores)(void);
static PERCORE unsigned flushes; // of this core's translations
static PERCORE bool all_flushed;

void stack_set_flush(void (*flush)(void))
{
    flush_all_cores = flush;
}

void stack_flushed(void)
{
    all_flushed = true;
}

uint64_t cpu_read_cr3(void)
{
    return 0x1000;
}

void cpu_write_cr3(uint64_t value)
{
    FAKE_CHECK(value == 0x1000);
    flushes++;
}

static void (*forward_text)(bool *written, const char *text, size_t size_bytes);
static void (*run_on_core_0)(void (*function)(void *argument), void *argument);

void console_set_forward(void (*forward)(bool *written, const char *text, size_t size_bytes))
{
    forward_text = forward;
}

void power_set_run_on_core_0(void (*run)(void (*function)(void *argument), void *argument))
{
    run_on_core_0 = run;
}

static unsigned lines_written[CORES]; // of each core, core 0's to count
static bool marks[CORES];

// "core 2 line 17", then dots: the lines of one core come in order, and whole.
void console_write_once(bool *written, const char *text, size_t size_bytes)
{
    unsigned core, line;
    char copy[64];
    FAKE_CHECK(core_index() == 0 && size_bytes == TEXT_BYTES && text[size_bytes - 1] == '.');
    memcpy(copy, text, sizeof(copy));
    copy[sizeof(copy) - 1] = '\0';
    FAKE_CHECK(sscanf(copy, "core %u line %u.", &core, &line) == 2 && core < CORES);
    FAKE_CHECK(line == lines_written[core]++ && written == &marks[core]);
}

// ---- start and end ----------------------------------------------------------------------------

static unsigned done_count; // core 0's
static _Atomic bool all_answered;
static PERCORE bool finished;

static void start_core(unsigned core)
{
    start_memory(core);
    if (core == 0) {
        remote_start();
        done_count = 0;
        atomic_store(&all_answered, false);
        memset(lines_written, 0, sizeof(lines_written));
    }
    fake_core_barrier();
}

static void nothing(void *argument)
{
    (void)argument;
}

static void count_done(void *argument)
{
    (void)argument;
    FAKE_CHECK(core_index() == 0);
    done_count++;
}

static void finish(void *argument)
{
    (void)argument;
    finished = true;
}

// Messages of two cores keep their order: what this core sent before has arrived when a call ran.
static void stop_core(unsigned core)
{
    for (unsigned other = 0; other < CORES; other++)
        remote_call(other, nothing, NULL);
    remote_call(0, count_done, NULL);
    if (core == 0) {
        while (done_count != CORES)
            turn();
        for (unsigned other = 0; other < CORES; other++)
            remote_call(other, finish, NULL);
    }
    while (!finished)
        turn();
    if (core == 0)
        atomic_store(&all_answered, true);
    while (!atomic_load(&all_answered)) { // the last answer may still be queued
        fake_core_poll();
        sched_yield();
    }
    fake_core_barrier();
}

// ---- calls ------------------------------------------------------------------------------------

struct sum {
    unsigned core;
    uint64_t a, b, result;
};

static void add_there(void *argument)
{
    struct sum *sum = argument;
    FAKE_CHECK(core_index() == sum->core);
    sum->result = sum->a + sum->b;
}

static void calls_body(unsigned core)
{
    start_core(core);
    for (unsigned i = 0; i < 1500; i++) {
        struct sum sum = {.core = (unsigned)random_below(CORES), .a = i, .b = core * 1000};
        remote_call(sum.core, add_there, &sum);
        FAKE_CHECK(sum.result == i + core * 1000);
        struct sum zero = {.core = 0, .a = 1};
        if (i % 8 == 0) {
            run_on_core_0(add_there, &zero);
            FAKE_CHECK(zero.result == 1);
        }
    }
    stop_core(core);
}

static void calls_run_there_and_are_waited_for(void **state)
{
    (void)state;
    fake_core_run(CORES, calls_body);
}

// ---- threads ----------------------------------------------------------------------------------

static void threads_body(unsigned core)
{
    start_core(core);
    if (core == 2)
        no_memory_for_threads = true;
    fake_core_barrier();
    if (core == 1) {
        static struct sum sums[CORES];
        for (unsigned other = 0; other < CORES; other++) {
            sums[other] = (struct sum){.core = other, .a = 1, .b = 2};
            int error = thread_create_on(other, "worker", add_there, &sums[other]);
            FAKE_CHECK(error == (other == 2 ? -ENOMEM : 0));
            FAKE_CHECK(sums[other].result == (other == 2 ? 0 : 3));
        }
        FAKE_CHECK(thread_create_on(CORES, "worker", nothing, NULL) == -EINVAL);
        FAKE_CHECK(thread_create_on(UINT32_MAX, "worker", nothing, NULL) == -EINVAL);
    }
    stop_core(core);
    FAKE_CHECK(threads_created == (core == 2 ? 0 : 1));
}

static void threads_are_made_by_their_own_core(void **state)
{
    (void)state;
    fake_core_run(CORES, threads_body);
}

// ---- translations -----------------------------------------------------------------------------

// All cores flush all others' at once, time and again.
static void flush_body(unsigned core)
{
    start_core(core);
    for (unsigned i = 0; i < 50; i++) {
        all_flushed = false;
        flush_all_cores();
        while (!all_flushed)
            turn();
    }
    stop_core(core);
    FAKE_CHECK(flushes == 50 * (CORES - 1));
}

static void all_other_cores_forget_translations(void **state)
{
    (void)state;
    fake_core_run(CORES, flush_body);
}

// ---- memory and text --------------------------------------------------------------------------

struct gift {
    uint8_t *bytes;
    size_t size_bytes;
    uint8_t stamp;
};
#define SHELF 64
static PERCORE struct gift shelf[SHELF];

static void gift_free(struct gift *gift)
{
    for (size_t i = 0; i < gift->size_bytes; i++)
        FAKE_CHECK(gift->bytes[i] == gift->stamp);
    heap_free(gift->bytes);
    gift->bytes = NULL;
    gift->size_bytes = 0;
}

static void gift_take(void *argument)
{
    struct gift *place = &shelf[random_below(SHELF)];
    gift_free(place); // its owner may be any core
    *place = *(struct gift *)argument;
}

static void gift_make(struct gift *gift)
{
    size_t alignment = random_below(4) == 0 ? 1u << random_below(13) : 1;
    gift->size_bytes = random_below(random_below(16) == 0 ? 100000 : 2000);
    gift->stamp = (uint8_t)random_below(256);
    gift->bytes = heap_alloc_aligned(gift->size_bytes, alignment);
    FAKE_CHECK(gift->bytes != NULL);
    memset(gift->bytes, gift->stamp, gift->size_bytes);
}

static void memory_body(unsigned core)
{
    unsigned lines = 0;
    start_core(core);
    uint64_t free_bytes = page_stats_of(core).free_bytes;
    for (unsigned i = 0; i < 1500; i++) {
        struct gift gift;
        gift_make(&gift);
        remote_call((unsigned)random_below(CORES), gift_take, &gift);
        if (core != 0 && random_below(4) == 0) {
            char text[TEXT_BYTES];
            memset(text, '.', sizeof(text));
            int end = snprintf(text, sizeof(text), "core %u line %u", core, lines++);
            text[end] = '.';
            forward_text(&marks[core], text, sizeof(text));
        }
    }
    stop_core(core); // nobody gives any more
    fake_core_barrier();
    for (unsigned i = 0; i < SHELF; i++)
        gift_free(&shelf[i]);
    finished = false;
    if (core == 0) {
        done_count = 0;
        atomic_store(&all_answered, false);
    }
    fake_core_barrier();
    stop_core(core); // all is home
    FAKE_CHECK(free_bytes - page_stats_of(core).free_bytes <= KEPT_BYTES);
    const unsigned *written = &lines_written[core];
    FAKE_CHECK(*written == lines && (core == 0 || lines > 100));
}

static void freed_blocks_and_text_come_home(void **state)
{
    (void)state;
    fake_core_run(CORES, memory_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls_run_there_and_are_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_are_made_by_their_own_core, setup, teardown),
        cmocka_unit_test_setup_teardown(all_other_cores_forget_translations, setup, teardown),
        cmocka_unit_test_setup_teardown(freed_blocks_and_text_come_home, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

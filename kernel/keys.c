// SPDX-License-Identifier: MIT
#include "kernel/keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/counters.h"
#include "kernel/heap.h"
#include "kernel/interrupts.h"
#include "kernel/io_apic.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/pages.h"
#include "kernel/profile.h"
#include "kernel/scheduler.h"
#include "kernel/serial.h"
#include "kernel/stop.h"
#include "kernel/thread_internal.h"
#include "kernel/time.h"
#include "kernel/trace.h"

OPTION_CHOICE(keys, "on|off", "what is typed at the serial port shows what goes on");

#define TYPED_MAX      16 // typed ahead; what is more is not heard
#define COLUMNS        4  // cores beside each other
#define THREADS_SHOWN  64 // of each core
#define TRACE_EVENTS   64 // of each core
#define LINE_MAX_BYTES 160

// Core 0's: the handler of the interrupt puts keys in, a thread takes them out.
static uint8_t typed[TYPED_MAX];
static atomic_uint typed_in, typed_out;
static bool is_answering;
static run_on_core_fn run_on;

void keys_show(const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length > 0)
        console_write(line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

// ---- counters -----------------------------------------------------------------------------------

struct columns {
    unsigned cores[COLUMNS], count;
};

static void show_counter(const struct counter *counter, void *context)
{
    const struct columns *columns = context;
    char line[LINE_MAX_BYTES];
    uint64_t any = 0;
    bool is_time = counter->kind == COUNTER_NS;
    int used = snprintf(line, sizeof(line), "%s%s", counter->name, is_time ? " (us)" : "");
    used +=
        snprintf(line + used, sizeof(line) - (size_t)used, "%*s", used < 32 ? 32 - used : 0, "");
    for (unsigned i = 0; i < columns->count; i++) {
        uint64_t value = counter->read(columns->cores[i], counter->offset);
        any |= value;
        used += snprintf(line + used, sizeof(line) - (size_t)used, " %16llu",
                         (unsigned long long)(is_time ? value / NS_PER_US : value));
    }
    if (any != 0)
        keys_show("%s\n", line);
}

static void show_columns(struct columns *columns)
{
    char line[LINE_MAX_BYTES];
    int used = snprintf(line, sizeof(line), "%-32s", "counters that are not 0");
    for (unsigned i = 0; i < columns->count; i++)
        used += snprintf(line + used, sizeof(line) - (size_t)used, " %11s %4u", "core",
                         columns->cores[i]);
    keys_show("%s\n", line);
    counters_each(show_counter, columns);
    columns->count = 0;
    thread_yield();
}

static void show_counters(void)
{
    struct columns columns = {.count = 0};
    for (unsigned core = 0; core < core_count(); core++) {
        if (!core_is_online(core))
            continue;
        columns.cores[columns.count++] = core;
        if (columns.count == COLUMNS)
            show_columns(&columns);
    }
    if (columns.count > 0)
        show_columns(&columns);
}

// ---- threads ------------------------------------------------------------------------------------

static const char *state_of(const struct thread *thread)
{
    static const char *const names[] = {[THREAD_READY] = "ready",
                                        [THREAD_WAITING] = "waiting",
                                        [THREAD_BLOCKED] = "blocked",
                                        [THREAD_ENDED] = "ended"};
    if (thread == thread_current)
        return "running";
    return thread->timer.pending ? "sleeping" : names[thread->state];
}

// On each core, by the loop: only a core itself reads its threads.
static void show_threads_here(void *argument)
{
    (void)argument;
    uint64_t count = scheduler_stats_of(core_index()).threads, shown = 0;
    keys_show("core %u: %llu threads\n", core_index(), (unsigned long long)count);
    for (struct thread *thread = thread_all; thread != NULL && shown < THREADS_SHOWN;
         thread = thread->all_next, shown++)
        keys_show("  %-24s %-8s %s  stack %zu of %zu KiB used\n", thread->name, state_of(thread),
                  thread->priority == THREAD_NORMAL ? "normal    " : "background",
                  thread_stack_used_bytes(thread) >> 10, thread_stack_bytes(thread) >> 10);
    if (shown < count)
        keys_show("  and %llu more\n", (unsigned long long)(count - shown));
}

static void show_threads(void)
{
    for (unsigned core = 0; core < core_count(); core++)
        if (core_is_online(core))
            run_on(core, show_threads_here, NULL);
}

// ---- the other keys -----------------------------------------------------------------------------

static void show_memory(void)
{
    uint64_t total = 0, free = 0;
    for (unsigned core = 0; core < core_count(); core++) {
        if (!core_is_online(core))
            continue;
        struct page_stats pages = page_stats_of(core);
        struct heap_stats heap = heap_stats_of(core);
        keys_show(
            "core %u: %llu of %llu KiB free, %llu in one run; heap: %llu blocks, %llu of %llu KiB "
            "in use\n",
            core, (unsigned long long)pages.free_bytes >> 10,
            (unsigned long long)pages.total_bytes >> 10,
            (unsigned long long)page_longest_free_bytes(core) >> 10,
            (unsigned long long)heap.blocks, (unsigned long long)heap.used_bytes >> 10,
            (unsigned long long)heap.held_bytes >> 10);
        total += pages.total_bytes;
        free += pages.free_bytes;
    }
    keys_show("together: %llu of %llu KiB free\n", (unsigned long long)free >> 10,
              (unsigned long long)total >> 10);
}

static void show_trace(void)
{
    if (option_get_bool("trace", false))
        trace_dump(TRACE_EVENTS, console_write);
    else
        keys_show("nothing is traced: option trace=on does it\n");
}

static void show_profile(void)
{
    if (option_get("profile") != NULL)
        profile_dump();
    else
        keys_show("nothing is sampled: option profile=HZ does it\n");
}

static void quit(void)
{
    stop_request("key q");
}

static void show_keys(void);

static const struct {
    char key;
    const char *help;
    void (*answer)(void);
} keys[] = {
    {'?', "this list", show_keys},
    {'c', "counters of each core", show_counters},
    {'m', "memory of each core", show_memory},
    {'p', "profile: where the cores were since the last time", show_profile},
    {'q', "quit: the app finishes what it does, then the machine ends", quit},
    {'r', "trace: what each core did last", show_trace},
    {'t', "threads of each core", show_threads},
};

static struct key_answer *others;

void keys_add(struct key_answer *added)
{
    added->next = others;
    others = added;
}

static void show_keys(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++)
        keys_show("keys:   %c  %s\n", keys[i].key, keys[i].help);
    for (const struct key_answer *other = others; other != NULL; other = other->next)
        keys_show("keys:   %c  %s\n", other->key, other->help);
}

static void answer(uint8_t key)
{
    if (key <= ' ' || key > '~') // a terminal's own sequences, ends of lines
        return;
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        if (keys[i].key == key) {
            keys[i].answer();
            return;
        }
    }
    for (const struct key_answer *other = others; other != NULL; other = other->next) {
        if (other->key == key) {
            other->answer();
            return;
        }
    }
    keys_show("keys: '%c' does nothing; '?' lists those that do\n", key);
}

// ---- listening ----------------------------------------------------------------------------------

static bool is_typed(void)
{
    return atomic_load_explicit(&typed_in, memory_order_relaxed) !=
           atomic_load_explicit(&typed_out, memory_order_relaxed);
}

static void answer_all(void *argument)
{
    (void)argument;
    while (is_typed()) {
        unsigned out = atomic_load_explicit(&typed_out, memory_order_relaxed);
        uint8_t key = typed[out % TYPED_MAX];
        atomic_store_explicit(&typed_out, out + 1, memory_order_relaxed);
        answer(key);
    }
    is_answering = false;
}

static INTERRUPT_CONTEXT void hear(void *context)
{
    (void)context;
    for (int byte; (byte = serial_input_take()) >= 0;) {
        unsigned in = atomic_load_explicit(&typed_in, memory_order_relaxed);
        if (in - atomic_load_explicit(&typed_out, memory_order_relaxed) == TYPED_MAX)
            continue;
        typed[in % TYPED_MAX] = (uint8_t)byte;
        atomic_store_explicit(&typed_in, in + 1, memory_order_relaxed);
    }
    scheduler_mark();
}

static bool keys_poll(void *context)
{
    (void)context;
    if (!is_typed() || is_answering)
        return false;
    is_answering = thread_create("keys", answer_all, NULL) != NULL;
    if (!is_answering) {
        log_warn("keys: no memory for a thread: what was typed is forgotten");
        atomic_store_explicit(&typed_out, atomic_load_explicit(&typed_in, memory_order_relaxed),
                              memory_order_relaxed);
    }
    return true;
}

static int listen(const struct acpi_facts *facts)
{
    static struct poller poller = {.name = "keys", .poll = keys_poll};
    int irq = serial_input_irq();
    if (irq < 0)
        return irq;
    int vector = interrupt_allocate(hear, NULL);
    if (vector < 0)
        return vector;
    int error = io_apic_route_isa(facts, (unsigned)irq, vector);
    if (error != 0)
        return error;
    scheduler_add_marked_poller(&poller);
    serial_input_start();
    return 0;
}

void keys_start(const struct acpi_facts *facts, run_on_core_fn run_on_core)
{
    if (!option_get_bool("keys", true))
        return;
    run_on = run_on_core;
    int error = listen(facts);
    if (error == -ENODEV)
        log_info("keys: none are heard: no serial port with an interrupt");
    else if (error != 0)
        log_warn("keys: none are heard: error %d", -error);
    else
        log_debug("keys: '?' at the serial port lists them");
}

// SPDX-License-Identifier: MIT
// apps/bench on this host: the kernel's own threads, scheduler, timers and heap, compiled for a
// plain program, and the same loops around them, in nanoseconds. Lines as those of the app.
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#include "apps/bench/bench.h"
#include "apps/bench/measure.h"
#include "fake_memory.h"
#include "kernel/core.h"
#include "kernel/counters.h"
#include "kernel/heap.h"
#include "kernel/idle.h"
#include "kernel/interrupts.h"
#include "kernel/options.h"
#include "kernel/pages.h"
#include "kernel/panic.h"
#include "kernel/scheduler.h"
#include "kernel/stack_use.h"
#include "kernel/thread_internal.h"
#include "kernel/trace.h"
#include "kernel/watchdog.h"

#define ARENA_BYTES  (64ull << 20)
#define CALIBRATE_NS (20 * NS_PER_MS)

// ---- the clock: the host's time stamp counter, in nanoseconds -----------------------------------

static uint64_t ns_per_count_32; // with 32 bits of fraction

uint64_t cpu_read_tsc(void)
{
    return (uint64_t)((unsigned __int128)__rdtsc() * ns_per_count_32 >> 32);
}

static uint64_t host_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void clock_start(void)
{
    uint64_t start_ns = host_ns(), start = __rdtsc(), now_ns;
    while ((now_ns = host_ns()) - start_ns < CALIBRATE_NS)
        ;
    ns_per_count_32 = ((now_ns - start_ns) << 32) / (__rdtsc() - start);
}

uint64_t time_now_ns(void)
{
    return cpu_read_tsc();
}
uint64_t time_of_counts(uint64_t counts)
{
    return counts;
}
uint64_t time_tsc_hz(void)
{
    return NS_PER_S;
}

// ---- stacks, without guard pages ----------------------------------------------------------------

static struct stack free_stacks[64];
static unsigned free_count;

struct stack stack_allocate(size_t size_bytes)
{
    if (free_count > 0)
        return free_stacks[--free_count];
    uintptr_t bottom = (uintptr_t)aligned_alloc(PAGE_BYTES, size_bytes);
    return (struct stack){bottom, bottom + size_bytes};
}

void stack_free(struct stack stack)
{
    ASSERT(free_count < ARRAY_COUNT(free_stacks));
    free_stacks[free_count++] = stack;
}

size_t stack_use_bytes(struct stack stack)
{
    (void)stack;
    return 0;
}

// ---- a core that never halts, and whom nobody looks after ---------------------------------------

PERCORE unsigned core_this_index;
PERCORE struct counters counters;
PERCORE struct trace_ring trace_ring;
PERCORE struct watchdog_core watchdog_core = {.next_look_ns = TIME_NEVER};
PERCORE bool interrupt_is_untold;
struct watchdog_asleep watchdog_asleep;
bool idle_uses_mwait;
char rodata_start[1], rodata_end[1];

const void *core_local_of(unsigned core, const void *variable)
{
    return core == 0 ? variable : NULL;
}
void cpu_interrupts_off(void)
{
}
void cpu_interrupts_on(void)
{
}
void cpu_halt_interruptible(void)
{
}
void cpu_mwait_interruptible(void)
{
}
void cpu_monitor(const volatile void *address)
{
    (void)address;
}
void time_arm_interrupt(uint64_t when_ns)
{
    (void)when_ns;
}
void time_interrupt_came(void)
{
}
void watchdog_call(void)
{
}
void watchdog_timer_interrupt(void)
{
}
void interrupt_tell_unexpected(void)
{
}
void interrupt_set_handler(int vector, void (*handler)(void *context), void *context)
{
    (void)vector, (void)handler, (void)context;
}
const char *option_get(const char *key)
{
    (void)key;
    return NULL;
}
uint64_t option_get_number(const char *key, uint64_t fallback, uint64_t min, uint64_t max)
{
    (void)key, (void)min, (void)max;
    return fallback;
}
void panic(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    exit(1);
}

// ---- what is measured ---------------------------------------------------------------------------

static void allocate_and_free(size_t size_bytes)
{
    void *block = heap_alloc(size_bytes);
    if (block == NULL)
        panic("bench: no memory");
    heap_free(block);
}

MEASURE_LOOP(allocate_64, allocate_and_free(64))
MEASURE_LOOP(allocate_4096, allocate_and_free(4096))
MEASURE_LOOP(allocate_100000, allocate_and_free(100000))

static void measure_all(void *argument)
{
    (void)argument;
    bench_threads();
    measure_report_loop("malloc-free-64", allocate_64, measure_empty);
    measure_report_loop("malloc-free-4096", allocate_4096, measure_empty);
    measure_report_loop("malloc-free-100000", allocate_100000, measure_empty);
    exit(0);
}

int main(void)
{
    static struct memory_range memory = {FAKE_MEMORY_BASE, ARENA_BYTES, MEMORY_USABLE};
    struct boot_info info = {.memory = &memory, .memory_count = 1};
    clock_start();
    if (!fake_memory_map(ARENA_BYTES) || page_pool_start(&info) != 0)
        panic("bench: no memory at %#llx on this host", FAKE_MEMORY_BASE);
    heap_start_core();
    if (thread_create("bench", measure_all, NULL) == NULL)
        panic("bench: no memory for a thread");
    scheduler_run();
}

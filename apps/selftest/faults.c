// SPDX-License-Identifier: MIT
// Ends on purpose that are no attacks (those are apps/attack). Each is committed in a function that
// its report should name.
#include "apps/selftest/faults.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/selftest/heap_faults.h"
#include "kernel/apic.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/interrupts.h"
#include "kernel/panic.h"
#include "kernel/sync.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/remote.h"

#define NOINLINE   __attribute__((noinline, noclone))
#define STATUS_BAD 2
#define TIMEOUT_S  20
#define HOG_S      4

// After a call: it is not the last thing, so its caller stays in the backtrace.
#define NOT_LAST() __asm__ volatile("" ::: "memory")

static NOINLINE void fault_assert(void)
{
    volatile int one = 1;
    ASSERT(one == 2);
}

static NOINLINE void fault_panic(void)
{
    panic("selftest: panic on purpose: %d", 42);
}

// Every other core is busy for ever, in a function that the report should name too.
static _Atomic bool spins[CORES_MAX];

static NOINLINE void fault_spin(void *argument)
{
    (void)argument;
    // The loop's turn: what this core still owes others leaves now or never.
    thread_sleep_until(time_now_ns() + 10 * NS_PER_MS);
    atomic_store_explicit(&spins[core_index()], true,
                          memory_order_release); // pairs with fault_busy
    for (;;)
        cpu_pause();
}

static NOINLINE void fault_busy(void)
{
    for (unsigned core = 0; core < core_count(); core++) {
        if (core == core_index() || !core_is_online(core))
            continue;
        if (thread_create_on(core, "spinner", fault_spin, NULL) != 0)
            panic("selftest: no memory for a thread on core %u", core);
        while (!atomic_load_explicit(&spins[core], memory_order_acquire))
            thread_yield();
    }
    panic("selftest: panic with all others busy");
}

static INTERRUPT_CONTEXT void fault_in_handler(void *context)
{
    (void)context;
    panic("selftest: panic in an interrupt");
}

static NOINLINE void fault_interrupt(void)
{
    int vector = interrupt_allocate(fault_in_handler, NULL);
    volatile bool for_ever = vector > 0;
    if (for_ever)
        apic_send(apic_id(), (uint8_t)vector);
    while (for_ever)
        cpu_pause();
}

// Two that end: the thread has its core for longer than option hog=1 allows, and then lets go.
static NOINLINE void fault_hog(void)
{
    // The loop's turn: what this core still owes others leaves before.
    thread_sleep_until(time_now_ns() + 10 * NS_PER_MS);
    uint64_t until_ns = time_now_ns() + HOG_S * NS_PER_S;
    while (time_now_ns() < until_ns)
        cpu_pause();
}

static NOINLINE void fault_deaf(void)
{
    thread_sleep_until(time_now_ns() + 10 * NS_PER_MS);
    uint64_t until_ns = time_now_ns() + HOG_S * NS_PER_S;
    cpu_interrupts_off();
    while (time_now_ns() < until_ns)
        cpu_pause();
    cpu_interrupts_on();
}

// A timer's callback runs in the loop of the core, which has nobody to let run instead.
static struct mutex wanted;

static void fault_wait_in_callback(struct timer *timer)
{
    (void)timer;
    mutex_lock(&wanted);
    NOT_LAST();
}

static NOINLINE void fault_wait(void)
{
    static PERCORE struct timer timer = {.expired = fault_wait_in_callback};
    mutex_lock(&wanted);
    timer_start(&timer, time_now_ns());
    thread_sleep_until(time_now_ns() + NS_PER_S);
    NOT_LAST();
}

static NOINLINE void fault_exit(void)
{
    exit(3);
}

static NOINLINE void fault_abort(void)
{
    abort();
}

static const struct {
    const char *kind;
    void (*commit)(void);
} faults[] = {
    {"assert", fault_assert},
    {"panic", fault_panic},
    {"wait", fault_wait},
    {"exit", fault_exit},
    {"abort", fault_abort},
    {"busy", fault_busy},
    {"interrupt", fault_interrupt},
    {"hog", fault_hog},
    {"deaf", fault_deaf},
    {"double-free", fault_double_free},
    {"heap-overflow", fault_heap_overflow},
    {"use-after-free", fault_use_after_free},
    {"wild-free", fault_wild_free},
    {"free-stack", fault_free_stack},
};

static NOINLINE void fault_thread(void *commit)
{
    printf("selftest: core %u says this before its fault\n", core_index());
    fflush(stdout);
    ((void (*)(void))(uintptr_t)commit)();
    NOT_LAST();
}

int fault_commit(const char *kind, unsigned core)
{
    size_t i = 0;
    while (i < ARRAY_COUNT(faults) && strcmp(faults[i].kind, kind) != 0)
        i++;
    if (i == ARRAY_COUNT(faults)) {
        printf("selftest: there is no fault \"%s\"; the kinds are:", kind);
        for (i = 0; i < ARRAY_COUNT(faults); i++)
            printf(" %s", faults[i].kind);
        printf("\n");
        return STATUS_BAD;
    }
    printf("selftest: fault %s on core %u\n", kind, core);
    fflush(stdout);
    int error = thread_create_on(core, "fault", fault_thread, (void *)(uintptr_t)faults[i].commit);
    if (error != 0) {
        printf("selftest: no thread on core %u: %s\n", core, strerror(-error));
        return STATUS_BAD;
    }
    thread_sleep_until(time_now_ns() + TIMEOUT_S * NS_PER_S);
    printf("selftest: fault %s had no effect\n", kind);
    return 1;
}

// SPDX-License-Identifier: MIT
#include "fake_core.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/apic.h"
#include "kernel/idle.h"
#include "kernel/interrupts.h"
#include "kernel/scheduler.h"

PERCORE unsigned core_this_index;
unsigned core_slot_count = 1;
static char *local_pages[CORES_MAX]; // here: the thread's pointer to its variables
char **core_local_pages = local_pages;

PERCORE uint64_t scheduler_doorbell_seen;
bool idle_uses_mwait;

static PERCORE struct poller *pollers;
static PERCORE const _Atomic uint64_t *doorbell;
// Plain words and the bare system call, so that a halt and its end order nothing between threads:
// what the exchange does not order itself, the thread sanitizer sees.
static _Atomic uint32_t interrupts[CORES_MAX]; // 1: pending
static pthread_barrier_t barrier;

void fake_core_join(unsigned core)
{
    core_this_index = core;
    core_local_pages[core] = __builtin_thread_pointer();
}

void fake_core_reset(void)
{
    memset(local_pages, 0, sizeof(local_pages));
    core_slot_count = 1;
    core_this_index = 0;
    pollers = NULL;
    scheduler_doorbell_seen = 0;
}

bool core_is_online(unsigned core)
{
    return core_is_online_inline(core);
}

const void *core_local_of(unsigned core, const void *variable)
{
    if (!core_is_online(core))
        return NULL;
    uintptr_t offset = (uintptr_t)variable - (uintptr_t)__builtin_thread_pointer();
    return (const void *)((uintptr_t)core_local_pages[core] + offset);
}

struct start {
    unsigned core;
    void (*body)(unsigned core);
};

static void *core_main(void *argument)
{
    const struct start *start = argument;
    fake_core_join(start->core);
    pthread_barrier_wait(&barrier);
    start->body(start->core);
    pthread_barrier_wait(&barrier); // others may still look at this thread's variables
    return NULL;
}

void fake_core_run(unsigned count, void (*body)(unsigned core))
{
    pthread_t threads[CORES_MAX];
    struct start starts[CORES_MAX];
    fake_core_reset();
    core_slot_count = count;
    pthread_barrier_init(&barrier, NULL, count);
    for (unsigned core = 0; core < count; core++) {
        starts[core] = (struct start){core, body};
        if (pthread_create(&threads[core], NULL, core_main, &starts[core]) != 0)
            fake_core_fail(__FILE__, __LINE__, "a thread for each core");
    }
    for (unsigned core = 0; core < count; core++)
        pthread_join(threads[core], NULL);
    pthread_barrier_destroy(&barrier);
    fake_core_reset();
}

void fake_core_barrier(void)
{
    pthread_barrier_wait(&barrier);
}

void scheduler_add_poller(struct poller *poller)
{
    poller->next = pollers;
    pollers = poller;
}

void scheduler_set_doorbell(const _Atomic uint64_t *rung)
{
    doorbell = rung;
}

bool fake_core_poll(void)
{
    bool worked = false;
    for (struct poller *poller = pollers; poller != NULL; poller = poller->next)
        worked |= poller->poll(poller->context);
    return worked;
}

static long futex(_Atomic uint32_t *word, int operation, uint32_t value)
{
    return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void wait_for_store(uint64_t watched)
{
    while (atomic_load_explicit(doorbell, memory_order_relaxed) == watched)
        sched_yield();
}

static void wait_for_interrupt(void)
{
    _Atomic uint32_t *pending = &interrupts[core_index()];
    while (atomic_load_explicit(pending, memory_order_relaxed) == 0)
        futex(pending, FUTEX_WAIT, 0);
}

void fake_core_idle(void)
{
    // Interrupts were on until here: one that came while the core ran ends no later halt.
    atomic_store_explicit(&interrupts[core_index()], 0, memory_order_relaxed);
    uint64_t watched = atomic_load_explicit(doorbell, memory_order_relaxed); // MONITOR
    for (struct poller *poller = pollers; poller != NULL; poller = poller->next)
        if (poller->arm != NULL && poller->arm(poller->context))
            return;
    if (idle_uses_mwait)
        wait_for_store(watched);
    else
        wait_for_interrupt();
}

void fake_core_interrupt(unsigned core)
{
    atomic_store_explicit(&interrupts[core], 1, memory_order_relaxed);
    futex(&interrupts[core], FUTEX_WAKE, 1);
}

void apic_send(uint32_t apic_id, uint8_t vector)
{
    unsigned core = (apic_id - FAKE_APIC_ID(0)) / 3;
    FAKE_CHECK(vector == VECTOR_WAKE && apic_id == FAKE_APIC_ID(core) && core < core_slot_count);
    fake_core_interrupt(core);
}

_Noreturn void fake_core_fail(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: core %u: failed: %s\n", file, line, core_this_index, condition);
    abort();
}

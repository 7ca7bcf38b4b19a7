// SPDX-License-Identifier: MIT
#include "fake_core.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/apic.h"
#include "kernel/interrupts.h"
#include "kernel/scheduler.h"

PERCORE unsigned core_this_index;
unsigned core_slot_count = 1;
static char *local_pages[CORES_MAX]; // here: the thread's pointer to its variables
char **core_local_pages = local_pages;

static PERCORE struct poller *pollers;
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t raised;
    bool pending;
} interrupts[CORES_MAX];
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
}

bool core_is_online(unsigned core)
{
    return core < core_slot_count && core_local_pages[core] != NULL;
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
        pthread_mutex_init(&interrupts[core].mutex, NULL);
        pthread_cond_init(&interrupts[core].raised, NULL);
        interrupts[core].pending = false;
    }
    for (unsigned core = 0; core < count; core++) {
        starts[core] = (struct start){core, body};
        if (pthread_create(&threads[core], NULL, core_main, &starts[core]) != 0)
            fake_core_fail(__FILE__, __LINE__, "a thread for each core");
    }
    for (unsigned core = 0; core < count; core++)
        pthread_join(threads[core], NULL);
    for (unsigned core = 0; core < count; core++) {
        pthread_mutex_destroy(&interrupts[core].mutex);
        pthread_cond_destroy(&interrupts[core].raised);
    }
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

void scheduler_set_doorbell(const _Atomic bool *rung)
{
    (void)rung; // no thread yields here
}

bool fake_core_poll(void)
{
    bool worked = false;
    for (struct poller *poller = pollers; poller != NULL; poller = poller->next)
        worked |= poller->poll(poller->context);
    return worked;
}

void fake_core_idle(void)
{
    unsigned core = core_index();
    // Interrupts were on until here: one that came while the core ran ends no later halt.
    pthread_mutex_lock(&interrupts[core].mutex);
    interrupts[core].pending = false;
    pthread_mutex_unlock(&interrupts[core].mutex);
    for (struct poller *poller = pollers; poller != NULL; poller = poller->next)
        if (poller->arm != NULL && poller->arm(poller->context))
            return;
    pthread_mutex_lock(&interrupts[core].mutex);
    while (!interrupts[core].pending)
        pthread_cond_wait(&interrupts[core].raised, &interrupts[core].mutex);
    pthread_mutex_unlock(&interrupts[core].mutex);
}

void fake_core_interrupt(unsigned core)
{
    pthread_mutex_lock(&interrupts[core].mutex);
    interrupts[core].pending = true;
    pthread_cond_signal(&interrupts[core].raised);
    pthread_mutex_unlock(&interrupts[core].mutex);
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

// SPDX-License-Identifier: MIT
#include "apps/stress/stress.h"
#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/exchange.h"
#include "smp/remote.h"

struct job {
    struct exchange_message done;
    unsigned creator, worker;
    struct block *block; // the creator's
};

static PERCORE unsigned running; // that this core has created
static PERCORE struct thread *creator;

static void answered(struct exchange_message *message)
{
    heap_free(CONTAINER_OF(message, struct job, done));
    running--;
    thread_wake(creator);
}

static void work(void *argument)
{
    struct job *job = argument;
    if (core_index() != job->worker)
        panic("stress: a thread for core %u runs on core %u", job->worker, core_index());
    struct block *own = block_make();
    for (uint64_t i = random_below(4); i > 0; i--)
        thread_yield();
    block_free(job->block);
    block_free(own);
    job->done.receive = answered;
    exchange_send(job->creator, &job->done);
}

static void create(void)
{
    struct job *job = heap_alloc(sizeof(*job));
    if (job == NULL)
        panic("stress: out of memory on core %u", core_index());
    *job = (struct job){.creator = core_index(), .block = block_make()};
    do {
        job->worker = (unsigned)random_below(core_count());
    } while (!core_is_online(job->worker));
    running++;
    int error = thread_create_on(job->worker, "worker", work, job);
    if (error != 0)
        panic("stress: no thread on core %u: %d", job->worker, error);
}

void threads_run(uint64_t count)
{
    creator = thread_self();
    for (uint64_t i = 0; i < count; i++) {
        while (running >= WORKERS)
            thread_wait_until(TIME_NEVER);
        create();
    }
    while (running > 0)
        thread_wait_until(TIME_NEVER);
}

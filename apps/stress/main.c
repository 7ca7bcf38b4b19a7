// SPDX-License-Identifier: MIT
// All cores at each other: messages in order on every pair of cores, threads created on cores
// chosen at random, memory freed wherever it got to. In the end all memory is back.
//   stress [messages=N] [threads=N]    in all, about
// Returns: 0; 1 when memory is missing; 2 for arguments that mean nothing. Everything else that is
// wrong is a panic.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/stress/stress.h"
#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/pages.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/exchange.h"
#include "smp/remote.h"

#define STATUS_USAGE     2
#define MESSAGES_DEFAULT 100000
#define THREADS_DEFAULT  1000
#define COUNT_MAX        1000000000000ull

// One step, on every core at once.
struct step {
    struct exchange_message done;
    void (*run)(void);
};
static struct step steps[CORES_MAX];
static unsigned steps_left; // core 0's
static struct thread *main_thread;
static uint64_t hops, threads_each; // read-only while a step runs
static uint64_t freed[CORES_MAX];   // each core its own

static void step_done(struct exchange_message *message)
{
    (void)message;
    if (--steps_left == 0)
        thread_wake(main_thread);
}

static void step_run(void *argument)
{
    struct step *step = argument;
    step->run();
    exchange_send(0, &step->done);
}

static void on_all_cores(const char *name, void (*run)(void))
{
    main_thread = thread_self();
    steps_left = 0;
    for (unsigned core = 0; core < core_count(); core++) {
        if (!core_is_online(core))
            continue;
        steps[core] = (struct step){.done.receive = step_done, .run = run};
        steps_left++;
        int error = thread_create_on(core, name, step_run, &steps[core]);
        if (error != 0)
            panic("stress: no thread on core %u: %d", core, error);
    }
    while (steps_left > 0)
        thread_wait_until(TIME_NEVER);
}

static void create_threads(void *argument)
{
    (void)argument;
    threads_run(threads_each);
}

static void work(void)
{
    struct thread_options options = {.joinable = true};
    struct thread *creator = thread_create_with_options("creator", create_threads, NULL, &options);
    if (creator == NULL)
        panic("stress: core %u has no memory for a thread", core_index());
    messages_run(hops);
    if (thread_join(creator, NULL, TIME_NEVER) != 0)
        panic("stress: core %u: the creator did not end", core_index());
    freed[core_index()] = messages_freed_elsewhere();
}

static void nothing(void *argument)
{
    (void)argument;
}

// What this core freed is at home when this has ended: messages of two cores keep their order.
static void flush(void)
{
    for (unsigned core = 0; core < core_count(); core++)
        if (core_is_online(core))
            remote_call(core, nothing, NULL);
}

// Of a core: what is free, in its pool and in the pages that its heap holds, and what is not.
struct memory {
    uint64_t free_bytes, blocks, block_bytes;
};
static struct memory settled[CORES_MAX];

static void settle(void)
{
    memory_settle();
    unsigned core = core_index();
    struct heap_stats heap = heap_stats_of(core);
    settled[core] = (struct memory){page_stats_of(core).free_bytes + heap.held_bytes, heap.blocks,
                                    heap.used_bytes};
}

static void settle_all(struct memory memory[CORES_MAX])
{
    on_all_cores("flush", flush);
    on_all_cores("settle", settle);
    memcpy(memory, settled, sizeof(settled));
}

static int compare(const struct memory before[CORES_MAX], const struct memory after[CORES_MAX])
{
    int status = 0;
    for (unsigned core = 0; core < core_count(); core++) {
        if (memcmp(&before[core], &after[core], sizeof(before[core])) == 0)
            continue;
        printf("stress: core %u: %lld bytes of pages and %lld blocks, %lld bytes, are not back\n",
               core, (long long)(before[core].free_bytes - after[core].free_bytes),
               (long long)(after[core].blocks - before[core].blocks),
               (long long)(after[core].block_bytes - before[core].block_bytes));
        status = 1;
    }
    return status;
}

static int run(uint64_t messages, uint64_t threads)
{
    static struct memory before[CORES_MAX], after[CORES_MAX];
    unsigned cores = 0;
    for (unsigned core = 0; core < core_count(); core++)
        cores += core_is_online(core);
    hops = messages / cores / TOKENS + 1;
    threads_each = threads / cores + 1;

    settle_all(before);
    uint64_t begin_ns = time_now_ns();
    on_all_cores("work", work);
    uint64_t took_ms = (time_now_ns() - begin_ns) / NS_PER_MS;
    settle_all(after);

    uint64_t freed_elsewhere = 0;
    for (unsigned core = 0; core < core_count(); core++)
        freed_elsewhere += freed[core];
    printf("stress: %u cores: %llu messages in order, %llu threads, %llu blocks freed elsewhere; "
           "%llu ms\n",
           cores, (unsigned long long)(cores * TOKENS * (hops + 1)),
           (unsigned long long)(cores * threads_each),
           (unsigned long long)(freed_elsewhere + cores * threads_each),
           (unsigned long long)took_ms);
    int status = compare(before, after);
    if (status == 0)
        printf("stress: all memory is back\n");
    return status;
}

// Returns: false when `argument` is not KEY and a number.
static bool parse(const char *argument, const char *key, uint64_t *number)
{
    char *end;
    if (strncmp(argument, key, strlen(key)) != 0)
        return false;
    const char *digits = argument + strlen(key);
    errno = 0;
    unsigned long long value = strtoull(digits, &end, 10);
    if (end == digits || *digits == '-' || *end != '\0' || errno != 0 || value > COUNT_MAX)
        return false;
    *number = value;
    return true;
}

int main(int argc, char **argv)
{
    uint64_t messages = MESSAGES_DEFAULT, threads = THREADS_DEFAULT;
    for (int i = 1; i < argc; i++) {
        if (!parse(argv[i], "messages=", &messages) && !parse(argv[i], "threads=", &threads)) {
            printf("stress: \"%s\" means nothing: messages=N and threads=N are all there can be\n",
                   argv[i]);
            return STATUS_USAGE;
        }
    }
    return run(messages, threads);
}

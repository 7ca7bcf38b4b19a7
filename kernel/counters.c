// SPDX-License-Identifier: MIT
#include "kernel/counters.h"

#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/interrupts.h"
#include "kernel/pages.h"
#include "kernel/scheduler.h"

PERCORE struct counters counters;

static uint64_t field_of(const void *structure, size_t offset)
{
    return *(const uint64_t *)((const char *)structure + offset);
}

static uint64_t read_counters(unsigned core, size_t offset)
{
    return field_of(core_local_of(core, &counters), offset);
}

static uint64_t read_scheduler(unsigned core, size_t offset)
{
    struct scheduler_stats stats = scheduler_stats_of(core);
    return field_of(&stats, offset);
}

static uint64_t read_interrupts(unsigned core, size_t offset)
{
    struct interrupt_stats stats = interrupt_stats_of(core);
    return field_of(&stats, offset);
}

static uint64_t read_pages(unsigned core, size_t offset)
{
    struct page_stats stats = page_stats_of(core);
    return field_of(&stats, offset);
}

static uint64_t read_longest_free(unsigned core, size_t offset)
{
    (void)offset;
    return page_longest_free_bytes(core);
}

static uint64_t read_heap(unsigned core, size_t offset)
{
    struct heap_stats stats = heap_stats_of(core);
    return field_of(&stats, offset);
}

#define IN_COUNTERS(name, help)                                                                    \
    {#name, help, COUNTER_EVENTS, read_counters, offsetof(struct counters, name), NULL},
#define IN_SCHEDULER(field)  read_scheduler, offsetof(struct scheduler_stats, field), NULL
#define IN_INTERRUPTS(field) read_interrupts, offsetof(struct interrupt_stats, field), NULL
#define IN_PAGES(field)      read_pages, offsetof(struct page_stats, field), NULL
#define IN_HEAP(field)       read_heap, offsetof(struct heap_stats, field), NULL

static const struct counter rows[] = {
    {"threads", "Threads that exist.", GAUGE_COUNT, IN_SCHEDULER(threads)},
    {"switches", "Switches from one thread to another.", COUNTER_EVENTS, IN_SCHEDULER(switches)},
    {"loops", "Turns of the core's loop.", COUNTER_EVENTS, IN_SCHEDULER(loops)},
    {"halts", "Times the core had nothing to do.", COUNTER_EVENTS, IN_SCHEDULER(halts)},
    {"halted", "Time the core had nothing to do.", COUNTER_NS, IN_SCHEDULER(halted_ns)},
    {"interrupts", "Interrupts that a handler took.", COUNTER_EVENTS, IN_INTERRUPTS(handled)},
    {"interrupts_unexpected", "Interrupts that nobody waited for.", COUNTER_EVENTS,
     IN_INTERRUPTS(unexpected)},
    {"interrupts_spurious", "Interrupts that were gone when the core looked.", COUNTER_EVENTS,
     IN_INTERRUPTS(spurious)},
    COUNTERS(IN_COUNTERS) //
    {"memory_total", "Memory in the core's page pool.", GAUGE_BYTES, IN_PAGES(total_bytes)},
    {"memory_free", "Memory free in the core's page pool.", GAUGE_BYTES, IN_PAGES(free_bytes)},
    {"memory_free_longest", "Longest run of free memory in the core's page pool.", GAUGE_BYTES,
     read_longest_free, 0, NULL},
    {"heap_blocks", "Blocks of the core's heap in use.", GAUGE_COUNT, IN_HEAP(blocks)},
    {"heap_used", "Memory in blocks of the core's heap in use.", GAUGE_BYTES, IN_HEAP(used_bytes)},
    {"heap_held", "Memory that the core's heap has from the page pool.", GAUGE_BYTES,
     IN_HEAP(held_bytes)},
    {"heap_held_most", "Most memory that the core's heap ever had.", GAUGE_BYTES,
     IN_HEAP(held_bytes_most)},
};
static struct counter_group groups = {rows, ARRAY_COUNT(rows), NULL};

void counters_add(struct counter_group *group)
{
    struct counter_group **end = &groups.next;
    while (*end != NULL)
        end = &(*end)->next;
    *end = group;
}

void counters_each(void (*visit)(const struct counter *counter, void *context), void *context)
{
    for (const struct counter_group *group = &groups; group != NULL; group = group->next)
        for (size_t i = 0; i < group->count; i++)
            visit(&group->rows[i], context);
}

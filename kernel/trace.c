// SPDX-License-Identifier: MIT
#include "kernel/trace.h"

#include <stdio.h>

#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/pages.h"
#include "kernel/symbols.h"
#include "kernel/time.h"

#define EVENTS_DEFAULT 1024
#define EVENTS_MIN     128 // a page
#define EVENTS_MAX     (1u << 20)

OPTION_CHOICE(trace, "on|off", "keep what each core did last, and show it at the end");
OPTION_NUMBER(trace_events, EVENTS_MIN, EVENTS_MAX, "events that trace=on keeps of each core");
#define LINE_BYTES 160

_Static_assert(sizeof(struct trace_event) == 32, "a power of two, so that a ring's size is one");

PERCORE struct trace_ring trace_ring;

void trace_start_core(void)
{
    if (!option_get_bool("trace", false))
        return;
    uint64_t wanted = option_get_number("trace_events", EVENTS_DEFAULT, EVENTS_MIN, EVENTS_MAX);
    size_t size_bytes = EVENTS_MIN * sizeof(struct trace_event);
    while (size_bytes < wanted * sizeof(struct trace_event))
        size_bytes *= 2;
    struct trace_event *events = page_alloc(size_bytes / PAGE_BYTES);
    if (events == NULL) {
        log_warn("trace: no memory for %llu events on core %u: nothing of it is kept",
                 (unsigned long long)wanted, core_index());
        return;
    }
    memset(events, 0, size_bytes);
    trace_ring.next_bytes = 0;
    trace_ring.mask_bytes = size_bytes - 1;
    trace_ring.events = events;
}

// Bytes that a thread was named with, as one printable word or more.
static void format_name(const struct trace_event *event, char name[17])
{
    memcpy(name, &event->a, 8);
    memcpy(name + 8, &event->b, 8);
    name[16] = '\0';
    for (char *c = name; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

static int format_what(const struct trace_event *event, char *text, size_t room_bytes)
{
    unsigned long long a = event->a, b = event->b;
    char name[17];
    uintptr_t offset;
    const char *function;
    switch (event->kind) {
    case TRACE_SWITCH:
        format_name(event, name);
        return snprintf(text, room_bytes, "switch %s\n", name);
    case TRACE_SEND:
        return snprintf(text, room_bytes, "send %llu %llx\n", a, b);
    case TRACE_TAKE:
        return snprintf(text, room_bytes, "take %llu %llx\n", a, b);
    case TRACE_INTERRUPT:
        return snprintf(text, room_bytes, "interrupt %llu\n", a);
    case TRACE_QUEUE:
        return snprintf(text, room_bytes, "queue %llu %llu\n", a, b);
    case TRACE_TIMER:
        function = symbols_find(event->a, &offset);
        if (function != NULL)
            return snprintf(text, room_bytes, "timer %s %llu\n", function, b);
        return snprintf(text, room_bytes, "timer %llx %llu\n", a, b);
    case TRACE_USER:
        return snprintf(text, room_bytes, "user %llu %llu\n", a, b);
    default: // of an event whose core was stopped while it wrote it
        return 0;
    }
}

static void dump_event(unsigned core, const struct trace_event *event,
                       void (*write)(const char *text, size_t size_bytes))
{
    char line[LINE_BYTES];
    uint64_t tsc = (uint64_t)event->tsc_high << 32 | event->tsc_low;
    int used = snprintf(line, sizeof(line), "trace: %u %llu ", core,
                        (unsigned long long)time_from_tsc_of(core, tsc));
    int added = format_what(event, line + used, sizeof(line) - (size_t)used);
    if (added > 0 && (size_t)(used + added) < sizeof(line)) {
        write(line, (size_t)(used + added));
        console_let_read();
    }
}

static void dump_core(unsigned core, uint64_t events_max,
                      void (*write)(const char *text, size_t size_bytes))
{
    const struct trace_ring *ring = core_local_of(core, &trace_ring);
    if (ring == NULL || ring->events == NULL)
        return;
    uint64_t kept = (ring->mask_bytes + 1) / sizeof(struct trace_event);
    uint64_t end =
        __atomic_load_n(&ring->next_bytes, __ATOMIC_ACQUIRE) / sizeof(struct trace_event);
    uint64_t count = end < kept ? end : kept;
    if (count > events_max)
        count = events_max;
    for (uint64_t i = end - count; i < end; i++) {
        struct trace_event event = ring->events[i % kept];
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        uint64_t now = __atomic_load_n(&ring->next_bytes, __ATOMIC_RELAXED);
        if (now / sizeof(struct trace_event) <= i + kept) // else it was overwritten meanwhile
            dump_event(core, &event, write);
    }
}

void trace_dump(uint64_t events_max, void (*write)(const char *text, size_t size_bytes))
{
    for (unsigned core = 0; core < core_count(); core++)
        dump_core(core, events_max, write);
}

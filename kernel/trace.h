// SPDX-License-Identifier: MIT
// What each core did last: a ring per core of events of one size, written by its core alone, kept
// when option trace=on. At the machine's end the rings go to the consoles, in a panic their last
// events, as lines that `./toril trace` turns into a timeline:
//   trace: CORE TIME_NS KIND ARGUMENTS
// An event costs 13 instructions and the loading of its arguments, or 3 when nothing is kept. An
// interrupt may come in the middle of one: its own events then lie behind it, none is lost.
#pragma once

#include <string.h>

#include "kernel/compiler.h"

// A row of the enum, the word in the dump, and what follows it there.
enum trace_kind {
    TRACE_NONE,
    TRACE_SWITCH,    // switch NAME: this thread runs from now on; the first 16 bytes of its name
    TRACE_SEND,      // send CORE MESSAGE: an exchange message to that core
    TRACE_TAKE,      // take CORE MESSAGE: one from that core
    TRACE_INTERRUPT, // interrupt VECTOR
    TRACE_QUEUE,     // queue NUMBER BUFFERS: a virtio queue's device is notified; buffers so far
    TRACE_TIMER,     // timer FUNCTION DEADLINE_NS: it expired
    TRACE_USER,      // user A B: the app's own
    TRACE_KINDS,
};

struct trace_event {
    uint32_t tsc_low, tsc_high;
    uint64_t kind, a, b;
};
struct trace_ring {
    struct trace_event *events; // NULL: nothing is kept
    uint64_t next_bytes;        // where the next one goes, counted on for ever
    uint64_t mask_bytes;        // the ring's size - 1
};
extern PERCORE struct trace_ring trace_ring;

// Notes an event on this core. Context: any, also an interrupt handler.
static inline __attribute__((always_inline)) INTERRUPT_CONTEXT void trace_event(
    enum trace_kind kind, uint64_t a, uint64_t b)
{
    char *events = (char *)trace_ring.events;
    if (__builtin_expect(events == NULL, 1))
        return;
    // One instruction takes the place, so that an interrupt gets another one; without a LOCK
    // prefix, for no other core writes here.
    uint64_t at = sizeof(struct trace_event);
    __asm__ volatile("xaddq %0, %1" : "+r"(at), "+m"(trace_ring.next_bytes) : : "cc");
    struct trace_event *event = (struct trace_event *)(events + (at & trace_ring.mask_bytes));
    __asm__ volatile("rdtsc" : "=a"(event->tsc_low), "=d"(event->tsc_high));
    event->kind = kind;
    event->a = a;
    event->b = b;
}

// 16 bytes at `name` can be read, whatever follows its end.
static inline __attribute__((always_inline)) void trace_switch(const char *name)
{
    uint64_t words[2];
    memcpy(words, name, sizeof(words));
    trace_event(TRACE_SWITCH, words[0], words[1]);
}

// Gives this core its ring, if option trace=on; of option trace_events events, a power of two.
void trace_start_core(void);
// Writes the last `events_max` events of each core, oldest first, as text lines. Cores that still
// run may overwrite events meanwhile: those are left out. Context: core 0, or a panic.
void trace_dump(uint64_t events_max, void (*write)(const char *text, size_t size_bytes));

// SPDX-License-Identifier: MIT
// What other cores are at. One core asks by NMI, which interrupts anything; each that was asked
// leaves its thread's name and the calls that led to where it was. One core asks at a time: core 0
// in its reports, or the one core that panics.
#pragma once

#include "kernel/backtrace.h"
#include "kernel/compiler.h"
#include "kernel/interrupts.h"
#include "kernel/thread.h"

struct snapshot {
    struct backtrace trace;
    char thread[THREAD_NAME_BYTES];
    bool interrupts_on;
};

// What this core was at when the interrupt came. Context: any handler, and thread of its core.
void snapshot_take(struct snapshot *snapshot, const struct interrupt_frame *frame);

// Asks a core, or all others, and goes on at once.
#define SNAPSHOT_ALL UINT32_MAX
void snapshot_ask(uint32_t core);
// Waits for a core's answer to the last question, until a second after that was asked.
// Returns: NULL without one.
const struct snapshot *snapshot_wait(unsigned core);

// In the handler of an NMI: answers if this core is asked. Returns: false if it is not.
bool snapshot_answer(const struct interrupt_frame *frame);
// The same for a core that stops for good: it answers whatever is asked later, too.
void snapshot_answer_for_good(const struct interrupt_frame *frame);

// Writes the calls, a line each.
void snapshot_write_trace(const struct backtrace *trace,
                          void (*write)(const char *text, size_t size_bytes));
// Writes the answers of all cores, waited for; this core's only if it has answered too. Those at
// the same place are told together: "core 1, core 3, thread "loop":". Context: a report; one at a
// time.
void snapshot_write_all(void (*write)(const char *text, size_t size_bytes));

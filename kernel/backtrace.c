// SPDX-License-Identifier: MIT
#include "kernel/backtrace.h"

#include <stdio.h>

#include "kernel/interrupts.h"
#include "kernel/paging.h"
#include "kernel/stack.h"
#include "kernel/symbols.h"

// Frames lie on one stack, at growing addresses; anything else ends the walk.
static bool frame_is_plausible(uint64_t frame, uint64_t previous)
{
    if (frame % 8 != 0 || frame <= previous || frame - previous > STACK_BYTES_MAX)
        return false;
    return paging_is_mapped(frame) && paging_is_mapped(frame + 15);
}

static bool add(struct backtrace *trace, uint64_t address, enum backtrace_kind kind)
{
    trace->places[trace->count].address = address;
    trace->places[trace->count].kind = kind;
    return ++trace->count < BACKTRACE_MAX;
}

static void add_callers(struct backtrace *trace, uint64_t rbp, uint64_t rsp)
{
    uint64_t previous = rsp - 16;
    while (frame_is_plausible(rbp, previous)) {
        const uint64_t *frame = (const uint64_t *)rbp;
        if (frame[1] == 0 || !add(trace, frame[1], BACKTRACE_RETURN))
            return;
        previous = rbp;
        rbp = frame[0];
        if (frame[1] != (uintptr_t)vector_return)
            continue;
        // The caller is the entry of an interrupt: rbp leads to what it saved, on this same stack.
        const struct interrupt_frame *saved = (const struct interrupt_frame *)rbp;
        if (!frame_is_plausible(rbp, previous) || !paging_is_mapped((uintptr_t)(saved + 1) - 1) ||
            !add(trace, saved->rip, BACKTRACE_INTERRUPTED))
            return;
        rbp = saved->rbp;
        previous = saved->rsp - 16;
    }
}

void backtrace_take(struct backtrace *trace, uint64_t rip, uint64_t rbp, uint64_t rsp)
{
    trace->count = 0;
    (void)add(trace, rip, BACKTRACE_PLACE);
    add_callers(trace, rbp, rsp);
}

void backtrace_take_callers(struct backtrace *trace, uint64_t frame)
{
    trace->count = 0;
    add_callers(trace, frame, frame);
}

bool backtrace_equal(const struct backtrace *a, const struct backtrace *b)
{
    if (a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++)
        if (a->places[i].address != b->places[i].address || a->places[i].kind != b->places[i].kind)
            return false;
    return true;
}

void backtrace_format(const struct backtrace *trace, unsigned i, char line[BACKTRACE_LINE_BYTES])
{
    uint64_t address = trace->places[i].address;
    bool is_return = trace->places[i].kind == BACKTRACE_RETURN;
    uintptr_t offset;
    // A call that never returns may be the last thing in its function.
    const char *name = symbols_find(address - is_return, &offset);
    int used = snprintf(line, BACKTRACE_LINE_BYTES, "%016llx", (unsigned long long)address);
    if (name != NULL)
        used += snprintf(line + used, BACKTRACE_LINE_BYTES - (size_t)used, "  %s+0x%llx", name,
                         (unsigned long long)(offset + is_return));
    if (trace->places[i].kind == BACKTRACE_INTERRUPTED)
        snprintf(line + used, BACKTRACE_LINE_BYTES - (size_t)used, ", interrupted");
}

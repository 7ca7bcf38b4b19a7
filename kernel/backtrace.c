// SPDX-License-Identifier: MIT
#include "kernel/backtrace.h"

#include <stdio.h>
#include <string.h>

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

// ---- functions without a frame ------------------------------------------------------------------
// The compiler makes no frame for what calls nothing and keeps nothing, and elsewhere only on the
// ways that need one. Until then rbp is the caller's, and the way back is on top of the stack.

#define PUSH_RBP   0x55
#define RET        0xc3
#define CALL_NEAR  0xe8 // with a distance of 32 bits behind it
#define CALL_BYTES 5

static bool is_move_to_rbp(const uint8_t *code)
{
    return code[0] == 0x48 && code[1] == 0x89 && code[2] == 0xe5; // mov rbp, rsp
}

static bool makes_frame(const uint8_t *code, const uint8_t *end)
{
    for (; code < end; code++)
        if (code[0] == PUSH_RBP && is_move_to_rbp(code + 1))
            return true;
    return false;
}

static bool is_after_call_of(const uint8_t *code, const uint8_t *function)
{
    int32_t distance;
    memcpy(&distance, code - sizeof(distance), sizeof(distance));
    return code[-CALL_BYTES] == CALL_NEAR && code + distance == function;
}

// Spec: Intel SDM volume 2, CALL: e8, or ff /2 with a register or memory.
static bool is_after_call(const uint8_t *code)
{
    if (code[-CALL_BYTES] == CALL_NEAR)
        return true;
    for (int bytes = 2; bytes <= 7; bytes++)
        if (code[-bytes] == 0xff && (code[1 - bytes] & 0x38) == 0x10)
            return true;
    return false;
}

// Returns: where the function at `rip` returns to, if no frame says it; else 0.
static uint64_t hidden_caller(uint64_t rip, uint64_t rsp)
{
    const uint8_t *code = (const uint8_t *)rip;
    const uint8_t *start = (const uint8_t *)symbols_find_start(rip);
    if (start == NULL || rsp % 8 != 0 || !paging_is_mapped(rsp) || !paging_is_mapped(rsp + 15))
        return 0;
    bool has_pushed = code > start && code[-1] == PUSH_RBP && is_move_to_rbp(code);
    uint64_t caller = ((const uint64_t *)rsp)[has_pushed];
    const uint8_t *after_call = (const uint8_t *)caller;
    if (symbols_find_start(caller - 1) == 0 || !is_after_call(after_call))
        return 0;
    if (has_pushed || *code == RET || !makes_frame(start, code))
        return caller;
    // A way that needs none may lie behind those that do.
    return *start != PUSH_RBP && is_after_call_of(after_call, start) ? caller : 0;
}

// ---- the walk -----------------------------------------------------------------------------------

static bool add_place(struct backtrace *trace, uint64_t rip, uint64_t rsp, enum backtrace_kind kind)
{
    if (!add(trace, rip, kind))
        return false;
    uint64_t caller = hidden_caller(rip, rsp);
    return caller == 0 || add(trace, caller, BACKTRACE_RETURN);
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
            !add_place(trace, saved->rip, saved->rsp, BACKTRACE_INTERRUPTED))
            return;
        rbp = saved->rbp;
        previous = saved->rsp - 16;
    }
}

void backtrace_take(struct backtrace *trace, uint64_t rip, uint64_t rbp, uint64_t rsp)
{
    trace->count = 0;
    if (add_place(trace, rip, rsp, BACKTRACE_PLACE))
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

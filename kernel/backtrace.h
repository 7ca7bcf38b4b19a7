// SPDX-License-Identifier: MIT
// The calls that led to a place, found by frame pointers and, where a function has no frame or not
// yet, by the code there. Nothing that is read is trusted: what does not look like a frame of the
// stack ends the walk.
#pragma once

#include "kernel/compiler.h"

#define BACKTRACE_MAX 32

enum backtrace_kind {
    BACKTRACE_PLACE,       // the instruction itself
    BACKTRACE_RETURN,      // where a call returns to: the byte before is sure to lie in the caller
    BACKTRACE_INTERRUPTED, // the instruction that an interrupt came before
};
struct backtrace {
    unsigned count;
    struct {
        uint64_t address;
        enum backtrace_kind kind;
    } places[BACKTRACE_MAX];
};

// From a place on a stack that stays as it is; also another core's, for all stacks are mapped on
// all cores. Goes on through interrupts to what they interrupted. Context: any, also an interrupt
// handler.
void backtrace_take(struct backtrace *trace, uint64_t rip, uint64_t rbp, uint64_t rsp);
// The same from a function that runs, without itself: `frame` is its __builtin_frame_address(0).
void backtrace_take_callers(struct backtrace *trace, uint64_t frame);
bool backtrace_equal(const struct backtrace *a, const struct backtrace *b);

// One line of it without a newline: "000000001de75f2a  thread_entry+0x1a".
// Context: any, also a panic; one core at a time.
#define BACKTRACE_LINE_BYTES 128
void backtrace_format(const struct backtrace *trace, unsigned i, char line[BACKTRACE_LINE_BYTES]);

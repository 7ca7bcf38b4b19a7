// SPDX-License-Identifier: MIT
// What profile.c and profile_dump.c share; for no one else.
#pragma once

#include "kernel/compiler.h"

#define PROFILE_PLACES 25

// What a core was at. Places count from the image's start, the innermost first; callers are where
// they call.
struct profile_sample {
    char thread[16];
    uint32_t depth;
    uint32_t
        stack_word;  // lowest on the stack, if it leads into code: maybe where a call returns to
    uint32_t is_cut; // there were more callers; no bool: equal samples are equal bytes
    uint32_t places[PROFILE_PLACES];
};
// Written by its core alone.
struct profile_ring {
    struct profile_sample *samples; // NULL: none are taken
    uint64_t mask;                  // how many there is room for, a power of two, less 1
    uint64_t next;                  // counted on for ever
    uint64_t halted;                // samples that found the core halted
};
extern PERCORE struct profile_ring profile_ring;
extern unsigned profile_hz;

// SPDX-License-Identifier: MIT
// Where the cores spend their time, by sampling: with option profile=HZ each core's interrupt timer
// comes so often, and what it interrupted is kept, with its callers, in a ring of the core. A core
// that halts is counted, not kept. Shown by the console's key `p` and at the machine's end, as
// folded stacks, which `./toril profile` makes a flame graph of:
//   profile: core0;THREAD;CALLER;...;FUNCTION COUNT
//   profile: core 0: COUNT samples at HZ Hz, COUNT halted, COUNT dropped
// Without the option no timer comes and nothing is kept. What runs with interrupts off, which
// handlers do, is seen at the instruction that lets them in again.
#pragma once

#include "kernel/compiler.h"

// Gives each core its ring, of option profile_samples, and starts its timer, if option profile is
// given. `run_on_core` runs a function that does not block in the loop of another core.
// Context: a thread of core 0, once all cores are up.
void profile_start(void (*run_on_core)(unsigned core, void (*function)(void *argument),
                                       void *argument));
// The interrupt timer came. Context: its handler.
void profile_tick(void);
// Writes what came since the last call. Context: a thread or the loop of core 0.
void profile_dump(void);

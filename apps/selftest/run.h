// SPDX-License-Identifier: MIT
// Parts of a case that run on other cores. A part that does not end within RUN_HANG_S ends the
// machine with a report: its memory could not be used again.
#pragma once

#include "kernel/compiler.h"
#include "smp/exchange.h"

#define RUN_HANG_S 120 // a hang detector, many times what a slow host needs

// Runs function(argument) in a new thread of `core` and waits for its end.
void run_on(unsigned core, void (*function)(void *argument), void *argument);
// The same on every core at once; all begin before any of them is waited for.
void run_on_all(void (*function)(void *argument), void *argument);
// How many cores are online, and the highest of them.
unsigned run_core_count(void);
unsigned run_last_core(void);

// Waits until all cores that run_on_all() started have come here. Each core by one thread; any
// number of times.
void run_barrier(void);

// Yields until *value is true. Context: the core that sets it. Ends the machine after RUN_HANG_S.
void run_wait_for(const bool *value);
// Has this thread's core go round its loop until `holds(context)`. Returns: false if it did not
// within `timeout_ms`.
bool run_until(bool (*holds)(void *context), void *context, unsigned timeout_ms);

// Numbers that look random and are the same each time.
uint32_t run_pseudo_random(uint32_t *state);

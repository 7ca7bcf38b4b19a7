// SPDX-License-Identifier: MIT
// Work on other cores, carried by exchange slots: calls, threads, freed memory, console text.
#pragma once

#include "kernel/compiler.h"

// Lets the kernel use the exchange: freed blocks go home to their core by it, text and the
// firmware's calls go to core 0. Context: core 0, once, before other cores start.
void remote_start(void);

// Runs function(argument) in the loop of `core` and waits for it; it must not block. At once if
// `core` is this one. Context: thread. Blocks: until it ran.
void remote_call(unsigned core, void (*function)(void *argument), void *argument);

// Creates a thread on `core`, from that core's memory. Context: thread. Blocks: until it exists.
// Returns: 0, -EINVAL when there is no such core, -ENOMEM when that core has no memory.
int thread_create_on(unsigned core, const char *name, void (*entry)(void *argument),
                     void *argument) MUST_CHECK;

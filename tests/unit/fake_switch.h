// SPDX-License-Identifier: MIT
// A core for host tests: the kernel's own threads, scheduler and timers over a switch that the
// host's C library makes, with a clock that goes on by a random little each time somebody looks.
#pragma once

#include "host.h"

// Runs the core's loop with a thread that runs entry(argument) until the core would halt for good,
// and checks that all threads have ended and their stacks were freed. The seed must not be 0.
void fake_switch_run(uint64_t seed, void (*entry)(void *argument), void *argument);

// How many more stacks there is memory for.
extern unsigned fake_switch_stacks_left;
// Set by a thread: a halt ends the run although timers are pending.
extern bool fake_switch_over;

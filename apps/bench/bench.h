// SPDX-License-Identifier: MIT
// The groups of figures, one file each; each prints its own.
#pragma once

void bench_threads(void);
void bench_memory_and_calls(void);
void bench_timers(void);
// Needs a second core.
void bench_remote(void);
// Prints none.
void bench_marked(void);
// The last ones, in this order: their pollers stay in the loop.
void bench_turns(void);
void bench_exchange(void);

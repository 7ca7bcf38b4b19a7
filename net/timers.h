// SPDX-License-Identifier: MIT
// lwIP's own clocks, driven from one timer of the core that is armed for the earliest of those that
// have something to do: an idle machine wakes once a second, one without connections never for TCP.
// Context: the core of the stack.
#pragma once

#include "kernel/compiler.h"

// Starts the clocks. Called once, when those who need one are there.
void net_timers_start(void);

struct net_tcp_counts {
    uint32_t connections; // that exist, opening and closing ones included
    uint32_t time_wait;   // ended, remembered for a while
};
// Of this core, now.
struct net_tcp_counts net_tcp_count(void);
// Of any core, as it was half a second ago at most.
struct net_tcp_counts net_tcp_counts_of(unsigned core);

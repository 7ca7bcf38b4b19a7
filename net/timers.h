// SPDX-License-Identifier: MIT
// lwIP's own clocks, driven from one timer of the core that is armed for the earliest of those that
// have something to do: an idle machine wakes once a second, with idle connections or without.
// Context: the core of the stack.
#pragma once

#include "kernel/compiler.h"

// Starts the clocks. Called once, when those who need one are there.
void net_timers_start(void);

// TCP's clock comes every 50 ms while something is under way, and once a second when all
// connections are idle.
extern PERCORE bool net_timers_tcp_rests;
void net_timers_wake_tcp(void);
// Frames came or were sent.
static inline void net_timers_traffic(void)
{
    if (__builtin_expect(net_timers_tcp_rests, 0))
        net_timers_wake_tcp();
}

struct net_tcp_counts {
    uint32_t connections; // that exist, opening and closing ones included
    uint32_t time_wait;   // ended, remembered for a while
};
// Of this core, now.
struct net_tcp_counts net_tcp_count(void);
// Of any core, as it was half a second ago at most.
struct net_tcp_counts net_tcp_counts_of(unsigned core);

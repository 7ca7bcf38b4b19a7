// SPDX-License-Identifier: MIT
// Connections that a client began and has not confirmed: the first of its three segments came, the
// third did not. There is room for some of them on each core; beyond, each new one takes the place
// of the oldest, so that a flood of first segments shuts nobody out who answers sooner than it
// fills that room. Context: the core of the stack.
// Spec: RFC 4987 section 3.4 (recycling the oldest).
#pragma once

#include "lwip/tcp.h"

// Of a core. Each takes 760 bytes; 20,000 new ones a second fill it in 100 ms.
#define NET_HALF_OPEN_MAX 2048

// A connection came to be in SYN-RCVD. May end another one, without a word to who may not exist.
void net_half_open_add(struct tcp_pcb *pcb);
// It was confirmed, or is about to be freed; also if it is none of these.
void net_half_open_remove(struct tcp_pcb *pcb);

struct net_half_open_stats {
    uint64_t count;   // now
    uint64_t dropped; // to make room
};
struct net_half_open_stats net_half_open_stats_of(unsigned core);

// SPDX-License-Identifier: MIT
// Which core a received frame belongs to. Bytes in, a number out: no state, no lwIP.
//
// Cores that have a network are numbered by position, 0 to count - 1; the first `pairs` of them
// have queues of the card, the others are served by position % pairs. The card keeps a connection's
// frames on one pair; what it cannot know, decided here, is the same on every core:
// - ports that connections from inside are given are the core's own (net_steer_port_first());
// - answers to what only position 0 asks (DHCP) go there;
// - what is about neighbours and routers (ARP, neighbour discovery) all cores must hear, but who
//   asks for this machine by IPv6 is answered by position 0.
#pragma once

#include "kernel/compiler.h"

#define NET_STEER_ALL   UINT32_MAX       // a copy for every core
#define NET_STEER_GROUP (UINT32_MAX - 1) // a copy for every core that is in a multicast group

struct net_steer_map {
    unsigned count, pairs;
};

// The position that the frame at `data` is for, seen from position `own`, at which it arrived. Of
// the frame, `length` bytes are there: the headers, or it is `own`.
unsigned net_steer(const struct net_steer_map *map, unsigned own, const uint8_t *data,
                   uint32_t length);

// Local ports of connections from inside, of which each position has an equal part.
#define NET_STEER_PORT_FIRST 49152
#define NET_STEER_PORT_LAST  65535
uint16_t net_steer_port_first(const struct net_steer_map *map, unsigned position);
uint16_t net_steer_port_last(const struct net_steer_map *map, unsigned position);

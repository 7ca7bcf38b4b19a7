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

#include <string.h>

#include "kernel/compiler.h"

#define NET_STEER_ALL   UINT32_MAX       // a copy for every core
#define NET_STEER_GROUP (UINT32_MAX - 1) // a copy for every core that is in a multicast group

// Local ports of connections from inside, of which each position has an equal part.
#define NET_STEER_PORT_FIRST 49152
#define NET_STEER_PORT_LAST  65535

_Static_assert(NET_STEER_PORT_FIRST % 256 == 0, "net_steer_is_own()");

struct net_steer_map {
    unsigned count, pairs;
};

// The position that the frame at `data` is for, seen from position `own`, at which it arrived. Of
// the frame, `length` bytes are there: the headers, or it is `own`.
unsigned net_steer(const struct net_steer_map *map, unsigned own, const uint8_t *data,
                   uint32_t length);

// The usual frame, in fewer instructions: TCP by IPv4 to a port that a server has, and each
// position with a pair of its own. Returns: true if that makes it `own`; else net_steer() knows.
static inline bool net_steer_is_own(const struct net_steer_map *map, const uint8_t *data,
                                    uint32_t length)
{
    uint16_t type, fragment;
    if (map->count > map->pairs || length < 14 + 20 + 20)
        return false;
    memcpy(&type, data + 12, sizeof(type));
    memcpy(&fragment, data + 14 + 6, sizeof(fragment));
    return type == __builtin_bswap16(0x0800) && data[14] == 0x45 && data[14 + 9] == 6 &&
           (fragment & __builtin_bswap16(0x3fff)) == 0 &&
           data[14 + 20 + 2] < NET_STEER_PORT_FIRST >> 8; // of the port the upper half
}

uint16_t net_steer_port_first(const struct net_steer_map *map, unsigned position);
uint16_t net_steer_port_last(const struct net_steer_map *map, unsigned position);

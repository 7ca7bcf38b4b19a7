// SPDX-License-Identifier: MIT
// Ethernet headers that were right a moment ago, so that not each IPv4 packet has its neighbour
// looked up. Context: the core whose stack it is.
#pragma once

#include "lwip/netif.h"

// What an interface's `output` is: etharp_output(), and the same again for a packet to the same
// address while nothing has been heard that could say otherwise.
err_t net_neighbour_output(struct netif *netif, struct pbuf *packet, const ip4_addr_t *to);

// All that is known may be wrong: an ARP packet came in, an address or a route changed, or lwIP's
// ARP looked at the age of what it knows. The next packets ask it again.
extern PERCORE uint32_t net_neighbour_era;
static inline void net_neighbour_forget(void)
{
    net_neighbour_era++;
}

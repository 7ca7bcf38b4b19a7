// SPDX-License-Identifier: MIT
// Multicast groups of this core, of both families: what is sent to one that an app joined comes to
// the UDP sockets of its core that are bound to the port (IGMP version 2, RFC 2236; MLD, RFC 2710).
// Datagrams to groups are handed to every core that is in one, whichever queue of the card they
// came in by. While a core is in a group it wakes ten times a second. Context: a thread or the loop
// of a core that has a network.
#pragma once

#include "kernel/compiler.h"

#include "lwip/ip_addr.h"
#include "lwip/netif.h"

// On all cards. What is sent to a group leaves by the first card that has an address.
// Joining twice takes leaving twice. Returns: 0, -EINVAL: not a group, -ENETDOWN: no network of
// that family, -ENOMEM.
int net_group_join(const ip_addr_t *group) MUST_CHECK;
void net_group_leave(const ip_addr_t *group);

// For net/ itself: counts from now on; whether an app of a core is in a group; whether one of this
// core's groups has something to report (also lwIP's own, of each IPv6 address).
void net_groups_start(struct netif *netif);
bool net_groups_on(unsigned core);
bool net_groups_need_igmp(void);
bool net_groups_need_mld(void);

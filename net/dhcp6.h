// SPDX-License-Identifier: MIT
// Asks DHCPv6 servers where a router says that there are some: for an address (its flag M), or for
// DNS servers only (flag O). lwIP has no client for addresses. Context: core 0.
// Spec: RFC 8415.
#pragma once

#include "kernel/compiler.h"

#include "lwip/netif.h"

// What routers on a card's link say now. The first time that it matters, asking begins; it goes on
// for good.
void net_dhcp6_follow(struct netif *netif, bool is_managed, bool has_other);
// Whether an address of a card is a server's.
bool net_dhcp6_gave(const struct netif *netif, const ip6_addr_t *address);
// Another machine has the address that the server gave: the server is told.
void net_dhcp6_decline(const struct netif *netif);

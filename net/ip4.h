// SPDX-License-Identifier: MIT
// IPv4 of core 0, for each card: the address of option `ip`, or DHCP's, and what the console hears
// of it. The other cores are told (net/spread.h). Context: core 0.
#pragma once

#include "kernel/compiler.h"

#include "lwip/netif.h"

// Gives the card its address, or starts to ask for one.
void net_ip4_start(struct netif *netif);
// After lwIP's status callback: says what changed.
void net_ip4_tell_changes(struct netif *netif);

// ---- of any core --------------------------------------------------------------------------------

// Whether DHCP gives the card's address, and how long its network's prefix is.
bool net_ip4_by_dhcp(unsigned card);
unsigned net_ip4_prefix_bits(const struct netif *netif);

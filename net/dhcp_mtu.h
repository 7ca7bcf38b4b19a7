// SPDX-License-Identifier: MIT
// How long packets may be here, as the DHCP server says: option 26. Option `mtu` of the machine
// goes before it, and no card sends longer ones for it. Context: core 0. Spec: RFC 2132
// section 5.1.
#pragma once

#include "kernel/compiler.h"

struct netif;

// The answer that was read last is the lease: what it says holds from now on.
void net_dhcp_mtu_take(struct netif *netif);
// Returns: what a card's lease says, 0 if that is nothing, or nothing that can be.
uint16_t net_dhcp_mtu(unsigned card);

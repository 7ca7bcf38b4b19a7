// SPDX-License-Identifier: MIT
// The network of one core, as net.c starts and configures it. For net/ itself.
#pragma once

#include "kernel/device.h"
#include "net/ip6.h"

#include "lwip/ip_addr.h"

// What core 0 learns of a card's network, by DHCP, from routers or options, and all cores use.
struct net_config {
    unsigned card;
    ip4_addr_t address, netmask, gateway; // any: there is none
    uint16_t mtu;
    ip_addr_t dns[DNS_MAX_SERVERS];
    struct net_ip6_config ip6;
};

// Starts another core's stack on devices of that core, one for each card; it has no address until
// it is told. Context: the loop of that core, once. Blocks: never.
void net_core_join(struct net_device *const *devices, unsigned count);
void net_core_configure(const struct net_config *config);
void net_core_config(unsigned card, struct net_config *out);

// SPDX-License-Identifier: MIT
// The network of one core, as net.c starts and configures it. For net/ itself.
#pragma once

#include "kernel/device.h"
#include "net/ip6.h"

#include "lwip/ip_addr.h"

// What core 0 learns, by DHCP, from routers or options, and all cores use.
struct net_config {
    ip4_addr_t address, netmask, gateway; // any: there is none
    uint16_t mtu;
    ip_addr_t dns[DNS_MAX_SERVERS];
    struct net_ip6_config ip6;
};

// Starts another core's stack on a device of that core; it has no address until it is told.
// Context: the loop of that core, once. Blocks: never.
void net_core_join(struct net_device *device);
void net_core_configure(const struct net_config *config);
void net_core_config(struct net_config *out);
// Of IPv4: whether DHCP gave this machine's address, and how long its network's prefix is.
bool net_core_by_dhcp(void);
unsigned net_core_prefix_bits(void);

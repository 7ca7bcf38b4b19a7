// SPDX-License-Identifier: MIT
// The network of one core, as net.c starts and configures it. For net/ itself.
#pragma once

#include "kernel/device.h"
#include "net/address.h"

#include "lwip/ip_addr.h"

// What core 0 learns, by DHCP or option, and all cores use.
struct net_config {
    ip4_addr_t address, netmask, gateway; // any: there is none
    ip_addr_t dns[NET_DNS_MAX];
};

// Starts this core's stack on a device of this core; it has no address yet.
// Context: a thread or the loop, once for each core. Blocks: never.
void net_core_start(struct net_device *device);
void net_core_configure(const struct net_config *config);
void net_core_config(struct net_config *out);

// SPDX-License-Identifier: MIT
// Option `net=trace`: one line on the console for each frame received and sent. Without it nothing
// of this is on a frame's way.
#pragma once

#include "kernel/device.h"

#include "lwip/netif.h"

// Stands between this core's device, its interface and what they call, if the option says so.
// Context: the core of the device, after net_netif_start().
void net_packet_trace_start(struct net_device *device, struct netif *netif);

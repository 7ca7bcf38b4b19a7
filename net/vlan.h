// SPDX-License-Identifier: MIT
// Option `vlan=ID`, of each card: frames are sent with this VLAN's tag, and only those that carry
// it are heard. All above sees them without the tag. Without the option nothing of this is on a
// frame's way. Spec: IEEE 802.1Q.
#pragma once

#include "kernel/device.h"

// Stands between this core's device and what they call, if the option says so.
// Context: the core of the device, after net_netif_start(). Owns: the device's functions.
void net_vlan_start(struct net_device *device);

bool net_vlan_is_on(unsigned card);

// Frames of a card, on a core, that were not of its VLAN.
uint64_t net_vlan_others_of(unsigned core, unsigned card);

// SPDX-License-Identifier: MIT
// Frames of a net_device become lwIP's pbufs and back, without copies: a received buffer is a pbuf
// until lwIP and the app are done with it, a pbuf being sent is kept until the device is done.
// Context: the core of the stack.
#pragma once

#include "net/interface.h"

// Makes the device lwIP's interface. Called once for each card, in their order, after lwip_init().
// Owns: the device's callbacks. Returns: the interface, down, its link state the device's.
struct netif *net_netif_start(struct net_device *device);

// One turn of the loop: takes received frames in, sends what is queued, follows the links' state.
// Returns: true if there was work.
bool net_netif_poll(void);
// Sends what is queued, then arms the devices. Returns: true if there is more to do at once.
bool net_netif_arm(void);

// A frame for this core's stack, in its own buffers or those of another core's device.
void net_netif_take(unsigned card, struct net_rx_buffer *frame);
// The same from bytes that stay the caller's.
void net_netif_take_copy(unsigned card, const uint8_t *bytes, uint32_t size_bytes,
                         bool checksum_valid);
// Something was given to a device of this core without net_netif_poll() knowing: it is to be
// flushed.
void net_netif_touch(void);

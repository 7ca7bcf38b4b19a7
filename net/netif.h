// SPDX-License-Identifier: MIT
// Frames of a net_device become lwIP's pbufs and back, without copies: a received buffer is a pbuf
// until lwIP and the app are done with it, a pbuf being sent is kept until the device is done.
// Context: the core of the stack.
#pragma once

#include "kernel/device.h"

#include "lwip/netif.h"

struct net_netif_stats {
    uint64_t rx_copied;     // frames copied: too many buffers were held, or a first piece too short
    uint64_t rx_dropped;    // frames dropped: too long, or no memory
    uint64_t tx_coalesced;  // frames copied because they were in too many pieces
    uint64_t tx_queue_full; // frames the device's queue had no room for
    uint64_t tx_failed;     // frames the device refused, or no memory
    uint32_t rx_held;       // receive buffers lwIP and the app hold now
    uint32_t tx_held;       // pbufs the device holds now
};

// Makes the device lwIP's interface. Called once, after lwip_init().
// Owns: the device's callbacks. Returns: the interface, down, its link state the device's.
struct netif *net_netif_start(struct net_device *device);

// One turn of the loop: takes received frames in, sends what is queued, follows the link's state.
// Returns: true if there was work.
bool net_netif_poll(void);
// Sends what is queued, then arms the device. Returns: true if there is more to do at once.
bool net_netif_arm(void);

// A frame for this core's stack, in its own buffers or those of another core's device.
void net_netif_take(struct net_rx_buffer *frame);
// The same from bytes that stay the caller's.
void net_netif_take_copy(const uint8_t *bytes, uint32_t size_bytes, bool checksum_valid);
// How many cores the device's receive buffers are shared by.
void net_netif_share(unsigned cores);
// Something was given to this core's device without net_netif_poll() knowing: it is to be flushed.
void net_netif_touch(void);

// Of any core; what another one counts may be a moment old.
struct net_netif_stats net_netif_stats_of(unsigned core);

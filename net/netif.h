// SPDX-License-Identifier: MIT
// Frames of a net_device become lwIP's pbufs and back, without copies: a received buffer is a pbuf
// until lwIP and the app are done with it, a pbuf being sent is kept until the device is done.
// Context: the core of the stack.
#pragma once

#include "kernel/device.h"
#include "kernel/options.h"
#include "net/steer.h"

#include "lwip/netif.h"

#define NET_CARDS_MAX OPTION_CARDS_MAX // more than these are not used

struct net_netif_stats {
    uint64_t rx_copied;     // frames copied: too many buffers were held, or a first piece too short
    uint64_t rx_dropped;    // frames dropped: too long, or no memory
    uint64_t tx_coalesced;  // frames copied because they were in too many pieces
    uint64_t tx_queue_full; // frames the device's queue had no room for
    uint64_t tx_failed;     // frames the device refused, or no memory
    uint32_t rx_held;       // receive buffers lwIP and the app hold now
    uint32_t tx_held;       // pbufs the device holds now
};

// One card as this core's stack knows it. What core 0 alone does with its addresses is in net/ip4.c
// and net/ip6.c.
struct net_interface {
    struct netif netif;
    struct net_device *device;
    const struct net_steer_map *map;
    unsigned card;
    uint32_t rx_held_max;
    bool tx_queue_full; // a frame was turned away, connections wait to send again
    bool tx_reaped;     // since then there is room
    struct net_netif_stats stats;
};

// How many cards this core has a network on: all, or none before it has one.
extern PERCORE unsigned net_card_count;
struct net_interface *net_interface(unsigned card);

static inline unsigned net_card_of(const struct netif *netif)
{
    return CONTAINER_OF((struct netif *)netif, struct net_interface, netif)->card;
}

// What stands behind the name of an option for this card: "" or ".1".
const char *net_card_suffix(unsigned card);

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
// How many cores the device's receive buffers are shared by.
void net_netif_share(unsigned card, unsigned cores);
// Something was given to a device of this core without net_netif_poll() knowing: it is to be
// flushed.
void net_netif_touch(void);

// Of any core; what another one counts may be a moment old.
struct net_netif_stats net_netif_stats_of(unsigned core, unsigned card);
// The device that a core works with; NULL where it has no network, or not yet.
const struct net_device *net_netif_device_of(unsigned core, unsigned card);
// Adds what a core's queues of a card counted.
void net_netif_add_frames(struct net_device_stats *sum, unsigned core, unsigned card);

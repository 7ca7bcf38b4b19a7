// SPDX-License-Identifier: MIT
// The cards as this core's stack knows them, and what each core counts of them. How frames go
// through them is net/netif.h's.
#pragma once

#include "kernel/device.h"
#include "kernel/options.h"
#include "net/steer.h"

#include "lwip/netif.h"

#define NET_CARDS_MAX OPTION_CARDS_MAX // more than these are not used

struct net_interface_stats {
    uint64_t rx_copied;     // frames copied: too many buffers were held, or a first piece too short
    uint64_t rx_dropped;    // frames dropped: too long, or no memory
    uint64_t tx_coalesced;  // frames copied because they were in too many pieces
    uint64_t tx_queue_full; // frames the device's queue had no room for
    uint64_t tx_failed;     // frames the device refused, or no memory
    uint32_t rx_held;       // receive buffers lwIP and the app hold now
    uint32_t tx_held;       // pbufs the device holds now
};

// What core 0 alone does with its addresses is in net/ip4.c and net/ip6.c.
struct net_interface {
    struct netif netif;
    struct net_device *device;
    const struct net_steer_map *map;
    unsigned card;
    uint32_t rx_held_max;
    bool tx_queue_full; // a frame was turned away, connections wait to send again
    bool tx_reaped;     // since then there is room
    struct net_interface_stats stats;
};

extern PERCORE struct net_interface net_interfaces[NET_CARDS_MAX], *net_interfaces_end;
// How many cards this core has a network on: all, or none before it has one.
extern PERCORE unsigned net_card_count;
struct net_interface *net_interface(unsigned card);

static inline unsigned net_card_of(const struct netif *netif)
{
    return CONTAINER_OF((struct netif *)netif, struct net_interface, netif)->card;
}

// What stands behind the name of an option for this card: "" or ".1".
const char *net_card_suffix(unsigned card);

// The next card's, in their order. It belongs to net/netif.c, which makes it lwIP's.
struct net_interface *net_interface_add(struct net_device *device);
// How many cores the device's receive buffers are shared by.
void net_interface_share(unsigned card, unsigned cores);

// Of any core; what another one counts may be a moment old.
struct net_interface_stats net_interface_stats_of(unsigned core, unsigned card);
// The device that a core works with; NULL where it has no network, or not yet.
const struct net_device *net_interface_device_of(unsigned core, unsigned card);
// Adds what a core's queues of a card counted.
void net_interface_add_frames(struct net_device_stats *sum, unsigned core, unsigned card);

// SPDX-License-Identifier: MIT
#include "net/interface.h"

#include "kernel/core.h"
#include "kernel/panic.h"

// Receive buffers lwIP and the app may hold. Beyond, frames are copied and their buffers go back at
// once, so that a reader that stops reading cannot keep the device from receiving.
#define RX_HELD_MAX 64

PERCORE struct net_interface net_interfaces[NET_CARDS_MAX], *net_interfaces_end = net_interfaces;
PERCORE unsigned net_card_count;

struct net_interface *net_interface(unsigned card)
{
    ASSERT(card < net_card_count);
    return &net_interfaces[card];
}

const char *net_card_suffix(unsigned card)
{
    static const char suffixes[NET_CARDS_MAX][3] = {"", ".1", ".2", ".3", ".4", ".5", ".6", ".7"};
    return suffixes[card];
}

struct net_interface *net_interface_add(struct net_device *device)
{
    ASSERT(device->card == net_card_count && device->card < NET_CARDS_MAX);
    struct net_interface *interface = net_interfaces_end++;
    net_card_count++;
    interface->device = device;
    interface->card = device->card;
    net_interface_share(device->card, 1);
    return interface;
}

void net_interface_share(unsigned card, unsigned cores)
{
    net_interface(card)->rx_held_max = LWIP_MAX(RX_HELD_MAX / cores, 4);
}

struct net_interface_stats net_interface_stats_of(unsigned core, unsigned card)
{
    const struct net_interface(*of)[NET_CARDS_MAX] = core_local_of(core, &net_interfaces);
    return of == NULL ? (struct net_interface_stats){0} : (*of)[card].stats;
}

const struct net_device *net_interface_device_of(unsigned core, unsigned card)
{
    const struct net_interface(*of)[NET_CARDS_MAX] = core_local_of(core, &net_interfaces);
    return of == NULL ? NULL : (*of)[card].device;
}

void net_interface_add_frames(struct net_device_stats *sum, unsigned core, unsigned card)
{
    const struct net_device *device = net_interface_device_of(core, card);
    // A core without queues counts what it sent through another, which counts it too.
    if (device == NULL || (device->of_card == NULL && core != net_interfaces[card].device->core))
        return;
    const struct net_device_stats *of = &device->stats;
    sum->rx_frames += of->rx_frames;
    sum->rx_bytes += of->rx_bytes;
    sum->rx_dropped += of->rx_dropped;
    sum->rx_errors += of->rx_errors;
    sum->tx_frames += of->tx_frames;
    sum->tx_bytes += of->tx_bytes;
    sum->tx_dropped += of->tx_dropped;
    sum->interrupts += of->interrupts;
    sum->notifications += of->notifications;
    sum->lost_interrupts += of->lost_interrupts;
}

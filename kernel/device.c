// SPDX-License-Identifier: MIT
#include "kernel/device.h"

#include "kernel/panic.h"

// Written by core 0 while booting, read-only afterwards.
static struct net_device *first_net_device;

static void drop_frame(struct net_device *device, struct net_rx_buffer *frame)
{
    device->stats.rx_dropped++;
    for (struct net_rx_buffer *next; frame != NULL; frame = next) {
        next = frame->next;
        device->ops->rx_release(device, frame);
    }
}

static void forget_token(struct net_device *device, void *token)
{
    (void)device;
    (void)token;
}

void net_device_ignore(struct net_device *device)
{
    device->received = drop_frame;
    device->transmitted = forget_token;
}

void net_device_register(struct net_device *device)
{
    ASSERT(device->ops != NULL && device->next == NULL);
    struct net_device **link = &first_net_device;
    while (*link != NULL && (*link)->pci_address <= device->pci_address)
        link = &(*link)->next;
    device->next = *link;
    *link = device;
}

struct net_device *net_device_first(void)
{
    return first_net_device;
}

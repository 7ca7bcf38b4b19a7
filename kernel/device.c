// SPDX-License-Identifier: MIT
#include "kernel/device.h"

#include "kernel/panic.h"

// Written by core 0 while booting, read-only afterwards.
static struct net_device *first_net_device;

void net_device_register(struct net_device *device)
{
    ASSERT(device->ops != NULL && device->next == NULL);
    struct net_device **link = &first_net_device;
    while (*link != NULL)
        link = &(*link)->next;
    *link = device;
}

struct net_device *net_device_first(void)
{
    return first_net_device;
}

// SPDX-License-Identifier: MIT
// The network card: what it says of itself, and a pair of queues for each core.
// Spec: VIRTIO 1.2, 5.1.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/random.h"
#include "smp/remote.h"
#include "virtio/drivers.h"
#include "virtio/net_queue.h"
#include "virtio/net_steering.h"

#define MTU_DEFAULT      1500
#define MTU_MIN          68 // the least IPv4 works with
#define CONTROL_SIZE_MAX 8
#define CONTROL_PIECES   3 // of a command

// 5.1.3.1. A large frame comes in as many buffers as it takes, so that none need be 64 KiB long.
#define NEEDED_TO_SEND_LARGE    (1ull << VIRTIO_NET_F_CSUM)
#define NEEDED_TO_RECEIVE_LARGE (1ull << VIRTIO_NET_F_GUEST_CSUM | 1ull << VIRTIO_NET_F_MRG_RXBUF)

static const struct virtio_feature features[] = {
    {VIRTIO_NET_F_CSUM, VIRTIO_WANTED, "csum", 0},
    {VIRTIO_NET_F_GUEST_CSUM, VIRTIO_WANTED, "guest_csum", 0},
    {VIRTIO_NET_F_MTU, VIRTIO_ACCEPTED, "mtu", 0},
    {VIRTIO_NET_F_MAC, VIRTIO_WANTED, "mac", 0},
    {VIRTIO_NET_F_HOST_TSO4, VIRTIO_WANTED, "host_tso4", NEEDED_TO_SEND_LARGE},
    {VIRTIO_NET_F_HOST_TSO6, VIRTIO_WANTED, "host_tso6", NEEDED_TO_SEND_LARGE},
    {VIRTIO_NET_F_GUEST_TSO4, VIRTIO_WANTED, "guest_tso4", NEEDED_TO_RECEIVE_LARGE},
    {VIRTIO_NET_F_GUEST_TSO6, VIRTIO_WANTED, "guest_tso6", NEEDED_TO_RECEIVE_LARGE},
    {VIRTIO_NET_F_STATUS, VIRTIO_WANTED, "status", 0},
    {VIRTIO_NET_F_MRG_RXBUF, VIRTIO_WANTED, "mrg_rxbuf", 0},
    {VIRTIO_NET_F_CTRL_VQ, VIRTIO_ACCEPTED, "ctrl_vq", 0},
    {VIRTIO_NET_F_MQ, VIRTIO_ACCEPTED, "mq", 0},
    {VIRTIO_NET_F_RSS, VIRTIO_ACCEPTED, "rss", 0},
};

INTERRUPT_CONTEXT static void config_interrupt(void *context)
{
    struct virtio_net *self = context;
    atomic_store_explicit(&self->config_marked, true, memory_order_relaxed);
}

// ---- configuration ------------------------------------------------------------------------------

// Returns: whether the link is up, or what was known of it when the card does not say.
static bool read_link(struct virtio_device *device, bool known)
{
    uint16_t status = VIRTIO_NET_STATUS_LINK_UP;
    if (virtio_has(device, VIRTIO_NET_F_STATUS) &&
        virtio_config_read(device, VIRTIO_NET_CONFIG_STATUS, &status, sizeof(status)) != 0)
        return known;
    return (status & VIRTIO_NET_STATUS_LINK_UP) != 0;
}

static int read_config(struct virtio_device *device, struct net_device *facts)
{
    int error = 0;
    if (virtio_has(device, VIRTIO_NET_F_MAC)) {
        error = virtio_config_read(device, VIRTIO_NET_CONFIG_MAC, facts->mac, sizeof(facts->mac));
    } else {
        random_bytes(facts->mac, sizeof(facts->mac));
        facts->mac[0] = (uint8_t)((facts->mac[0] & 0xfe) | 0x02); // one of ours, not a group
    }
    facts->pci_address = device->transport->pci_address;
    facts->mtu = MTU_DEFAULT;
    if (error == 0 && virtio_has(device, VIRTIO_NET_F_MTU))
        error = virtio_config_read(device, VIRTIO_NET_CONFIG_MTU, &facts->mtu, sizeof(facts->mtu));
    if (error == 0 && facts->mtu < MTU_MIN)
        error = -EINVAL;
    facts->checksum_offload = virtio_has(device, VIRTIO_NET_F_CSUM);
    facts->tso4 = virtio_has(device, VIRTIO_NET_F_HOST_TSO4);
    facts->tso6 = virtio_has(device, VIRTIO_NET_F_HOST_TSO6);
    facts->link_up = read_link(device, false);
    snprintf(facts->name, sizeof(facts->name), "virtio-%s", device->name);
    return error;
}

static void take_config_change(struct virtio_net *self)
{
    struct transport *transport = self->device->transport;
    atomic_store_explicit(&self->config_marked, false, memory_order_relaxed);
    uint8_t status = transport->ops->status_read(transport);
    if ((status & VIRTIO_STATUS_NEEDS_RESET) != 0) {
        queue_pair_shut_off(self->first, "status", "it asks for a reset", status);
        return;
    }
    bool link_up = read_link(self->device, self->first->net.link_up);
    for (unsigned i = 0; i < self->device_count; i++)
        self->devices[i]->link_up = link_up;
}

// ---- a pair for each core -----------------------------------------------------------------------

static bool has_many_queues(const struct virtio_device *device)
{
    return virtio_has(device, VIRTIO_NET_F_CTRL_VQ) &&
           (virtio_has(device, VIRTIO_NET_F_MQ) || virtio_has(device, VIRTIO_NET_F_RSS));
}

// How many pairs the card has. 5.1.4: the field is there with either feature.
static int read_pairs_max(struct virtio_device *device, uint16_t *pairs_max)
{
    *pairs_max = 1;
    if (!has_many_queues(device))
        return 0;
    int error =
        virtio_config_read(device, VIRTIO_NET_CONFIG_PAIRS_MAX, pairs_max, sizeof(*pairs_max));
    return error == 0 && *pairs_max == 0 ? -EINVAL : error;
}

static const struct net_device_ops operations = {
    .transmit = queue_pair_transmit,
    .poll = queue_pair_poll,
    .flush = queue_pair_flush,
    .arm = queue_pair_arm,
    .rx_release = queue_pair_rx_release,
    .spread = virtio_net_spread,
};

struct making {
    struct virtio_net *owner;
    uint16_t number;
    const struct net_device *facts;
    struct queue_pair *made;
    int error;
};

static void make_pair_here(void *argument)
{
    struct making *making = argument;
    making->error = queue_pair_create(making->owner, making->number, making->facts, &making->made);
}

static int make_pairs(struct virtio_net *self, const struct net_device *facts, uint16_t pairs_max)
{
    self->devices = heap_alloc_zeroed(sizeof(*self->devices) * core_count());
    if (self->devices == NULL)
        return -ENOMEM;
    for (unsigned core = 0; core < core_count() && self->device_count < pairs_max; core++) {
        if (!core_is_online(core))
            continue;
        struct making making = {self, (uint16_t)self->device_count, facts, NULL, 0};
        remote_call(core, make_pair_here, &making);
        if (making.error != 0 && core == 0)
            return making.error;
        if (making.error != 0) { // its queues stay unused: nothing is steered to them
            log_warn("virtio: %s: no queues for core %u: %s", self->device->name, core,
                     strerror(-making.error));
            break;
        }
        self->devices[self->device_count++] = &making.made->net;
        if (core == 0)
            self->first = making.made;
    }
    for (unsigned i = 0; i < self->device_count; i++) {
        self->devices[i]->of_card = self->devices;
        self->devices[i]->of_card_count = self->device_count;
    }
    return 0;
}

static int net_setup(struct virtio_device *device)
{
    struct virtio_net *self = heap_alloc_zeroed(sizeof(*self));
    if (self == NULL)
        return -ENOMEM;
    device->driver_data = self;
    self->device = device;
    self->take_config_change = take_config_change;
    struct net_device facts = {.ops = &operations};
    uint16_t pairs_max;
    int error = read_config(device, &facts);
    if (error == 0)
        error = read_pairs_max(device, &pairs_max);
    if (error == 0)
        error = make_pairs(self, &facts, pairs_max);
    if (error == 0 && self->device_count > 1) // 5.1.2: behind all pairs that the card has
        error = virtio_queue_create(device, &self->control, (uint16_t)(2 * pairs_max),
                                    CONTROL_SIZE_MAX, 0, NULL, NULL);
    if (error == 0 && self->device_count > 1 && self->control.place.size < CONTROL_PIECES)
        error = -EINVAL;
    if (error == 0)
        error = device->transport->ops->config_interrupt(device->transport, config_interrupt, self);
    return error;
}

static void destroy_pair_here(void *argument)
{
    queue_pair_destroy(argument);
}

static void net_undo(struct virtio_device *device)
{
    struct virtio_net *self = device->driver_data;
    if (self == NULL)
        return;
    for (unsigned i = 0; i < self->device_count; i++)
        remote_call(self->devices[i]->core, destroy_pair_here,
                    CONTAINER_OF(self->devices[i], struct queue_pair, net));
    virtio_queue_destroy(&self->control);
    heap_free(self->devices);
    heap_free(self);
    device->driver_data = NULL;
}

static void flush_here(void *argument)
{
    struct net_device *net = argument;
    net->ops->flush(net);
}

static void net_start(struct virtio_device *device)
{
    struct virtio_net *self = device->driver_data;
    for (unsigned i = 0; i < self->device_count; i++) // the first receive buffers
        remote_call(self->devices[i]->core, flush_here, self->devices[i]);
    struct net_device *net = &self->first->net;
    const uint8_t *mac = net->mac;
    log_info("virtio: %s: mac %02x:%02x:%02x:%02x:%02x:%02x, mtu %u, link %s, %u pair%s of queues "
             "of %u and %u",
             device->name, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], net->mtu,
             net->link_up ? "up" : "down", self->device_count, self->device_count == 1 ? "" : "s",
             self->first->rx.place.size, self->first->tx.place.size);
    net_device_register(net);
}

const struct virtio_driver virtio_net_driver = {
    .device_type = VIRTIO_TYPE_NET,
    .name = "net",
    .features = features,
    .feature_count = ARRAY_COUNT(features),
    .packed = &virtq_packed,
    .setup = net_setup,
    .start = net_start,
    .undo = net_undo,
};

// SPDX-License-Identifier: MIT
// The network card: what it says of itself, a pair of queues for each core, and steering.
// Spec: VIRTIO 1.2, 5.1.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/random.h"
#include "kernel/thread.h"
#include "smp/remote.h"
#include "virtio/drivers.h"
#include "virtio/net_queue.h"

#define MTU_DEFAULT         1500
#define MTU_MIN             68 // the least IPv4 works with
#define CONTROL_SIZE_MAX    8
#define CONTROL_TIMEOUT_NS  (1000 * NS_PER_MS)
#define CONTROL_POLL_NS     (50 * NS_PER_US)
#define RSS_KEY_BYTES       40
#define RSS_TABLE_ENTRIES   128
#define RSS_TABLE_BYTES_MAX (RSS_TABLE_ENTRIES * sizeof(uint16_t))

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

void virtio_net_take_config_change(struct virtio_net *self)
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
    struct net_device facts = {0};
    uint16_t pairs_max;
    int error = read_config(device, &facts);
    if (error == 0)
        error = read_pairs_max(device, &pairs_max);
    if (error == 0)
        error = make_pairs(self, &facts, pairs_max);
    if (error == 0 && self->device_count > 1) {
        // 5.1.2: behind all pairs that the card has.
        error = virtio_queue_create(device, &self->control, (uint16_t)(2 * pairs_max),
                                    CONTROL_SIZE_MAX, 0, NULL, NULL);
        self->has_control = error == 0;
    }
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

// ---- steering, 5.1.6.5 --------------------------------------------------------------------------

// What the card reads and, last, its answer. One command at a time.
struct control_command {
    uint8_t class, command;
    uint8_t data[sizeof(struct virtio_net_rss) + RSS_TABLE_BYTES_MAX +
                 sizeof(struct virtio_net_rss_end) + RSS_KEY_BYTES];
    uint8_t answer;
};

// Returns: 0, -EIO when the card refuses, -ETIMEDOUT when it does not answer: then the command must
// stay where it is.
static int control(struct virtio_net *self, struct control_command *command, size_t data_bytes)
{
    struct virtq_buffer buffers[] = {
        {(uintptr_t)&command->class, 2},
        {(uintptr_t)command->data, (uint32_t)data_bytes},
        {(uintptr_t)&command->answer, 1},
    };
    command->answer = 0xff;
    int error = virtq_add(&self->control.ring, buffers, 2, 1, command);
    if (error != 0)
        return error;
    (void)virtio_queue_flush(&self->control);
    uint64_t deadline_ns = time_now_ns() + CONTROL_TIMEOUT_NS;
    struct virtq_used used;
    int got;
    while ((got = virtq_take(&self->control.ring, &used)) == 0) {
        if (time_now_ns() > deadline_ns)
            return -ETIMEDOUT;
        thread_sleep_until(time_now_ns() + CONTROL_POLL_NS);
    }
    return got > 0 && command->answer == VIRTIO_NET_CONTROL_OK ? 0 : -EIO;
}

// By hash: a table of pairs, equal parts for each. The key is random, so that nobody outside can
// choose the core of his connections.
static size_t fill_rss(struct virtio_net *self, struct control_command *command, unsigned count)
{
    uint32_t offered = 0;
    if (virtio_config_read(self->device, VIRTIO_NET_CONFIG_HASH_TYPES, &offered, sizeof(offered)) !=
        0)
        return 0;
    uint16_t entries = 0;
    uint8_t key_bytes = 0;
    if (virtio_config_read(self->device, VIRTIO_NET_CONFIG_RSS_TABLE_MAX, &entries,
                           sizeof(entries)) != 0 ||
        virtio_config_read(self->device, VIRTIO_NET_CONFIG_RSS_KEY_MAX, &key_bytes, 1) != 0 ||
        key_bytes < RSS_KEY_BYTES || entries < count)
        return 0;
    unsigned used = RSS_TABLE_ENTRIES;
    while (used > entries)
        used /= 2;
    command->class = VIRTIO_NET_CONTROL_MQ;
    command->command = VIRTIO_NET_CONTROL_MQ_RSS;
    uint8_t *at = command->data;
    struct virtio_net_rss head = {.hash_types = offered & VIRTIO_NET_HASH_TYPES,
                                  .table_mask = (uint16_t)(used - 1)};
    memcpy(at, &head, sizeof(head));
    at += sizeof(head);
    for (unsigned i = 0; i < used; i++) {
        uint16_t pair = (uint16_t)(i % count);
        memcpy(at, &pair, sizeof(pair));
        at += sizeof(pair);
    }
    struct virtio_net_rss_end end = {.tx_pairs = (uint16_t)self->device_count,
                                     .key_bytes = RSS_KEY_BYTES};
    memcpy(at, &end, sizeof(end));
    at += sizeof(end);
    random_bytes(at, RSS_KEY_BYTES);
    return (size_t)(at + RSS_KEY_BYTES - command->data);
}

// By what was sent: the card remembers from which pair a connection's frames went out.
static size_t fill_automatic(struct control_command *command, unsigned count)
{
    uint16_t pairs = (uint16_t)count;
    command->class = VIRTIO_NET_CONTROL_MQ;
    command->command = VIRTIO_NET_CONTROL_MQ_PAIRS;
    memcpy(command->data, &pairs, sizeof(pairs));
    return sizeof(pairs);
}

int virtio_net_spread(struct net_device *net, unsigned count)
{
    struct virtio_net *self = CONTAINER_OF(net, struct queue_pair, net)->owner;
    ASSERT(net == &self->first->net && count > 0 && count <= self->device_count);
    if (self->device_count == 1)
        return 0;
    if (self->device->is_shut_off)
        return -EIO;
    struct control_command *command = heap_alloc_zeroed(sizeof(*command));
    if (command == NULL)
        return -ENOMEM;
    size_t data_bytes = 0;
    if (virtio_has(self->device, VIRTIO_NET_F_RSS))
        data_bytes = fill_rss(self, command, count);
    bool by_hash = data_bytes != 0;
    if (data_bytes == 0)
        data_bytes = fill_automatic(command, count);
    int error = control(self, command, data_bytes);
    if (error != -ETIMEDOUT) // else the card may still write it
        heap_free(command);
    if (error != 0)
        log_warn("virtio: %s: frames stay with one core: the card %s", self->device->name,
                 error == -ETIMEDOUT ? "does not answer" : "refuses to steer");
    else
        log_info("virtio: %s: frames go to %u cores %s", self->device->name, count,
                 by_hash ? "by hash (RSS)" : "by connection (automatic steering)");
    return error;
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

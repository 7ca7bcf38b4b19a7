// SPDX-License-Identifier: MIT
// Which pair of queues a card puts a frame on: by hash, or by what was sent. Spec: VIRTIO 1.2,
// 5.1.6.5.
#include "virtio/net_steering.h"

#include <errno.h>
#include <string.h>

#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/random.h"
#include "kernel/thread.h"
#include "virtio/net_pair.h"

#define CONTROL_TIMEOUT_NS  (1000 * NS_PER_MS)
#define CONTROL_POLL_NS     (50 * NS_PER_US)
#define RSS_KEY_BYTES       40
#define RSS_TABLE_ENTRIES   128
#define RSS_TABLE_BYTES_MAX (RSS_TABLE_ENTRIES * sizeof(uint16_t))

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

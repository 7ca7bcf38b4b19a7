// SPDX-License-Identifier: MIT
// The inside of the network driver. net.c starts the card, reads its configuration and steers;
// net_queue.c moves frames through a pair of queues, which one core makes and works with alone.
#pragma once

#include "kernel/device.h"
#include "kernel/time.h"
#include "virtio/core.h"

struct rx_buffer;
struct tx_slot;

// One receive and one transmit queue.
struct queue_pair {
    struct net_device net;
    struct virtio_net *owner;
    struct virtio_queue rx, tx;
    struct rx_buffer *buffers, *free_buffers;
    uint8_t *buffer_memory;
    size_t buffer_count, buffer_pages;
    uint32_t buffer_bytes, refill_room; // empty entries of the ring that are worth a refill
    struct tx_slot *slots, *free_slots;
    atomic_bool rx_marked; // set by the interrupt handler, cleared by poll
    bool is_armed;         // an interrupt is expected for the next frame
    bool is_tx_armed;      // when it was armed last, also for room to send
    bool tx_is_full;       // a frame was turned away since the last one was reaped
    bool had_traffic;      // since the re-check was last started
    bool is_reclaimed;     // the card is shut off, what it had is ours again
    uint64_t armed_at_ns;
    struct timer recheck;
};

// The card.
struct virtio_net {
    struct virtio_device *device;
    atomic_bool config_marked; // set by the interrupt handler, cleared by poll of core 0
    struct queue_pair *first;
    struct net_device **devices; // of all pairs
    unsigned device_count;
    bool has_control;
    struct virtio_queue control;
};

// Makes pair `number` of the card for the calling core: from its memory, interrupting it. `facts`
// are what the card said of itself. The card does not work yet.
// Returns: 0 with the pair in *out, or negative.
int queue_pair_create(struct virtio_net *owner, uint16_t number, const struct net_device *facts,
                      struct queue_pair **out) MUST_CHECK;
// Frees what a pair has, NULL included. Context: the core that made it; the card is reset.
void queue_pair_destroy(struct queue_pair *pair);
// Shuts the card off, with the reason in the log; the other pairs find out when they are polled.
void queue_pair_shut_off(struct queue_pair *pair, const char *what, const char *reason,
                         uint32_t value);
// From now on frames come in on the first `count` pairs: net_device_ops.spread. In net.c.
int virtio_net_spread(struct net_device *device, unsigned count);
// Looks after what a configuration interrupt told. In net.c. Context: core 0.
void virtio_net_take_config_change(struct virtio_net *self);

// SPDX-License-Identifier: MIT
// A network card, and the pairs of queues that its cores have of it: one core makes a pair and
// works with it alone. Frames through it: net_queue.h.
#pragma once

#include "kernel/device.h"
#include "kernel/time.h"
#include "virtio/core.h"

#define HEADER_BYTES   sizeof(struct virtio_net_header)
#define ETHERNET_BYTES 14
#define TX_BUFFERS_MAX (NET_TX_SEGMENTS_MAX + 1)

struct rx_buffer {
    struct net_rx_buffer lent; // what the network layer sees
    uint8_t *memory;
    struct rx_buffer *next_free;
    bool is_lent;
} CACHE_ALIGNED;

struct tx_slot {
    struct virtio_net_header header; // read by the device
    void *token;
    struct tx_slot *next_free;
};

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
    uint64_t armed_at_tsc;
    struct timer recheck;
};

// The card.
struct virtio_net {
    struct virtio_device *device;
    atomic_bool config_marked; // set by the interrupt handler, cleared by poll of core 0
    struct queue_pair *first;
    struct net_device **devices; // of all pairs
    unsigned device_count;
    struct virtio_queue control;
    // Looks after what a configuration interrupt told. Context: core 0.
    void (*take_config_change)(struct virtio_net *self);
};

// Makes pair `number` of the card for the calling core: from its memory, interrupting it. `facts`
// are what the card said of itself, and its operations. The card does not work yet.
// Returns: 0 with the pair in *out, or negative.
int queue_pair_create(struct virtio_net *owner, uint16_t number, const struct net_device *facts,
                      struct queue_pair **out) MUST_CHECK;
// Frees what a pair has, NULL included. Context: the core that made it; the card is reset.
void queue_pair_destroy(struct queue_pair *pair);
// Shuts the card off, with the reason in the log; the other pairs find out when they are polled.
void queue_pair_shut_off(struct queue_pair *pair, const char *what, const char *reason,
                         uint32_t value);
// The device reads and writes no more: what it had is ours again.
void queue_pair_reclaim(struct queue_pair *pair);

// What is free again.
static inline void queue_pair_recycle(struct queue_pair *pair, struct rx_buffer *buffer)
{
    buffer->is_lent = false;
    buffer->next_free = pair->free_buffers;
    pair->free_buffers = buffer;
}

static inline void queue_pair_release_slot(struct queue_pair *pair, struct tx_slot *slot)
{
    slot->next_free = pair->free_slots;
    pair->free_slots = slot;
}

// SPDX-License-Identifier: MIT
// A card, and the pairs of queues that cores have of it: one core makes a pair and works with it
// alone. Frames through it: e1000_queue.h; what is looked after beside them: e1000_watch.h.
#pragma once

#include "drivers/e1000_card.h"
#include "drivers/e1000_ring.h"
#include "kernel/device.h"
#include "kernel/time.h"

struct e1000_buffer {
    struct net_rx_buffer lent; // what the network layer sees
    uint8_t *memory;
    struct e1000_buffer *next_free;
    bool is_lent;
} CACHE_ALIGNED;

// One receive and one transmit queue.
struct e1000_pair {
    struct net_device net;
    struct e1000 *owner;
    uint32_t number;
    struct e1000_rx_ring rx;
    struct e1000_tx_ring tx;
    void *rx_descriptors, *tx_descriptors; // of whole pages
    void **rx_tokens;
    struct e1000_tx_slot *tx_slots;
    struct e1000_buffer *buffers, *free_buffers;
    uint8_t *buffer_memory;
    struct net_rx_buffer *first, *last; // of a frame of which more is to come
    uint32_t frame_bytes;               // of it so far
    atomic_bool is_marked;              // set by the interrupt handler, cleared by poll
    uint32_t unmasked;                  // causes that may raise an interrupt
    bool is_armed;                      // an interrupt is expected for the next frame
    bool tx_is_full;                    // a frame was turned away since the last one was reaped
    bool had_traffic;                   // since traffic_ns was noted
    bool is_reclaimed;                  // the card is shut off, what it had is ours again
    bool tx_waits;                      // at the last look frames were unsent,
    uint64_t tx_waits_since_ns;
    uint32_t tx_waits_at; // and this was tx.taken
    uint64_t traffic_ns, armed_ns;
    struct timer look; // ends a halt to look whether something was missed, or came
};

struct e1000 {
    struct e1000_card card;
    atomic_bool other_marked; // set by the interrupt handler, cleared by poll of core 0
    uint64_t checked_ns;      // when core 0 last looked at the card's registers
    struct net_device *devices[E1000_QUEUES_MAX];
    unsigned device_count;
};

#define E1000_RX_SIZE 256 // descriptors
#define E1000_TX_SIZE 512

#define E1000_CAUSES_OTHER (E1000_INTERRUPT_LINK | E1000_INTERRUPT_OTHER)

static inline bool e1000_pair_is_shut_off(const struct e1000_pair *pair)
{
    return e1000_card_is_shut_off(&pair->owner->card);
}
// The first pair looks after the card as a whole.
static inline bool e1000_pair_is_first(const struct e1000_pair *pair)
{
    return pair->number == 0;
}
// Of the frames of a pair.
static inline uint32_t e1000_pair_causes(const struct e1000_pair *pair)
{
    return E1000_INTERRUPT_RX(pair->number) | E1000_INTERRUPT_TX(pair->number);
}

// Makes pair `number` of a card for the calling core: from its memory, interrupting it. `facts` are
// what the card said of itself, and its operations, `queues` how many there will be. The card does
// not work yet. The caller says what `look` does. Returns: NULL with the pair in *out, or what is
// wrong.
const char *e1000_pair_create(struct e1000 *owner, uint32_t number, uint32_t queues,
                              const struct net_device *facts, struct e1000_pair **out) MUST_CHECK;
// Frees what a pair has, NULL included. Context: the core that made it; the card is shut off.
void e1000_pair_destroy(struct e1000_pair *pair);
// Shuts the card off, with the reason in the log; the other pair finds out when it is polled.
void e1000_pair_shut_off(struct e1000_pair *pair, const char *reason, uint32_t value);
// The card reads and writes no more: what it had is ours again.
void e1000_pair_reclaim(struct e1000_pair *pair);

// What is free again.
static inline void e1000_pair_recycle(struct e1000_pair *self, struct e1000_buffer *buffer)
{
    buffer->is_lent = false;
    buffer->next_free = self->free_buffers;
    self->free_buffers = buffer;
}

static inline void e1000_pair_recycle_frame(struct e1000_pair *self, struct net_rx_buffer *frame)
{
    while (frame != NULL) {
        struct net_rx_buffer *next = frame->next;
        e1000_pair_recycle(self, CONTAINER_OF(frame, struct e1000_buffer, lent));
        frame = next;
    }
}

static inline void e1000_pair_forget_frame(struct e1000_pair *self)
{
    self->first = self->last = NULL;
    self->frame_bytes = 0;
}

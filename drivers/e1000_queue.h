// SPDX-License-Identifier: MIT
// The inside of the e1000 driver. e1000.c starts a card; e1000_queue.c moves frames through a pair
// of its queues, which one core makes and works with alone.
#pragma once

#include "drivers/e1000_card.h"
#include "drivers/e1000_ring.h"
#include "kernel/device.h"
#include "kernel/time.h"

struct e1000_buffer;

// One receive and one transmit queue.
struct e1000_queue {
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

static inline bool e1000_queue_is_shut_off(const struct e1000_queue *queue)
{
    return e1000_card_is_shut_off(&queue->owner->card);
}
// The first pair looks after the card as a whole.
static inline bool e1000_queue_is_first(const struct e1000_queue *queue)
{
    return queue->number == 0;
}
// Of the frames of a pair.
static inline uint32_t e1000_queue_causes(const struct e1000_queue *queue)
{
    return E1000_INTERRUPT_RX(queue->number) | E1000_INTERRUPT_TX(queue->number);
}

// Makes pair `number` of a card for the calling core: from its memory, interrupting it. `facts` are
// what the card said of itself, `queues` how many there will be. The card does not work yet.
// Returns: NULL with the pair in *out, or what is wrong.
const char *e1000_queue_create(struct e1000 *owner, uint32_t number, uint32_t queues,
                               const struct net_device *facts, struct e1000_queue **out) MUST_CHECK;
// Frees what a pair has, NULL included. Context: the core that made it; the card is shut off.
void e1000_queue_destroy(struct e1000_queue *queue);
// Shuts the card off, with the reason in the log; the other pair finds out when it is polled.
void e1000_queue_shut_off(struct e1000_queue *queue, const char *reason, uint32_t value);
// From now on frames come in on the first `count` pairs: net_device_ops.spread. In e1000.c.
int e1000_spread(struct net_device *device, unsigned count);

// ---- e1000_watch.c ------------------------------------------------------------------------------

// Reads the link and what the card lost, for all pairs. Context: core 0, with the first pair.
void e1000_watch_card(struct e1000_queue *first);
// The link's interrupt came. Context: as above.
void e1000_watch_link_changed(struct e1000_queue *first);
// Frames are there though the interrupt armed for them did not come: waits a moment for it, counts
// it.
void e1000_watch_lost(struct e1000_queue *queue);
// Starts the timer that ends the halt which begins now.
void e1000_watch_halt(struct e1000_queue *queue, uint64_t now_ns);
// That timer has expired.
void e1000_watch_expired(struct timer *timer);

// SPDX-License-Identifier: MIT
// The descriptor rings of a card, receive and transmit: memory only, no registers. They believe
// nothing that the card writes: what cannot be ends the ring, which then keeps saying so.
//
// A ring has `size` descriptors, a power of two, of which one stays free: head and tail are equal
// only when it is empty. Positions count on for ever. What was added is the card's from when its
// owner has written the tail that e1000_*_publish() returned.
// Context: the device's core. Units: addresses are physical.
// Spec: SDM 3.2.6 and 3.4.
#pragma once

#include "drivers/e1000_registers.h"
#include "kernel/compiler.h"
#include "kernel/device.h"

// ---- receive ------------------------------------------------------------------------------------

struct e1000_rx_ring {
    struct e1000_rx_descriptor *descriptors;
    void **tokens; // one a descriptor
    uint32_t size, mask;
    bool is_extended; // the format
    uint32_t added, published, taken;
    const char *broken; // NULL, or what the card did
    uint32_t broken_value;
};

// One buffer that the card has filled.
struct e1000_rx_done {
    void *token;
    uint32_t length; // bytes, up to E1000_RX_BUFFER_BYTES; the last buffer of a frame may be empty
    uint32_t status; // E1000_RX_*; of a frame's last buffer it says all
};

// `descriptors` and `tokens` have `size` entries and stay the caller's.
void e1000_rx_init(struct e1000_rx_ring *ring, uint32_t size, bool is_extended, void *descriptors,
                   void **tokens);
// Adds a buffer of E1000_RX_BUFFER_BYTES. `token` is not NULL. Returns: false when there is no
// room.
bool e1000_rx_add(struct e1000_rx_ring *ring, uint64_t phys, void *token);
// Returns: the tail that the card is to be told.
uint32_t e1000_rx_publish(struct e1000_rx_ring *ring);
// Takes the next filled buffer. Returns: 1, or 0 when there is none, or -EIO: the ring is broken.
int e1000_rx_take(struct e1000_rx_ring *ring, struct e1000_rx_done *done) MUST_CHECK;
// true if e1000_rx_take() has something to say.
bool e1000_rx_has_done(const struct e1000_rx_ring *ring);
// After the card was shut off: takes one buffer out. Returns: its token, or NULL after the last.
void *e1000_rx_reclaim(struct e1000_rx_ring *ring);
// Notes that the card broke the contract, once.
void e1000_rx_break(struct e1000_rx_ring *ring, const char *what, uint32_t value);

// ---- transmit -----------------------------------------------------------------------------------

// Bytes of a frame that the card can send in one piece. Spec: SDM 3.3.3.
#define E1000_TX_FRAME_BYTES_MAX 16288u
// Descriptors of one frame: a context, its segments, what makes up the least length.
#define E1000_TX_DESCRIPTORS_MAX (NET_TX_SEGMENTS_MAX + 2)

struct e1000_tx_slot { // of a frame, at the place of its first descriptor
    void *token;
    uint32_t count; // descriptors
};

struct e1000_tx_ring {
    struct e1000_tx_descriptor *descriptors;
    struct e1000_tx_slot *slots;
    uint32_t size, mask;
    uint32_t frame_bytes_min;
    bool keeps_context; // the card does, from frame to frame
    uint32_t added, published, taken;
    uint64_t context; // the checksums' places as the card knows them, 0: not yet
    const char *broken;
    uint32_t broken_value;
};

// `size` is at least 2 * E1000_TX_DESCRIPTORS_MAX. Shorter frames than `frame_bytes_min`, up to
// E1000_TX_PADDING_MAX, are made up with zeros. `keeps_context`: the card has no other queue, for
// it keeps one context in all. Spec: 82574 7.2.6.
#define E1000_TX_PADDING_MAX 60u
void e1000_tx_init(struct e1000_tx_ring *ring, uint32_t size, void *descriptors,
                   struct e1000_tx_slot *slots, uint32_t frame_bytes_min, bool keeps_context);
// Adds a frame. Its memory is the card's until its token comes back. Returns: 0, or -ENOBUFS when
// there is no room, or -EIO: the ring is broken.
int e1000_tx_add(struct e1000_tx_ring *ring, const struct net_tx_frame *frame) MUST_CHECK;
uint32_t e1000_tx_publish(struct e1000_tx_ring *ring);
// Takes the oldest frame if it is sent. Returns: 1, or 0, or -EIO.
int e1000_tx_take(struct e1000_tx_ring *ring, void **token) MUST_CHECK;
// Descriptors that were added and not yet taken.
uint32_t e1000_tx_in_flight(const struct e1000_tx_ring *ring);
// After the card was shut off. Returns: false after the last frame.
bool e1000_tx_reclaim(struct e1000_tx_ring *ring, void **token);

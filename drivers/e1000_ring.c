// SPDX-License-Identifier: MIT
#include "drivers/e1000_ring.h"

#include <errno.h>

#include "kernel/panic.h"

// ---- receive ------------------------------------------------------------------------------------

void e1000_rx_init(struct e1000_rx_ring *ring, uint32_t size, bool is_extended, void *descriptors,
                   void **tokens)
{
    ASSERT(size >= 2 && (size & (size - 1)) == 0);
    *ring = (struct e1000_rx_ring){.descriptors = descriptors,
                                   .tokens = tokens,
                                   .size = size,
                                   .mask = size - 1,
                                   .is_extended = is_extended};
}

void e1000_rx_break(struct e1000_rx_ring *ring, const char *what, uint32_t value)
{
    if (ring->broken != NULL)
        return;
    ring->broken = what;
    ring->broken_value = value;
}

bool e1000_rx_add(struct e1000_rx_ring *ring, uint64_t phys, void *token)
{
    if (ring->broken != NULL || ring->added - ring->taken >= ring->mask)
        return false;
    uint32_t index = ring->added & ring->mask;
    struct e1000_rx_descriptor *descriptor = &ring->descriptors[index];
    descriptor->address_phys = phys;
    atomic_store_explicit(&descriptor->words[0], 0, memory_order_relaxed);
    atomic_store_explicit(&descriptor->words[1], 0, memory_order_relaxed);
    ring->tokens[index] = token;
    ring->added++;
    return true;
}

uint32_t e1000_rx_publish(struct e1000_rx_ring *ring)
{
    ring->published = ring->added;
    // Pairs with the card's read of the descriptors after it was told the tail.
    atomic_thread_fence(memory_order_release);
    return ring->published & ring->mask;
}

// The next one's status and errors, as in the extended format.
static uint32_t rx_status(const struct e1000_rx_ring *ring)
{
    const struct e1000_rx_descriptor *descriptor = &ring->descriptors[ring->taken & ring->mask];
    // Pairs with the card's write of a descriptor: the buffer and the length come before it.
    if (ring->is_extended)
        return atomic_load_explicit(&descriptor->words[E1000_RX_EXTENDED_STATUS],
                                    memory_order_acquire);
    uint32_t status =
        atomic_load_explicit(&descriptor->words[E1000_RX_BASIC_STATUS], memory_order_acquire);
    return (status & 0xff) | (status & 0xff00) << 16;
}

static uint32_t rx_length(const struct e1000_rx_ring *ring)
{
    const struct e1000_rx_descriptor *descriptor = &ring->descriptors[ring->taken & ring->mask];
    unsigned word = ring->is_extended ? E1000_RX_EXTENDED_LENGTH : E1000_RX_BASIC_LENGTH;
    return atomic_load_explicit(&descriptor->words[word], memory_order_relaxed) & 0xffff;
}

int e1000_rx_take(struct e1000_rx_ring *ring, struct e1000_rx_done *done)
{
    if (ring->broken != NULL)
        return -EIO;
    if (ring->taken == ring->added)
        return 0;
    uint32_t status = rx_status(ring);
    if ((status & E1000_RX_DONE) == 0)
        return 0;
    uint32_t index = ring->taken & ring->mask;
    if (ring->taken == ring->published) {
        e1000_rx_break(ring, "a buffer is filled that it was not given", index);
        return -EIO;
    }
    uint32_t length = rx_length(ring);
    if (length > E1000_RX_BUFFER_BYTES) {
        e1000_rx_break(ring, "more was received than a buffer holds", length);
        return -EIO;
    }
    *done = (struct e1000_rx_done){ring->tokens[index], length, status};
    ring->taken++;
    return 1;
}

bool e1000_rx_has_done(const struct e1000_rx_ring *ring)
{
    return ring->broken != NULL ||
           (ring->taken != ring->added && (rx_status(ring) & E1000_RX_DONE) != 0);
}

void *e1000_rx_reclaim(struct e1000_rx_ring *ring)
{
    e1000_rx_break(ring, "shut off", 0);
    if (ring->taken == ring->added)
        return NULL;
    return ring->tokens[ring->taken++ & ring->mask];
}

// ---- transmit -----------------------------------------------------------------------------------

static const uint8_t padding[E1000_TX_PADDING_MAX];

void e1000_tx_init(struct e1000_tx_ring *ring, uint32_t size, void *descriptors,
                   struct e1000_tx_slot *slots, uint32_t frame_bytes_min, bool keeps_context)
{
    ASSERT(size >= 2 * E1000_TX_DESCRIPTORS_MAX && (size & (size - 1)) == 0);
    ASSERT(frame_bytes_min <= E1000_TX_PADDING_MAX);
    *ring = (struct e1000_tx_ring){.descriptors = descriptors,
                                   .slots = slots,
                                   .size = size,
                                   .mask = size - 1,
                                   .frame_bytes_min = frame_bytes_min,
                                   .keeps_context = keeps_context};
}

uint32_t e1000_tx_in_flight(const struct e1000_tx_ring *ring)
{
    return ring->added - ring->taken;
}

static void tx_add_one(struct e1000_tx_ring *ring, uint64_t address_phys, uint32_t command,
                       uint32_t options)
{
    struct e1000_tx_descriptor *descriptor = &ring->descriptors[ring->added++ & ring->mask];
    descriptor->address_phys = address_phys;
    descriptor->command = command;
    atomic_store_explicit(&descriptor->status_options, options, memory_order_relaxed);
}

// Where the checksum of the frame is to be summed from and put: TUCSS and TUCSO above the place of
// the IP checksum, which lwIP fills in. TUCSE is 0: up to the frame's end.
static uint64_t context_of(const struct net_tx_frame *frame)
{
    uint32_t field = (uint32_t)frame->checksum_start + frame->checksum_offset;
    ASSERT(field <= UINT8_MAX); // the field has 8 bits
    return (uint64_t)frame->checksum_start << 32 | (uint64_t)field << 40;
}

int e1000_tx_add(struct e1000_tx_ring *ring, const struct net_tx_frame *frame)
{
    if (ring->broken != NULL)
        return -EIO;
    uint64_t context = frame->checksum_needed ? context_of(frame) : 0;
    bool needs_context =
        frame->checksum_needed && (!ring->keeps_context || context != ring->context);
    uint32_t frame_bytes = 0;
    for (uint32_t i = 0; i < frame->segment_count; i++)
        frame_bytes += frame->segments[i].length;
    ASSERT(frame_bytes <= E1000_TX_FRAME_BYTES_MAX);
    bool is_short = frame_bytes < ring->frame_bytes_min;
    uint32_t count = frame->segment_count + needs_context + is_short;
    if (count > ring->mask - e1000_tx_in_flight(ring))
        return -ENOBUFS;

    struct e1000_tx_slot *slot = &ring->slots[ring->added & ring->mask];
    *slot = (struct e1000_tx_slot){frame->token, count};
    if (needs_context) {
        tx_add_one(ring, context, E1000_TX_CONTEXT, 0);
        ring->context = context;
    }
    uint32_t options = frame->checksum_needed ? E1000_TX_INSERT_TRANSPORT : 0;
    for (uint32_t i = 0; i < frame->segment_count; i++)
        tx_add_one(ring, (uintptr_t)frame->segments[i].data,
                   frame->segments[i].length | E1000_TX_DATA | E1000_TX_INSERT_CRC, options);
    if (is_short)
        tx_add_one(ring, (uintptr_t)padding,
                   (ring->frame_bytes_min - frame_bytes) | E1000_TX_DATA | E1000_TX_INSERT_CRC,
                   options);
    ring->descriptors[(ring->added - 1) & ring->mask].command |=
        E1000_TX_END_OF_FRAME | E1000_TX_REPORT;
    return 0;
}

uint32_t e1000_tx_publish(struct e1000_tx_ring *ring)
{
    ring->published = ring->added;
    // Pairs with the card's read of the descriptors after it was told the tail.
    atomic_thread_fence(memory_order_release);
    return ring->published & ring->mask;
}

int e1000_tx_take(struct e1000_tx_ring *ring, void **token)
{
    if (ring->broken != NULL)
        return -EIO;
    if (ring->taken == ring->added)
        return 0;
    const struct e1000_tx_slot *slot = &ring->slots[ring->taken & ring->mask];
    uint32_t last = (ring->taken + slot->count - 1) & ring->mask;
    // Pairs with the card's write: it has read the frame's memory before.
    uint32_t status =
        atomic_load_explicit(&ring->descriptors[last].status_options, memory_order_acquire);
    if ((status & E1000_TX_DONE) == 0)
        return 0;
    if (ring->taken == ring->published) {
        ring->broken = "a frame is sent that it was not given";
        ring->broken_value = last;
        return -EIO;
    }
    *token = slot->token;
    ring->taken += slot->count;
    return 1;
}

bool e1000_tx_reclaim(struct e1000_tx_ring *ring, void **token)
{
    if (ring->broken == NULL)
        ring->broken = "shut off";
    if (ring->taken == ring->added)
        return false;
    const struct e1000_tx_slot *slot = &ring->slots[ring->taken & ring->mask];
    *token = slot->token;
    ring->taken += slot->count;
    return true;
}

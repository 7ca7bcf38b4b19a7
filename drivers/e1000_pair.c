// SPDX-License-Identifier: MIT
// The life of a pair of queues: made for its core, with its rings, buffers and interrupt; shut off;
// and taken apart. Spec: as in e1000_registers.h.
#include "drivers/e1000_pair.h"

#include <string.h>

#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/pages.h"

#define BUFFER_COUNT  (2 * E1000_RX_SIZE) // as many in the network layer as in the ring
#define RX_RING_BYTES (E1000_RX_SIZE * sizeof(struct e1000_rx_descriptor))
#define TX_RING_BYTES (E1000_TX_SIZE * sizeof(struct e1000_tx_descriptor))
#define BUFFERS_BYTES ((size_t)BUFFER_COUNT * E1000_RX_BUFFER_BYTES)

INTERRUPT_CONTEXT static void interrupt(void *context)
{
    struct e1000_pair *self = context;
    self->net.stats.interrupts++;
    // Pairs with poll() of this core: only the compiler could reorder.
    atomic_store_explicit(&self->is_marked, true, memory_order_relaxed);
}

// ---- made, and taken apart ----------------------------------------------------------------------

void e1000_pair_destroy(struct e1000_pair *self)
{
    if (self == NULL)
        return;
    if (self->rx_descriptors != NULL)
        page_free(self->rx_descriptors, RX_RING_BYTES / PAGE_BYTES);
    if (self->tx_descriptors != NULL)
        page_free(self->tx_descriptors, TX_RING_BYTES / PAGE_BYTES);
    if (self->buffer_memory != NULL)
        page_free(self->buffer_memory, BUFFERS_BYTES / PAGE_BYTES);
    heap_free(self->rx_tokens);
    heap_free(self->tx_slots);
    heap_free(self->buffers);
    heap_free(self);
}

// A ring is aligned to its size: some of these cards cannot cross 64 KiB in one go.
static bool make_memory(struct e1000_pair *self)
{
    self->rx_descriptors = page_alloc_aligned(RX_RING_BYTES / PAGE_BYTES, RX_RING_BYTES);
    self->tx_descriptors = page_alloc_aligned(TX_RING_BYTES / PAGE_BYTES, TX_RING_BYTES);
    self->buffer_memory = page_alloc(BUFFERS_BYTES / PAGE_BYTES);
    self->rx_tokens = heap_alloc_zeroed(E1000_RX_SIZE * sizeof(*self->rx_tokens));
    self->tx_slots = heap_alloc_zeroed(E1000_TX_SIZE * sizeof(*self->tx_slots));
    self->buffers = heap_alloc_aligned(BUFFER_COUNT * sizeof(*self->buffers), CACHE_LINE_BYTES);
    if (self->rx_descriptors == NULL || self->tx_descriptors == NULL ||
        self->buffer_memory == NULL || self->rx_tokens == NULL || self->tx_slots == NULL ||
        self->buffers == NULL)
        return false;
    memset(self->rx_descriptors, 0, RX_RING_BYTES);
    memset(self->tx_descriptors, 0, TX_RING_BYTES);
    memset(self->buffers, 0, BUFFER_COUNT * sizeof(*self->buffers));
    for (size_t i = BUFFER_COUNT; i-- > 0;) {
        self->buffers[i].memory = self->buffer_memory + i * E1000_RX_BUFFER_BYTES;
        e1000_pair_recycle(self, &self->buffers[i]);
    }
    return true;
}

// Returns: NULL, or what is wrong.
static const char *set_up(struct e1000_pair *self, uint32_t queues)
{
    struct e1000_card *card = &self->owner->card;
    if (!make_memory(self))
        return "out of memory";
    e1000_rx_init(&self->rx, E1000_RX_SIZE, card->model->is_82574, self->rx_descriptors,
                  self->rx_tokens);
    e1000_tx_init(&self->tx, E1000_TX_SIZE, self->tx_descriptors, self->tx_slots,
                  card->model->tx_bytes_min, queues == 1);
    struct e1000_ring_place rx = {self->number, (uintptr_t)self->rx_descriptors, RX_RING_BYTES};
    struct e1000_ring_place tx = {self->number, (uintptr_t)self->tx_descriptors, TX_RING_BYTES};
    const char *wrong = e1000_card_set_rx(card, &rx);
    if (wrong == NULL)
        wrong = e1000_card_set_tx(card, &tx);
    if (wrong == NULL && card->has_interrupts &&
        e1000_card_route_queue(card, self->number, interrupt, self) != 0)
        wrong = "its interrupts do not reach the core";
    return wrong;
}

const char *e1000_pair_create(struct e1000 *owner, uint32_t number, uint32_t queues,
                              const struct net_device *facts, struct e1000_pair **out)
{
    struct e1000_pair *self = heap_alloc_aligned(sizeof(*self), CACHE_LINE_BYTES);
    if (self == NULL)
        return "out of memory";
    memset(self, 0, sizeof(*self));
    self->owner = owner;
    self->number = number;
    self->net = *facts;
    self->net.core = core_index();
    net_device_ignore(&self->net);
    const char *wrong = set_up(self, queues);
    if (wrong != NULL) {
        e1000_pair_destroy(self);
        return wrong;
    }
    *out = self;
    return NULL;
}

// ---- the end of a card --------------------------------------------------------------------------

void e1000_pair_reclaim(struct e1000_pair *self)
{
    self->is_reclaimed = true;
    timer_stop(&self->look);
    e1000_pair_recycle_frame(self, self->first);
    e1000_pair_forget_frame(self);
    struct e1000_buffer *buffer;
    while ((buffer = e1000_rx_reclaim(&self->rx)) != NULL)
        e1000_pair_recycle(self, buffer);
    void *token;
    while (e1000_tx_reclaim(&self->tx, &token)) {
        self->net.stats.tx_dropped++;
        self->net.transmitted(&self->net, token);
    }
}

void e1000_pair_shut_off(struct e1000_pair *self, const char *reason, uint32_t value)
{
    struct e1000 *owner = self->owner;
    if (!e1000_pair_is_shut_off(self)) {
        e1000_card_shut_off(&owner->card);
        log_error_once(&owner->card.is_end_told, "e1000: %s is shut off: %s: %#x", owner->card.name,
                       reason, value);
    }
    for (unsigned i = 0; i < owner->device_count; i++)
        owner->devices[i]->link_up = false;
    if (!self->is_reclaimed)
        e1000_pair_reclaim(self);
}

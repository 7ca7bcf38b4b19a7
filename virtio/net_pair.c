// SPDX-License-Identifier: MIT
// The life of a pair of queues: made for its core, with its buffers, interrupts and the timer
// behind them; shut off; and taken apart. Spec: VIRTIO 1.2, 5.1.
#include "virtio/net_pair.h"

#include <errno.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/pages.h"

#define QUEUE_SIZE_MAX     512  // entries; what hypervisors offer by default is 256
#define BUFFERS_PER_ENTRY  2    // receive buffers: as many in the network layer as in the ring
#define BUFFER_BYTES       2048 // one frame of the usual 1500 bytes of payload
#define ETHERNET_TAG_BYTES 4    // of a VLAN
#define REFILL_DIVISOR     8    // the receive ring is refilled when this part of it is empty

// ---- interrupts ---------------------------------------------------------------------------------

INTERRUPT_CONTEXT static void rx_interrupt(void *context)
{
    struct queue_pair *pair = context;
    pair->net.stats.interrupts++;
    // Pairs with poll() of this core: only the compiler could reorder.
    atomic_store_explicit(&pair->rx_marked, true, memory_order_relaxed);
}

// Ending the halt is all it is for: poll() reaps in any case.
INTERRUPT_CONTEXT static void tx_interrupt(void *context)
{
    struct queue_pair *pair = context;
    pair->net.stats.interrupts++;
}

// Ending the halt makes poll() look at the rings; a notification may have been lost just as well,
// and one too many does no harm.
static void recheck_expired(struct timer *timer)
{
    struct queue_pair *pair = CONTAINER_OF(timer, struct queue_pair, recheck);
    virtio_queue_notify(&pair->rx);
    if (virtq_in_flight(&pair->tx.ring) > 0)
        virtio_queue_notify(&pair->tx);
}

// ---- made, and taken apart ----------------------------------------------------------------------

static int make_buffers(struct queue_pair *pair)
{
    size_t frame_bytes = HEADER_BYTES + ETHERNET_BYTES + ETHERNET_TAG_BYTES + pair->net.mtu;
    bool is_merged = virtio_has(pair->owner->device, VIRTIO_NET_F_MRG_RXBUF);
    pair->buffer_bytes = BUFFER_BYTES;
    if (!is_merged && frame_bytes > BUFFER_BYTES) // 5.1.6.3.1: a frame has to fit in one
        pair->buffer_bytes = (uint32_t)ALIGN_UP(frame_bytes, CACHE_LINE_BYTES);
    pair->buffer_count = (size_t)pair->rx.place.size * BUFFERS_PER_ENTRY;
    pair->buffer_pages = ALIGN_UP(pair->buffer_count * pair->buffer_bytes, PAGE_BYTES) / PAGE_BYTES;
    pair->buffer_memory = page_alloc(pair->buffer_pages);
    pair->buffers =
        heap_alloc_aligned(sizeof(*pair->buffers) * pair->buffer_count, CACHE_LINE_BYTES);
    pair->slots = heap_alloc_zeroed(sizeof(*pair->slots) * pair->tx.place.size);
    if (pair->buffer_memory == NULL || pair->buffers == NULL || pair->slots == NULL)
        return -ENOMEM;
    memset(pair->buffers, 0, sizeof(*pair->buffers) * pair->buffer_count);
    for (size_t i = pair->buffer_count; i-- > 0;) {
        pair->buffers[i].memory = pair->buffer_memory + i * pair->buffer_bytes;
        queue_pair_recycle(pair, &pair->buffers[i]);
    }
    for (size_t i = pair->tx.place.size; i-- > 0;)
        queue_pair_release_slot(pair, &pair->slots[i]);
    return 0;
}

static int make_queues(struct queue_pair *pair, uint16_t number)
{
    struct virtio_device *device = pair->owner->device;
    uint16_t rx_index = (uint16_t)(2 * number); // 5.1.2
    int error =
        virtio_queue_create(device, &pair->rx, rx_index, QUEUE_SIZE_MAX, 0, rx_interrupt, pair);
    if (error == 0)
        error = virtio_queue_create(device, &pair->tx, rx_index + 1, QUEUE_SIZE_MAX, TX_BUFFERS_MAX,
                                    tx_interrupt, pair);
    // A frame of any number of pieces must fit in an empty queue: with indirect tables two at most
    // lie in the queue itself.
    uint16_t least = pair->tx.ring.config.indirect_entries == 0 ? 2 * TX_BUFFERS_MAX : 2;
    if (error == 0 && pair->tx.place.size < least)
        error = -EINVAL;
    if (error == 0)
        error = make_buffers(pair);
    return error;
}

int queue_pair_create(struct virtio_net *owner, uint16_t number, const struct net_device *facts,
                      struct queue_pair **out)
{
    struct queue_pair *pair = heap_alloc_aligned(sizeof(*pair), CACHE_LINE_BYTES);
    if (pair == NULL)
        return -ENOMEM;
    memset(pair, 0, sizeof(*pair));
    pair->owner = owner;
    pair->net = *facts;
    pair->net.core = core_index();
    net_device_ignore(&pair->net);
    pair->recheck.expired = recheck_expired;
    int error = make_queues(pair, number);
    pair->refill_room = pair->rx.place.size / REFILL_DIVISOR;
    if (error != 0) {
        queue_pair_destroy(pair);
        return error;
    }
    *out = pair;
    return 0;
}

void queue_pair_destroy(struct queue_pair *pair)
{
    if (pair == NULL)
        return;
    virtio_queue_destroy(&pair->rx);
    virtio_queue_destroy(&pair->tx);
    if (pair->buffer_memory != NULL)
        page_free(pair->buffer_memory, pair->buffer_pages);
    heap_free(pair->buffers);
    heap_free(pair->slots);
    heap_free(pair);
}

// ---- the end of a device ------------------------------------------------------------------------

void queue_pair_reclaim(struct queue_pair *pair)
{
    pair->is_reclaimed = true;
    timer_stop(&pair->recheck);
    struct rx_buffer *buffer;
    while ((buffer = virtq_reclaim(&pair->rx.ring)) != NULL)
        queue_pair_recycle(pair, buffer);
    struct tx_slot *slot;
    while ((slot = virtq_reclaim(&pair->tx.ring)) != NULL) {
        void *token = slot->token;
        queue_pair_release_slot(pair, slot);
        pair->net.stats.tx_dropped++;
        pair->net.transmitted(&pair->net, token);
    }
}

void queue_pair_shut_off(struct queue_pair *pair, const char *what, const char *reason,
                         uint32_t value)
{
    struct virtio_net *owner = pair->owner;
    virtio_shut_off(owner->device, what, reason, value);
    for (unsigned i = 0; i < owner->device_count; i++)
        owner->devices[i]->link_up = false;
    if (!pair->is_reclaimed)
        queue_pair_reclaim(pair);
}

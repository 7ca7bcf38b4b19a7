// SPDX-License-Identifier: MIT
// A pair of queues of a card. Receive buffers are the driver's, lent to the network layer buffer by
// buffer; sent frames are the network layer's, lent to the card.
// Spec: as in e1000_registers.h.
#include "drivers/e1000_queue.h"

#include <errno.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/pages.h"
#include "kernel/panic.h"

#define BUFFER_COUNT    (2 * E1000_RX_SIZE) // as many in the network layer as in the ring
#define RX_TAIL_BATCH   32                  // told at once while the card has plenty
#define ETHERNET_BYTES  14
#define FRAME_BYTES_MAX 16384 // SDM 13.4.22, RCTL.LPE

struct e1000_buffer {
    struct net_rx_buffer lent; // what the network layer sees
    uint8_t *memory;
    struct e1000_buffer *next_free;
    bool is_lent;
} CACHE_ALIGNED;

static struct e1000_queue *from(struct net_device *device)
{
    return CONTAINER_OF(device, struct e1000_queue, net);
}

// ---- interrupts ---------------------------------------------------------------------------------

INTERRUPT_CONTEXT static void interrupt(void *context)
{
    struct e1000_queue *self = context;
    self->net.stats.interrupts++;
    // Pairs with poll() of this core: only the compiler could reorder.
    atomic_store_explicit(&self->is_marked, true, memory_order_relaxed);
}

static bool take_mark(atomic_bool *mark)
{
    if (!atomic_load_explicit(mark, memory_order_relaxed))
        return false;
    atomic_store_explicit(mark, false, memory_order_relaxed);
    return true;
}

// ---- the end of a card --------------------------------------------------------------------------

static void recycle(struct e1000_queue *self, struct e1000_buffer *buffer)
{
    buffer->is_lent = false;
    buffer->next_free = self->free_buffers;
    self->free_buffers = buffer;
}

static void recycle_frame(struct e1000_queue *self, struct net_rx_buffer *frame)
{
    while (frame != NULL) {
        struct net_rx_buffer *next = frame->next;
        recycle(self, CONTAINER_OF(frame, struct e1000_buffer, lent));
        frame = next;
    }
}

static void forget_frame(struct e1000_queue *self)
{
    self->first = self->last = NULL;
    self->frame_bytes = 0;
}

static void reclaim(struct e1000_queue *self)
{
    self->is_reclaimed = true;
    timer_stop(&self->look);
    recycle_frame(self, self->first);
    forget_frame(self);
    struct e1000_buffer *buffer;
    while ((buffer = e1000_rx_reclaim(&self->rx)) != NULL)
        recycle(self, buffer);
    void *token;
    while (e1000_tx_reclaim(&self->tx, &token)) {
        self->net.stats.tx_dropped++;
        self->net.transmitted(&self->net, token);
    }
}

void e1000_queue_shut_off(struct e1000_queue *self, const char *reason, uint32_t value)
{
    struct e1000 *owner = self->owner;
    if (!e1000_queue_is_shut_off(self)) {
        e1000_card_shut_off(&owner->card);
        log_error_once(&owner->card.is_end_told, "e1000: %s is shut off: %s: %#x", owner->card.name,
                       reason, value);
    }
    for (unsigned i = 0; i < owner->device_count; i++)
        owner->devices[i]->link_up = false;
    if (!self->is_reclaimed)
        reclaim(self);
}

// ---- receive ------------------------------------------------------------------------------------

static void append(struct e1000_queue *self, struct e1000_buffer *buffer, uint32_t length)
{
    buffer->is_lent = true;
    buffer->lent.data = buffer->memory;
    buffer->lent.length = length;
    buffer->lent.next = NULL;
    if (self->first == NULL)
        self->first = &buffer->lent;
    else
        self->last->next = &buffer->lent;
    self->last = &buffer->lent;
    self->frame_bytes += length;
}

// The last buffer of a frame has come.
static void deliver(struct e1000_queue *self, uint32_t status)
{
    struct net_rx_buffer *frame = self->first;
    uint32_t frame_bytes = self->frame_bytes;
    forget_frame(self);
    if ((status & E1000_RX_DAMAGED) != 0 || frame == NULL || frame->length < ETHERNET_BYTES) {
        self->net.stats.rx_errors++;
        recycle_frame(self, frame);
        return;
    }
    frame->checksum_valid = (status & (E1000_RX_IGNORE_CHECKSUM | E1000_RX_TRANSPORT_CHECKED |
                                       E1000_RX_TRANSPORT_WRONG)) == E1000_RX_TRANSPORT_CHECKED;
    self->net.stats.rx_frames++;
    self->net.stats.rx_bytes += frame_bytes;
    self->net.received(&self->net, frame);
}

// Takes one buffer off the ring. Returns: how many frames it ended, or -EIO.
static int receive_one(struct e1000_queue *self, bool *is_empty)
{
    struct e1000_rx_done done;
    int got = e1000_rx_take(&self->rx, &done);
    *is_empty = got == 0;
    if (got <= 0)
        return got;
    if (done.length == 0)
        recycle(self, done.token);
    else
        append(self, done.token, done.length);
    if (self->frame_bytes > FRAME_BYTES_MAX) {
        e1000_rx_break(&self->rx, "a frame is longer than any", self->frame_bytes);
        return -EIO;
    }
    if ((done.status & E1000_RX_END_OF_FRAME) == 0)
        return 0;
    deliver(self, done.status);
    return 1;
}

static uint32_t receive(struct e1000_queue *self, uint32_t budget)
{
    uint32_t count = 0;
    bool is_empty = false;
    while (count < budget && !is_empty && !e1000_queue_is_shut_off(self)) {
        int got = receive_one(self, &is_empty);
        if (got < 0)
            e1000_queue_shut_off(self, self->rx.broken, self->rx.broken_value);
        else
            count += (uint32_t)got;
    }
    return count;
}

static void op_rx_release(struct net_device *device, struct net_rx_buffer *lent)
{
    struct e1000_buffer *buffer = CONTAINER_OF(lent, struct e1000_buffer, lent);
    ASSERT(buffer->is_lent);
    recycle(from(device), buffer);
}

static void refill(struct e1000_queue *self)
{
    while (self->free_buffers != NULL) {
        struct e1000_buffer *buffer = self->free_buffers;
        struct e1000_buffer *next = buffer->next_free;
        if (!e1000_rx_add(&self->rx, (uintptr_t)buffer->memory, buffer))
            return;
        self->free_buffers = next;
    }
}

// ---- transmit -----------------------------------------------------------------------------------

static int op_transmit(struct net_device *device, const struct net_tx_frame *frame)
{
    struct e1000_queue *self = from(device);
    ASSERT(frame->segment_count > 0 && frame->segment_count <= NET_TX_SEGMENTS_MAX);
    if (e1000_queue_is_shut_off(self))
        return -EIO;
    int error = e1000_tx_add(&self->tx, frame);
    if (error != 0) {
        self->tx_is_full = true;
        return error;
    }
    device->stats.tx_frames++;
    for (uint32_t i = 0; i < frame->segment_count; i++)
        device->stats.tx_bytes += frame->segments[i].length;
    return 0;
}

static void reap(struct e1000_queue *self)
{
    void *token;
    int got;
    while ((got = e1000_tx_take(&self->tx, &token)) > 0) {
        self->tx_is_full = false;
        self->net.transmitted(&self->net, token);
    }
    if (got < 0)
        e1000_queue_shut_off(self, self->tx.broken, self->tx.broken_value);
}

// ---- poll, flush, arm ---------------------------------------------------------------------------

static void disarm(struct e1000_queue *self)
{
    self->is_armed = false;
    if (self->owner->card.has_interrupts &&
        !atomic_load_explicit(&self->is_marked, memory_order_relaxed) &&
        e1000_rx_has_done(&self->rx))
        e1000_watch_lost(self);
}

static uint32_t op_poll(struct net_device *device, uint32_t budget)
{
    struct e1000_queue *self = from(device);
    if (e1000_queue_is_shut_off(self)) {
        if (!self->is_reclaimed)
            reclaim(self);
        return 0;
    }
    if (e1000_queue_is_first(self) && take_mark(&self->owner->other_marked))
        e1000_watch_link_changed(self);
    if (self->is_armed)
        disarm(self);
    if (take_mark(&self->is_marked))
        self->unmasked &= ~e1000_queue_causes(self); // the card masked the one that came
    if (!e1000_queue_is_shut_off(self))
        reap(self);
    uint32_t count = receive(self, budget);
    self->had_traffic |= count > 0;
    return count;
}

static void op_flush(struct net_device *device)
{
    struct e1000_queue *self = from(device);
    refill(self);
    if (e1000_queue_is_shut_off(self))
        return;
    uint32_t added = self->rx.added - self->rx.published;
    uint32_t has = self->rx.published - self->rx.taken;
    if (added >= RX_TAIL_BATCH || (added > 0 && has < E1000_RX_SIZE / 2)) {
        e1000_card_tell_rx(&self->owner->card, self->number, e1000_rx_publish(&self->rx));
        device->stats.notifications++;
    }
    if (self->tx.added != self->tx.published) {
        e1000_card_tell_tx(&self->owner->card, self->number, e1000_tx_publish(&self->tx));
        device->stats.notifications++;
        self->had_traffic = true;
    }
}

static void unmask(struct e1000_queue *self)
{
    uint32_t causes = E1000_INTERRUPT_RX(self->number);
    if (self->tx_is_full)
        causes |= E1000_INTERRUPT_TX(self->number);
    if (e1000_queue_is_first(self))
        causes |= E1000_CAUSES_OTHER;
    if ((causes & ~self->unmasked) == 0)
        return;
    e1000_card_unmask(&self->owner->card, causes);
    self->unmasked |= causes;
}

static bool op_arm(struct net_device *device)
{
    struct e1000_queue *self = from(device);
    if (e1000_queue_is_shut_off(self))
        return false;
    if (e1000_rx_has_done(&self->rx) ||
        atomic_load_explicit(&self->is_marked, memory_order_relaxed) ||
        (e1000_queue_is_first(self) &&
         atomic_load_explicit(&self->owner->other_marked, memory_order_relaxed)))
        return true;
    // A frame that comes between this look and the unmasking raises its interrupt then.
    if (self->owner->card.has_interrupts)
        unmask(self);
    self->is_armed = true;
    self->armed_ns = time_now_ns();
    e1000_watch_halt(self, self->armed_ns);
    return false;
}

static const struct net_device_ops operations = {
    .transmit = op_transmit,
    .poll = op_poll,
    .flush = op_flush,
    .arm = op_arm,
    .rx_release = op_rx_release,
    .spread = e1000_spread,
};

// ---- start --------------------------------------------------------------------------------------

#define RX_RING_BYTES (E1000_RX_SIZE * sizeof(struct e1000_rx_descriptor))
#define TX_RING_BYTES (E1000_TX_SIZE * sizeof(struct e1000_tx_descriptor))
#define BUFFERS_BYTES ((size_t)BUFFER_COUNT * E1000_RX_BUFFER_BYTES)

void e1000_queue_destroy(struct e1000_queue *self)
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
static bool make_memory(struct e1000_queue *self)
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
        recycle(self, &self->buffers[i]);
    }
    return true;
}

// Returns: NULL, or what is wrong.
static const char *set_up(struct e1000_queue *self, uint32_t queues)
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

const char *e1000_queue_create(struct e1000 *owner, uint32_t number, uint32_t queues,
                               const struct net_device *facts, struct e1000_queue **out)
{
    struct e1000_queue *self = heap_alloc_aligned(sizeof(*self), CACHE_LINE_BYTES);
    if (self == NULL)
        return "out of memory";
    memset(self, 0, sizeof(*self));
    self->owner = owner;
    self->number = number;
    self->net = *facts;
    self->net.ops = &operations;
    self->net.core = core_index();
    net_device_ignore(&self->net);
    self->look.expired = e1000_watch_expired;
    const char *wrong = set_up(self, queues);
    if (wrong != NULL) {
        e1000_queue_destroy(self);
        return wrong;
    }
    *out = self;
    return NULL;
}

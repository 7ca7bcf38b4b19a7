// SPDX-License-Identifier: MIT
// Frames through a pair of queues of a card. Receive buffers are the driver's, lent to the network
// layer buffer by buffer; sent frames are the network layer's, lent to the card. Spec: as in
// e1000_registers.h.
#include "drivers/e1000_queue.h"

#include <errno.h>
#include <string.h>

#include "drivers/e1000_watch.h"
#include "kernel/panic.h"

#define RX_TAIL_BATCH   32 // told at once while the card has plenty
#define ETHERNET_BYTES  14
#define FRAME_BYTES_MAX 16384 // SDM 13.4.22, RCTL.LPE

static struct e1000_pair *from(struct net_device *device)
{
    return CONTAINER_OF(device, struct e1000_pair, net);
}

static bool take_mark(atomic_bool *mark)
{
    if (!atomic_load_explicit(mark, memory_order_relaxed))
        return false;
    atomic_store_explicit(mark, false, memory_order_relaxed);
    return true;
}

// ---- receive ------------------------------------------------------------------------------------

static void append(struct e1000_pair *self, struct e1000_buffer *buffer, uint32_t length)
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
static void deliver(struct e1000_pair *self, uint32_t status)
{
    struct net_rx_buffer *frame = self->first;
    uint32_t frame_bytes = self->frame_bytes;
    e1000_pair_forget_frame(self);
    if ((status & E1000_RX_DAMAGED) != 0 || frame == NULL || frame->length < ETHERNET_BYTES) {
        self->net.stats.rx_errors++;
        e1000_pair_recycle_frame(self, frame);
        return;
    }
    frame->checksum_valid = (status & (E1000_RX_IGNORE_CHECKSUM | E1000_RX_TRANSPORT_CHECKED |
                                       E1000_RX_TRANSPORT_WRONG)) == E1000_RX_TRANSPORT_CHECKED;
    self->net.stats.rx_frames++;
    self->net.stats.rx_bytes += frame_bytes;
    self->net.received(&self->net, frame);
}

// Takes one buffer off the ring. Returns: how many frames it ended, or -EIO.
static int receive_one(struct e1000_pair *self, bool *is_empty)
{
    struct e1000_rx_done done;
    int got = e1000_rx_take(&self->rx, &done);
    *is_empty = got == 0;
    if (got <= 0)
        return got;
    if (done.length == 0)
        e1000_pair_recycle(self, done.token);
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

static uint32_t receive(struct e1000_pair *self, uint32_t budget)
{
    uint32_t count = 0;
    bool is_empty = false;
    while (count < budget && !is_empty && !e1000_pair_is_shut_off(self)) {
        int got = receive_one(self, &is_empty);
        if (got < 0)
            e1000_pair_shut_off(self, self->rx.broken, self->rx.broken_value);
        else
            count += (uint32_t)got;
    }
    return count;
}

void e1000_queue_rx_release(struct net_device *device, struct net_rx_buffer *lent)
{
    struct e1000_buffer *buffer = CONTAINER_OF(lent, struct e1000_buffer, lent);
    ASSERT(buffer->is_lent);
    e1000_pair_recycle(from(device), buffer);
}

static void refill(struct e1000_pair *self)
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

int e1000_queue_transmit(struct net_device *device, const struct net_tx_frame *frame)
{
    struct e1000_pair *self = from(device);
    ASSERT(frame->segment_count > 0 && frame->segment_count <= NET_TX_SEGMENTS_MAX);
    if (e1000_pair_is_shut_off(self))
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

static void reap(struct e1000_pair *self)
{
    void *token;
    int got;
    while ((got = e1000_tx_take(&self->tx, &token)) > 0) {
        self->tx_is_full = false;
        self->net.transmitted(&self->net, token);
    }
    if (got < 0)
        e1000_pair_shut_off(self, self->tx.broken, self->tx.broken_value);
}

// ---- poll, flush, arm ---------------------------------------------------------------------------

static void disarm(struct e1000_pair *self)
{
    self->is_armed = false;
    if (self->owner->card.has_interrupts &&
        !atomic_load_explicit(&self->is_marked, memory_order_relaxed) &&
        e1000_rx_has_done(&self->rx))
        e1000_watch_lost(self);
}

uint32_t e1000_queue_poll(struct net_device *device, uint32_t budget)
{
    struct e1000_pair *self = from(device);
    if (e1000_pair_is_shut_off(self)) {
        if (!self->is_reclaimed)
            e1000_pair_reclaim(self);
        return 0;
    }
    if (e1000_pair_is_first(self) && take_mark(&self->owner->other_marked))
        e1000_watch_link_changed(self);
    if (self->is_armed)
        disarm(self);
    if (take_mark(&self->is_marked))
        self->unmasked &= ~e1000_pair_causes(self); // the card masked the one that came
    if (!e1000_pair_is_shut_off(self))
        reap(self);
    uint32_t count = receive(self, budget);
    self->had_traffic |= count > 0;
    return count;
}

void e1000_queue_flush(struct net_device *device)
{
    struct e1000_pair *self = from(device);
    refill(self);
    if (e1000_pair_is_shut_off(self))
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

static void unmask(struct e1000_pair *self)
{
    uint32_t causes = E1000_INTERRUPT_RX(self->number);
    if (self->tx_is_full)
        causes |= E1000_INTERRUPT_TX(self->number);
    if (e1000_pair_is_first(self))
        causes |= E1000_CAUSES_OTHER;
    if ((causes & ~self->unmasked) == 0)
        return;
    e1000_card_unmask(&self->owner->card, causes);
    self->unmasked |= causes;
}

bool e1000_queue_arm(struct net_device *device)
{
    struct e1000_pair *self = from(device);
    if (e1000_pair_is_shut_off(self))
        return false;
    if (e1000_rx_has_done(&self->rx) ||
        atomic_load_explicit(&self->is_marked, memory_order_relaxed) ||
        (e1000_pair_is_first(self) &&
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

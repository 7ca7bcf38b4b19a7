// SPDX-License-Identifier: MIT
// Frames through one pair of queues. Receive buffers are the driver's, lent to the network layer
// frame by frame; sent frames are the network layer's, lent to the device. Sent frames are reaped
// by polling: the transmit interrupt is only asked for when the queue was full. Spec:
// VIRTIO 1.2, 5.1.6.
#include "virtio/net_queue.h"

#include <errno.h>
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/panic.h"

#define FRAME_BYTES_MAX 65535
#define RECHECK_NS      (10 * NS_PER_MS)
#define LOST_AFTER_NS   (1 * NS_PER_MS) // armed for less: the interrupt may be on its way
#define LOST_CONFIRM_NS (100 * NS_PER_US)

static struct queue_pair *from(struct net_device *device)
{
    return CONTAINER_OF(device, struct queue_pair, net);
}

static void shut_off_queue(struct queue_pair *pair, struct virtio_queue *queue)
{
    uint32_t value;
    const char *reason = virtq_broken(&queue->ring, &value);
    queue_pair_shut_off(pair, queue == &pair->rx ? "receive queue" : "transmit queue", reason,
                        value);
}

// ---- receive ------------------------------------------------------------------------------------

static void recycle_frame(struct queue_pair *pair, struct net_rx_buffer *frame)
{
    while (frame != NULL) {
        struct net_rx_buffer *next = frame->next;
        queue_pair_recycle(pair, CONTAINER_OF(frame, struct rx_buffer, lent));
        frame = next;
    }
}

// Hangs the other buffers of a frame on its first. Returns: 0 or -EIO.
static int take_rest(struct queue_pair *pair, struct net_rx_buffer *first, uint32_t buffer_count,
                     uint32_t *frame_bytes)
{
    struct net_rx_buffer *last = first;
    if (buffer_count == 0) {
        virtq_break(&pair->rx.ring, "a frame says it has no buffers", buffer_count);
        return -EIO;
    }
    for (uint32_t i = 1; i < buffer_count; i++) {
        struct virtq_used used;
        int got = virtq_take(&pair->rx.ring, &used);
        if (got == 0) // 5.1.6.4.1: a frame's buffers are used together
            virtq_break(&pair->rx.ring, "a frame has less buffers than it says", buffer_count);
        if (got <= 0)
            return -EIO;
        struct rx_buffer *buffer = used.token;
        buffer->lent.data = buffer->memory;
        buffer->lent.length = used.length;
        buffer->lent.next = NULL;
        buffer->is_lent = true;
        last->next = &buffer->lent;
        last = &buffer->lent;
        *frame_bytes += used.length;
        if (used.length == 0) {
            virtq_break(&pair->rx.ring, "a buffer of a frame is empty", i);
            return -EIO;
        }
    }
    return 0;
}

// Whether a frame may be several segments in one, which are left as they are. The checksum is the
// frame's then, which the device vouches for.
static bool is_agreed(const struct virtio_device *device, uint8_t gso_type)
{
    return (gso_type == VIRTIO_NET_HEADER_GSO_TCPV4 &&
            virtio_has(device, VIRTIO_NET_F_GUEST_TSO4)) ||
           (gso_type == VIRTIO_NET_HEADER_GSO_TCPV6 && virtio_has(device, VIRTIO_NET_F_GUEST_TSO6));
}

// Takes one frame off the ring. Returns: 1, or 0 when there is none, or -EIO.
static int receive_one(struct queue_pair *pair)
{
    struct virtio_device *device = pair->owner->device;
    struct virtq_used used;
    int got = virtq_take(&pair->rx.ring, &used);
    if (got <= 0)
        return got;
    struct rx_buffer *first = used.token;
    if (used.length < HEADER_BYTES) {
        virtq_break(&pair->rx.ring, "a frame is shorter than its header", used.length);
        queue_pair_recycle(pair, first);
        return -EIO;
    }
    const struct virtio_net_header *header = (void *)first->memory;
    uint8_t flags = header->flags, gso_type = header->gso_type;
    uint16_t buffer_count = header->buffer_count;
    atomic_signal_fence(memory_order_acquire); // the device may change it: it is not read again
    uint32_t frame_bytes = used.length - (uint32_t)HEADER_BYTES;
    first->lent.data = first->memory + HEADER_BYTES;
    first->lent.length = frame_bytes;
    first->lent.next = NULL;
    first->lent.checksum_valid =
        virtio_has(device, VIRTIO_NET_F_GUEST_CSUM) &&
        (flags & (VIRTIO_NET_HEADER_NEEDS_CHECKSUM | VIRTIO_NET_HEADER_DATA_VALID)) != 0;
    first->is_lent = true;
    if (buffer_count != 1 && virtio_has(device, VIRTIO_NET_F_MRG_RXBUF) &&
        take_rest(pair, &first->lent, buffer_count, &frame_bytes) != 0) {
        recycle_frame(pair, &first->lent);
        return -EIO;
    }
    if (first->lent.length < ETHERNET_BYTES || frame_bytes > FRAME_BYTES_MAX ||
        (gso_type != VIRTIO_NET_HEADER_GSO_NONE && !is_agreed(device, gso_type))) {
        pair->net.stats.rx_errors++;
        recycle_frame(pair, &first->lent);
        return 1;
    }
    pair->net.stats.rx_frames++;
    pair->net.stats.rx_bytes += frame_bytes;
    pair->net.received(&pair->net, &first->lent);
    return 1;
}

void queue_pair_rx_release(struct net_device *device, struct net_rx_buffer *lent)
{
    struct rx_buffer *buffer = CONTAINER_OF(lent, struct rx_buffer, lent);
    ASSERT(buffer->is_lent);
    queue_pair_recycle(from(device), buffer);
}

static void flush_queue(struct queue_pair *pair, struct virtio_queue *queue)
{
    if (queue->ring.added == queue->ring.published)
        return;
    pair->had_traffic = true;
    virtq_publish(&queue->ring);
    if (virtq_needs_notify(&queue->ring)) {
        virtio_queue_notify(queue);
        pair->net.stats.notifications++;
    }
}

// Not after each frame: what is to be done once a batch costs as much as a buffer.
static inline bool wants_refill(const struct queue_pair *pair)
{
    return virtq_room(&pair->rx.ring) >= pair->refill_room && pair->free_buffers != NULL;
}

static __attribute__((noinline)) void refill(struct queue_pair *pair)
{
    struct rx_buffer *buffer;
    while ((buffer = pair->free_buffers) != NULL && pair->rx.ring.free_count > 0 &&
           virtq_add_writable(&pair->rx.ring, (uintptr_t)buffer->memory, pair->buffer_bytes,
                              buffer) == 0)
        pair->free_buffers = buffer->next_free;
    flush_queue(pair, &pair->rx);
}

// ---- transmit -----------------------------------------------------------------------------------

static void fill_header(struct virtio_net_header *header, const struct net_device *device,
                        const struct net_tx_frame *frame)
{
    *header = (struct virtio_net_header){0};
    if (frame->checksum_needed) {
        header->flags = VIRTIO_NET_HEADER_NEEDS_CHECKSUM;
        header->checksum_start = frame->checksum_start;
        header->checksum_offset = frame->checksum_offset;
    }
    if (frame->tso_mss != 0) {
        ASSERT(frame->checksum_needed && (frame->tso_is_ipv6 ? device->tso6 : device->tso4));
        header->gso_type =
            frame->tso_is_ipv6 ? VIRTIO_NET_HEADER_GSO_TCPV6 : VIRTIO_NET_HEADER_GSO_TCPV4;
        header->gso_size = frame->tso_mss;
        header->header_length = frame->tso_headers_bytes;
    }
}

// `first` is read before the frame's segments from number `from_segment` on.
static __attribute__((noinline)) int add_pieces(struct queue_pair *pair, struct tx_slot *slot,
                                                const struct net_tx_frame *frame,
                                                struct virtq_buffer first, uint32_t from_segment)
{
    struct virtq_buffer buffers[TX_BUFFERS_MAX];
    uint32_t count = 0;
    buffers[count++] = first;
    for (uint32_t i = from_segment; i < frame->segment_count; i++)
        buffers[count++] =
            (struct virtq_buffer){(uintptr_t)frame->segments[i].data, frame->segments[i].length};
    return virtq_add(&pair->tx.ring, buffers, count, 0, slot);
}

// The header goes in front of the frame where there is room: that is one piece of memory less, for
// the device too. How a driver cuts what the device reads is left to it. Spec: 2.7.4.1.
static int add_frame(struct queue_pair *pair, struct tx_slot *slot,
                     const struct net_tx_frame *frame)
{
    uintptr_t start = (uintptr_t)frame->segments[0].data - HEADER_BYTES;
    uint32_t length = frame->segments[0].length + (uint32_t)HEADER_BYTES;
    bool fits =
        frame->headroom_bytes >= HEADER_BYTES && start % _Alignof(struct virtio_net_header) == 0;
    struct virtio_net_header *header = fits ? (struct virtio_net_header *)start : &slot->header;
    fill_header(header, &pair->net, frame);
    if (fits && frame->segment_count == 1)
        return virtq_add_readable(&pair->tx.ring, start, length, slot);
    if (fits)
        return add_pieces(pair, slot, frame, (struct virtq_buffer){start, length}, 1);
    return add_pieces(pair, slot, frame, (struct virtq_buffer){(uintptr_t)header, HEADER_BYTES}, 0);
}

static uint32_t bytes_of(const struct net_tx_frame *frame)
{
    uint32_t bytes = frame->segments[0].length; // nearly always all
    for (uint32_t i = 1; i < frame->segment_count; i++)
        bytes += frame->segments[i].length;
    return bytes;
}

int queue_pair_transmit(struct net_device *device, const struct net_tx_frame *frame)
{
    struct queue_pair *pair = from(device);
    ASSERT(frame->segment_count > 0 && frame->segment_count <= NET_TX_SEGMENTS_MAX);
    ASSERT(!frame->checksum_needed || device->checksum_offload);
    struct tx_slot *slot = pair->free_slots;
    if (slot == NULL) {
        pair->tx_is_full = true;
        return pair->owner->device->is_shut_off ? -EIO : -ENOBUFS;
    }
    int error = add_frame(pair, slot, frame);
    if (error != 0) {
        pair->tx_is_full = true;
        return error;
    }
    pair->free_slots = slot->next_free;
    slot->token = frame->token;
    device->stats.tx_frames++;
    device->stats.tx_bytes += bytes_of(frame);
    return 0;
}

// Returns: false if the card was shut off.
static inline bool reap(struct queue_pair *pair)
{
    struct virtq_used used;
    int got;
    while ((got = virtq_take(&pair->tx.ring, &used)) > 0) {
        struct tx_slot *slot = used.token;
        void *token = slot->token;
        queue_pair_release_slot(pair, slot);
        pair->tx_is_full = false;
        pair->net.transmitted(&pair->net, token);
    }
    if (got < 0)
        shut_off_queue(pair, &pair->tx);
    return got == 0;
}

// ---- poll, flush, arm ---------------------------------------------------------------------------

// Frames are there though the interrupt armed for them did not come. A hypervisor that drops memory
// barriers (QEMU's TCG with one virtual CPU) can lose one; the re-check timer has ended the halt.
static void confirm_lost_interrupt(struct queue_pair *pair)
{
    if (time_of_counts(cpu_read_tsc() - pair->armed_at_tsc) < LOST_AFTER_NS)
        return;
    uint64_t deadline_ns = time_now_ns() + LOST_CONFIRM_NS;
    while (time_now_ns() < deadline_ns) {
        if (atomic_load_explicit(&pair->rx_marked, memory_order_relaxed))
            return;
        cpu_pause();
    }
    if (pair->net.stats.lost_interrupts++ == 0)
        log_warn("virtio: %s: an interrupt was lost; frames may wait up to 10 ms",
                 pair->owner->device->name);
}

static inline void disable_interrupts(struct queue_pair *pair)
{
    virtq_disable_interrupts(&pair->rx.ring);
    if (pair->is_tx_armed)
        virtq_disable_interrupts(&pair->tx.ring);
}

static void disarm(struct queue_pair *pair)
{
    if (!atomic_load_explicit(&pair->rx_marked, memory_order_relaxed) &&
        virtq_has_used(&pair->rx.ring))
        confirm_lost_interrupt(pair);
    pair->is_armed = false;
    disable_interrupts(pair);
}

static bool is_config_marked(const struct queue_pair *pair)
{
    return pair == pair->owner->first &&
           atomic_load_explicit(&pair->owner->config_marked, memory_order_relaxed);
}

static __attribute__((noinline)) bool take_config_change(struct queue_pair *pair)
{
    pair->owner->take_config_change(pair->owner);
    return !pair->owner->device->is_shut_off;
}

uint32_t queue_pair_poll(struct net_device *device, uint32_t budget)
{
    struct queue_pair *pair = from(device);
    if (pair->owner->device->is_shut_off) {
        if (!pair->is_reclaimed)
            queue_pair_reclaim(pair);
        return 0;
    }
    if (is_config_marked(pair) && !take_config_change(pair))
        return 0;
    if (pair->is_armed)
        disarm(pair);
    atomic_store_explicit(&pair->rx_marked, false, memory_order_relaxed);
    if (!reap(pair))
        return 0;
    uint32_t count = 0;
    int got = 1;
    while (count < budget && (got = receive_one(pair)) > 0)
        count++;
    if (got < 0)
        shut_off_queue(pair, &pair->rx);
    else if (wants_refill(pair))
        refill(pair);
    if (count > 0)
        pair->had_traffic = true;
    return count;
}

void queue_pair_flush(struct net_device *device)
{
    struct queue_pair *pair = from(device);
    if (wants_refill(pair))
        refill(pair);
    flush_queue(pair, &pair->tx);
}

// After half of what is in flight: one interrupt makes room for a batch.
static __attribute__((noinline)) bool arm_tx(struct queue_pair *pair)
{
    uint16_t count = (uint16_t)((virtq_in_flight(&pair->tx.ring) + 1) / 2);
    return virtq_enable_interrupts_after(&pair->tx.ring, count > 0 ? count : 1);
}

bool queue_pair_arm(struct net_device *device)
{
    struct queue_pair *pair = from(device);
    if (pair->owner->device->is_shut_off)
        return false;
    bool is_ready = virtq_enable_interrupts(&pair->rx.ring) || is_config_marked(pair);
    pair->is_tx_armed = pair->tx_is_full;
    if (pair->is_tx_armed)
        is_ready |= arm_tx(pair);
    pair->is_armed = !is_ready;
    if (is_ready) {
        disable_interrupts(pair);
        return true;
    }
    pair->armed_at_tsc = cpu_read_tsc();
    // The moment of arming is the only one in which an interrupt can be lost: one look suffices.
    if (pair->had_traffic && !pair->recheck.pending) {
        pair->had_traffic = false;
        timer_start(&pair->recheck, time_now_ns() + RECHECK_NS);
    }
    return false;
}

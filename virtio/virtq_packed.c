// SPDX-License-Identifier: MIT
// Packed virtqueues: one ring of descriptors, which the device overwrites with what it used. Two
// bits of each say in which lap it was made available or used. Spec: VIRTIO 1.2, 2.8.
#include <errno.h>

#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "virtio/virtq.h"
#include "virtio/virtq_layout.h"

// What each side writes to say when it wants to hear, 2.8.14: one word, read and written at once.
#define EVENT_WRAP        0x8000u
#define EVENT_ENABLE      (0u << 16)
#define EVENT_DISABLE     (1u << 16)
#define EVENT_AT_POSITION (2u << 16)
#define EVENT_KINDS       (3u << 16)

static size_t event_offset(uint16_t size)
{
    return sizeof(struct virtio_packed_descriptor) * size;
}

static size_t ring_bytes(uint16_t size)
{
    return ALIGN_UP(event_offset(size) + sizeof(uint32_t), CACHE_LINE_BYTES) + sizeof(uint32_t);
}

static void ask(struct virtq *queue, uint32_t event)
{
    atomic_store_explicit((_Atomic uint32_t *)queue->driver_area, event, memory_order_relaxed);
}

static void disable_interrupts(struct virtq *queue)
{
    ask(queue, EVENT_DISABLE);
}

static void init(struct virtq *queue, void *shared)
{
    uint16_t size = queue->config.size;
    queue->ring = shared;
    queue->driver_area = (uint8_t *)shared + event_offset(size);
    queue->device_area = (uint8_t *)shared + ring_bytes(size) - sizeof(uint32_t);
    disable_interrupts(queue);
}

// Laps are odd and even: in the first one a descriptor is available with that bit set.
static bool is_odd_lap(const struct virtq *queue, uint32_t position)
{
    return (position & queue->config.size) == 0;
}

static uint16_t available_flags(const struct virtq *queue, uint32_t position)
{
    return is_odd_lap(queue, position) ? VIRTIO_PACKED_AVAILABLE : VIRTIO_PACKED_USED;
}

// Fills the next descriptor. The first that was not published keeps its old flags until it is: the
// device stops there.
static inline void put(struct virtq *queue, uint64_t phys, uint32_t length, uint16_t id,
                       uint16_t flags)
{
    struct virtio_packed_descriptor *descriptor = &queue->ring[queue->head & queue->mask];
    flags |= available_flags(queue, queue->head);
    descriptor->address_phys = phys;
    atomic_store_explicit(&descriptor->length, length, memory_order_relaxed);
    atomic_store_explicit(&descriptor->id, id, memory_order_relaxed);
    if (queue->head == queue->shown)
        queue->unpublished_flags = flags;
    else
        atomic_store_explicit(&descriptor->flags, flags, memory_order_relaxed);
    queue->head++;
}

static inline void add_chain(struct virtq *queue, uint16_t count, uint32_t writable_bytes,
                             void *token)
{
    struct virtq_slot *slot = &queue->slots[queue->free_head];
    queue->free_head = slot->next;
    queue->free_count = (uint16_t)(queue->free_count - count);
    slot->token = token;
    slot->writable_bytes = writable_bytes;
    slot->count = count;
    slot->sequence = queue->added;
    queue->added++;
}

static void put_indirect(struct virtq *queue, const struct virtq_buffer *buffers, uint32_t readable,
                         uint32_t total)
{
    struct virtio_packed_descriptor *table = (void *)virtq_table(queue, queue->free_head);
    for (uint32_t i = 0; i < total; i++) {
        uint16_t flags = i < readable ? 0 : VIRTIO_DESCRIPTOR_WRITE;
        table[i].address_phys = buffers[i].phys;
        atomic_store_explicit(&table[i].length, buffers[i].length, memory_order_relaxed);
        // 2.8.7: neither ids nor NEXT are used in a table.
        atomic_store_explicit(&table[i].id, 0, memory_order_relaxed);
        atomic_store_explicit(&table[i].flags, flags, memory_order_relaxed);
    }
    put(queue, (uintptr_t)table, total * (uint32_t)sizeof(*table), queue->free_head,
        VIRTIO_DESCRIPTOR_INDIRECT);
}

static int add(struct virtq *queue, const struct virtq_buffer *buffers, uint32_t readable,
               uint32_t writable, void *token)
{
    uint32_t total = readable + writable;
    bool is_indirect = virtq_is_indirect(queue, total);
    uint32_t needed = is_indirect ? 1 : total;
    int error = virtq_room_for(queue, needed, token);
    if (error != 0)
        return error;
    if (is_indirect) {
        put_indirect(queue, buffers, readable, total);
    } else {
        for (uint32_t i = 0; i < total; i++) {
            uint16_t flags = i < readable ? 0 : VIRTIO_DESCRIPTOR_WRITE;
            flags |= i + 1 < total ? VIRTIO_DESCRIPTOR_NEXT : 0;
            put(queue, buffers[i].phys, buffers[i].length, queue->free_head, flags);
        }
    }
    add_chain(queue, (uint16_t)needed, virtq_writable_bytes(buffers + readable, writable), token);
    return 0;
}

static int add_one(struct virtq *queue, uint64_t phys, uint32_t length, uint16_t flags, void *token)
{
    if (queue->broken != NULL)
        return -EIO;
    if (queue->free_count == 0)
        return -ENOBUFS;
    ASSERT(token != NULL);
    put(queue, phys, length, queue->free_head, flags);
    add_chain(queue, 1, flags != 0 ? length : 0, token);
    return 0;
}

static void publish(struct virtq *queue)
{
    if (queue->published == queue->added)
        return;
    queue->published = queue->added;
    struct virtio_packed_descriptor *first = &queue->ring[queue->shown & queue->mask];
    queue->shown = queue->head;
    // Pairs with the device's read of the flags: all that lies behind comes before it.
    atomic_store_explicit(&first->flags, queue->unpublished_flags, memory_order_release);
}

static bool needs_notify(struct virtq *queue)
{
    uint32_t now = queue->shown;
    uint32_t before = queue->notified_at;
    if (queue->broken != NULL || now == before)
        return false;
    queue->notified_at = now;
    // Pairs with the device's, between asking to be notified and its last look at the ring.
    cpu_full_barrier();
    uint32_t event =
        atomic_load_explicit((_Atomic uint32_t *)queue->device_area, memory_order_relaxed);
    if ((event & EVENT_KINDS) != EVENT_AT_POSITION)
        return (event & EVENT_KINDS) != EVENT_DISABLE;
    uint32_t position = (now & ~(uint32_t)queue->mask) | (event & queue->mask);
    if (is_odd_lap(queue, position) != ((event & EVENT_WRAP) != 0))
        position -= queue->config.size; // of the lap before
    return now - position - 1 < now - before;
}

static bool is_used(const struct virtq *queue)
{
    // Pairs with the device's store of the flags: id and length were written before.
    uint16_t flags =
        atomic_load_explicit(&queue->ring[queue->tail & queue->mask].flags, memory_order_acquire);
    uint16_t both = VIRTIO_PACKED_AVAILABLE | VIRTIO_PACKED_USED;
    return (flags & both) == (is_odd_lap(queue, queue->tail) ? both : 0);
}

static int take(struct virtq *queue, struct virtq_used *used)
{
    if (queue->broken != NULL)
        return -EIO;
    if (!is_used(queue))
        return 0;
    // Each is read once: the device may change them at any time.
    struct virtio_packed_descriptor *descriptor = &queue->ring[queue->tail & queue->mask];
    uint32_t id = atomic_load_explicit(&descriptor->id, memory_order_relaxed);
    uint32_t length = atomic_load_explicit(&descriptor->length, memory_order_relaxed);
    struct virtq_slot *slot;
    int result = virtq_take_slot(queue, id, length, &slot, used);
    if (result < 0)
        return result;
    slot->next = queue->free_head;
    queue->free_head = (uint16_t)id;
    queue->tail += slot->count;
    return result;
}

static bool has_used(const struct virtq *queue)
{
    return queue->broken != NULL || is_used(queue);
}

static bool enable_interrupts_after(struct virtq *queue, uint16_t count)
{
    if (queue->config.event_index) {
        // Positions are descriptors: by what a chain has in the middle.
        uint32_t chains = (uint32_t)(queue->published - queue->taken);
        uint32_t position = queue->tail;
        if (count > 1 && chains > 0)
            position += (queue->shown - queue->tail) * (count - 1) / chains;
        ask(queue, EVENT_AT_POSITION | (is_odd_lap(queue, position) ? EVENT_WRAP : 0) |
                       (position & queue->mask));
    } else {
        ask(queue, EVENT_ENABLE);
    }
    // Pairs with the device's, between using a chain and looking whether we want to hear.
    cpu_full_barrier();
    return has_used(queue);
}

const struct virtq_ops virtq_packed = {
    .ring_bytes = ring_bytes,
    .init = init,
    .add = add,
    .add_one = add_one,
    .publish = publish,
    .needs_notify = needs_notify,
    .take = take,
    .has_used = has_used,
    .enable_interrupts_after = enable_interrupts_after,
    .disable_interrupts = disable_interrupts,
};

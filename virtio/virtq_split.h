// SPDX-License-Identifier: MIT
// Of split rings what each frame passes, to become part of the driver's loops; virtq.h says what
// each is, virtq_split.c has the rest.
// Spec: VIRTIO 1.2, 2.7.
#pragma once

#include <errno.h>

#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "virtio/virtq_layout.h"

size_t virtq_split_ring_bytes(uint16_t size);
void virtq_split_init(struct virtq *queue, void *shared);
int virtq_split_add(struct virtq *queue, const struct virtq_buffer *buffers, uint32_t readable,
                    uint32_t writable, void *token);

static inline void virtq_split_fill_descriptor(struct virtio_descriptor *descriptor,
                                               const struct virtq_buffer *buffer, uint16_t flags,
                                               uint16_t next)
{
    descriptor->address_phys = buffer->phys;
    descriptor->length = buffer->length;
    descriptor->flags = flags;
    descriptor->next = next; // means nothing in the last one
}

// Takes the descriptors from the free head to `tail` as one chain, and puts it on the ring.
static inline void virtq_split_add_chain(struct virtq *queue, uint16_t tail, uint16_t count,
                                         uint32_t writable_bytes, void *token)
{
    uint16_t head = queue->free_head;
    struct virtq_slot *slot = &queue->slots[head];
    queue->free_head = queue->slots[tail].next;
    queue->free_count = (uint16_t)(queue->free_count - count);
    slot->token = token;
    slot->writable_bytes = writable_bytes;
    slot->tail = tail;
    slot->count = count;
    slot->sequence = queue->added;
    atomic_store_explicit(&queue->available->ring[(uint16_t)queue->added & queue->mask], head,
                          memory_order_relaxed);
    queue->added++;
}

static inline int virtq_split_add_one(struct virtq *queue, uint64_t phys, uint32_t length,
                                      uint16_t flags, void *token)
{
    if (queue->broken != NULL)
        return -EIO;
    if (queue->free_count == 0)
        return -ENOBUFS;
    ASSERT(token != NULL);
    struct virtq_buffer buffer = {phys, length};
    virtq_split_fill_descriptor(&queue->descriptors[queue->free_head], &buffer, flags, 0);
    virtq_split_add_chain(queue, queue->free_head, 1, flags != 0 ? length : 0, token);
    return 0;
}

static inline void virtq_split_publish(struct virtq *queue)
{
    if (queue->published == queue->added)
        return;
    queue->published = queue->added;
    // Pairs with the device's read of the index: descriptors and ring entries come before it.
    atomic_store_explicit(&queue->available->index, (uint16_t)queue->published,
                          memory_order_release);
}

static inline bool virtq_split_needs_notify(struct virtq *queue)
{
    uint16_t now = (uint16_t)queue->published;
    uint16_t before = queue->notified;
    if (queue->broken != NULL || now == before)
        return false;
    queue->notified = now;
    // Pairs with the device's, between asking to be notified and its last look at our index.
    cpu_full_barrier();
    if (!queue->config.event_index) {
        uint16_t flags = atomic_load_explicit(&queue->used->flags, memory_order_relaxed);
        return (flags & VIRTIO_USED_NO_NOTIFY) == 0;
    }
    uint16_t event = atomic_load_explicit(queue->avail_event, memory_order_relaxed);
    return (uint16_t)(now - event - 1) < (uint16_t)(now - before); // 2.7.10
}

// Reads the used index and checks it. Returns: true if it is new and believable.
static inline bool virtq_split_read_used_index(struct virtq *queue)
{
    // Pairs with the device's store of the index: the entries below it are there.
    uint16_t index = atomic_load_explicit(&queue->used->index, memory_order_acquire);
    uint16_t ready = (uint16_t)(index - queue->used_next);
    if (ready == 0)
        return false;
    if (ready > queue->published - queue->taken) {
        virtq_break(queue, "used index is ahead of what is in flight", index);
        return false;
    }
    queue->used_seen = index;
    return true;
}

static inline bool virtq_split_has_used(const struct virtq *queue)
{
    return queue->broken != NULL || queue->used_next != queue->used_seen ||
           atomic_load_explicit(&queue->used->index, memory_order_acquire) != queue->used_next;
}

static inline int virtq_split_take(struct virtq *queue, struct virtq_used *used)
{
    if (queue->broken != NULL)
        return -EIO;
    if (queue->used_next == queue->used_seen && !virtq_split_read_used_index(queue))
        return queue->broken != NULL ? -EIO : 0;

    // Each is read once: the device may change them at any time.
    struct virtio_used_element *element = &queue->used->ring[queue->used_next & queue->mask];
    uint32_t id = atomic_load_explicit(&element->id, memory_order_relaxed);
    uint32_t length = atomic_load_explicit(&element->length, memory_order_relaxed);
    struct virtq_slot *slot;
    int result = virtq_take_slot(queue, id, length, &slot, used);
    if (result < 0)
        return result;
    queue->slots[slot->tail].next = queue->free_head;
    queue->free_head = (uint16_t)id;
    queue->used_next++;
    return result;
}

static inline bool virtq_split_enable_interrupts_after(struct virtq *queue, uint16_t count)
{
    if (queue->config.event_index) {
        atomic_store_explicit(queue->used_event, (uint16_t)(queue->used_next + count - 1),
                              memory_order_relaxed);
    } else {
        count = 1;
        atomic_store_explicit(&queue->available->flags, 0, memory_order_relaxed);
    }
    // Pairs with the device's, between moving the used index and looking whether we want to hear.
    cpu_full_barrier();
    if (!virtq_split_has_used(queue))
        return false;
    if (queue->broken != NULL)
        return true;
    virtq_split_read_used_index(queue);
    return queue->broken != NULL || (uint16_t)(queue->used_seen - queue->used_next) >= count;
}

static inline void virtq_split_disable_interrupts(struct virtq *queue)
{
    // With event index an index that was passed stays silent for 65,536 chains: nothing to do.
    if (!queue->config.event_index)
        atomic_store_explicit(&queue->available->flags, VIRTIO_AVAILABLE_NO_INTERRUPT,
                              memory_order_relaxed);
}

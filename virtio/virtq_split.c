// SPDX-License-Identifier: MIT
// Split virtqueues: descriptors, what is available and what is used lie apart. Spec:
// VIRTIO 1.2, 2.7.
#include "virtio/virtq_split.h"

static size_t available_bytes(uint16_t size)
{
    return sizeof(struct virtio_available) + sizeof(uint16_t) * size + sizeof(uint16_t);
}

static size_t used_offset(uint16_t size)
{
    size_t end = sizeof(struct virtio_descriptor) * size + available_bytes(size);
    return ALIGN_UP(end, CACHE_LINE_BYTES);
}

size_t virtq_split_ring_bytes(uint16_t size)
{
    size_t used = sizeof(struct virtio_used) + sizeof(struct virtio_used_element) * size;
    return used_offset(size) + used + sizeof(uint16_t);
}

void virtq_split_init(struct virtq *queue, void *shared)
{
    uint16_t size = queue->config.size;
    uint8_t *base = shared;
    queue->descriptors = shared;
    queue->driver_area = base + sizeof(struct virtio_descriptor) * size;
    queue->device_area = base + used_offset(size);
    queue->available = queue->driver_area;
    queue->used_event = &queue->available->ring[size];
    queue->used = queue->device_area;
    queue->avail_event = (void *)&queue->used->ring[size];
    virtq_split_disable_interrupts(queue);
    if (queue->config.event_index) // the farthest there is: no interrupt until one is asked for
        atomic_store_explicit(queue->used_event, UINT16_MAX, memory_order_relaxed);
}

static uint16_t flags_of(uint32_t i, uint32_t readable)
{
    return i < readable ? 0 : VIRTIO_DESCRIPTOR_WRITE;
}

// Fills ring descriptors from the free list. Returns: the last one.
static uint16_t fill_direct(struct virtq *queue, const struct virtq_buffer *buffers,
                            uint32_t readable, uint32_t total)
{
    uint16_t id = queue->free_head;
    for (uint32_t i = 0; i + 1 < total; i++) {
        uint16_t next = queue->slots[id].next;
        virtq_split_fill_descriptor(&queue->descriptors[id], &buffers[i],
                                    flags_of(i, readable) | VIRTIO_DESCRIPTOR_NEXT, next);
        id = next;
    }
    virtq_split_fill_descriptor(&queue->descriptors[id], &buffers[total - 1],
                                flags_of(total - 1, readable), 0);
    return id;
}

static void fill_indirect(struct virtq *queue, const struct virtq_buffer *buffers,
                          uint32_t readable, uint32_t total)
{
    uint16_t id = queue->free_head;
    struct virtio_descriptor *table = virtq_table(queue, id);
    uint32_t last = total - 1;
    for (uint32_t i = 0; i < last; i++)
        virtq_split_fill_descriptor(&table[i], &buffers[i],
                                    flags_of(i, readable) | VIRTIO_DESCRIPTOR_NEXT,
                                    (uint16_t)(i + 1));
    virtq_split_fill_descriptor(&table[last], &buffers[last], flags_of(last, readable), 0);
    struct virtq_buffer whole = {(uintptr_t)table, // RAM is identity-mapped
                                 total * (uint32_t)sizeof(struct virtio_descriptor)};
    virtq_split_fill_descriptor(&queue->descriptors[id], &whole, VIRTIO_DESCRIPTOR_INDIRECT, 0);
}

int virtq_split_add(struct virtq *queue, const struct virtq_buffer *buffers, uint32_t readable,
                    uint32_t writable, void *token)
{
    uint32_t total = readable + writable;
    bool is_indirect = virtq_is_indirect(queue, total);
    uint32_t needed = is_indirect ? 1 : total;
    int error = virtq_room_for(queue, needed, token);
    if (error != 0)
        return error;

    uint16_t tail = queue->free_head;
    if (is_indirect)
        fill_indirect(queue, buffers, readable, total);
    else
        tail = fill_direct(queue, buffers, readable, total);
    uint32_t writable_bytes = virtq_writable_bytes(buffers + readable, writable);
    virtq_split_add_chain(queue, tail, (uint16_t)needed, writable_bytes, token);
    return 0;
}

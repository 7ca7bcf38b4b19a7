// SPDX-License-Identifier: MIT
// What split and packed rings share: for virtq.c, virtq_split.[ch] and virtq_packed.c.
#pragma once

#include <errno.h>

#include "kernel/compiler.h"
#include "kernel/panic.h"
#include "virtio/virtq_types.h"

#define VIRTQ_NOT_IN_FLIGHT UINT64_MAX

// Whether a chain goes through an indirect table. Up to two descriptors it takes the ring's even
// where it might: a table costs the device one more access to guest memory, which two descriptors
// side by side do not.
static inline bool virtq_is_indirect(const struct virtq *queue, uint32_t total)
{
    return total > 2 && total <= queue->config.indirect_entries;
}
static inline struct virtio_descriptor *virtq_table(const struct virtq *queue, uint16_t id)
{
    return &queue->indirect[(size_t)id * queue->config.indirect_entries];
}
// The most that the device may write into a chain.
static inline uint32_t virtq_writable_bytes(const struct virtq_buffer *buffers, uint32_t count)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += buffers[i].length;
    return bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
}
// Whether a chain that takes `needed` descriptors of the ring can be added. Returns: 0, -EIO or
// -ENOBUFS.
MUST_CHECK static inline int virtq_room_for(const struct virtq *queue, uint32_t needed,
                                            const void *token)
{
    ASSERT(needed > 0 && needed <= queue->config.size && token != NULL);
    if (queue->broken != NULL)
        return -EIO;
    return needed > queue->free_count ? -ENOBUFS : 0;
}
// Checks what the device says of a chain, each read once, and takes it back: what remains is to put
// the slot, *slot, into the free list. Returns: 1, or -EIO: it is not true, and the queue broken.
MUST_CHECK static inline __attribute__((always_inline)) int virtq_take_slot(
    struct virtq *queue, uint32_t id, uint32_t length, struct virtq_slot **slot,
    struct virtq_used *used)
{
    if (id > queue->mask) {
        virtq_break(queue, "used id is out of range", id);
        return -EIO;
    }
    *slot = &queue->slots[id];
    if ((*slot)->sequence >= queue->published) {
        virtq_break(queue, "used id is not in flight", id);
        return -EIO;
    }
    // 2.7.8.2, 2.8.6: means nothing where nothing was to be written; some tell how much they read.
    if ((*slot)->writable_bytes == 0)
        length = 0;
    if (length > (*slot)->writable_bytes) {
        virtq_break(queue, "used length is larger than the buffers", length);
        return -EIO;
    }
    used->token = (*slot)->token;
    used->length = length;
    (*slot)->sequence = VIRTQ_NOT_IN_FLIGHT;
    queue->free_count = (uint16_t)(queue->free_count + (*slot)->count);
    queue->taken++;
    return 1;
}

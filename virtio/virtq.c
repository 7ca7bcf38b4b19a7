// SPDX-License-Identifier: MIT
// What both layouts share.
#include "virtio/virtq.h"

#include <string.h>

#include "kernel/panic.h"

static size_t indirect_offset(const struct virtq_config *config)
{
    size_t ring = config->layout != NULL ? config->layout->ring_bytes(config->size)
                                         : virtq_split_ring_bytes(config->size);
    return ALIGN_UP(ring, CACHE_LINE_BYTES);
}

size_t virtq_shared_bytes(const struct virtq_config *config)
{
    size_t tables = sizeof(struct virtio_descriptor) * config->size * config->indirect_entries;
    return indirect_offset(config) + tables;
}

size_t virtq_private_bytes(const struct virtq_config *config)
{
    return sizeof(struct virtq_slot) * config->size;
}

void virtq_init(struct virtq *queue, const struct virtq_config *config, void *shared,
                void *private_memory)
{
    uint16_t size = config->size;
    ASSERT(size > 0 && size <= VIRTIO_QUEUE_SIZE_MAX && (size & (size - 1)) == 0);
    memset(queue, 0, sizeof(*queue));
    queue->config = *config;
    queue->ops = config->layout;
    queue->mask = size - 1;
    queue->indirect = (void *)((uint8_t *)shared + indirect_offset(config));
    queue->slots = private_memory;
    for (uint32_t i = 0; i < size; i++) {
        queue->slots[i].sequence = VIRTQ_NOT_IN_FLIGHT;
        queue->slots[i].next = (uint16_t)(i + 1);
    }
    queue->free_count = size;
    if (queue->ops != NULL)
        queue->ops->init(queue, shared);
    else
        virtq_split_init(queue, shared);
}

void virtq_break(struct virtq *queue, const char *reason, uint32_t value)
{
    if (queue->broken != NULL)
        return;
    queue->broken = reason;
    queue->broken_value = value;
}

const char *virtq_broken(const struct virtq *queue, uint32_t *value)
{
    if (value != NULL)
        *value = queue->broken_value;
    return queue->broken;
}

void *virtq_reclaim(struct virtq *queue)
{
    virtq_break(queue, "shut off", 0);
    for (uint32_t id = 0; id < queue->config.size; id++) {
        struct virtq_slot *slot = &queue->slots[id];
        if (slot->sequence == VIRTQ_NOT_IN_FLIGHT)
            continue;
        slot->sequence = VIRTQ_NOT_IN_FLIGHT;
        queue->taken++;
        return slot->token;
    }
    return NULL;
}

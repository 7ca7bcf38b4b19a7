// SPDX-License-Identifier: MIT
#include "virtio/core.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/pages.h"
#include "kernel/trace.h"

// What every device is offered.
static const struct virtio_feature common_features[] = {
    {VIRTIO_F_VERSION_1, VIRTIO_REQUIRED, "version_1", 0},
    {VIRTIO_F_EVENT_IDX, VIRTIO_WANTED, "event_idx", 0},
    {VIRTIO_F_INDIRECT_DESC, VIRTIO_WANTED, "indirect_desc", 0},
    {VIRTIO_F_RING_PACKED, VIRTIO_ACCEPTED, "ring_packed", 0},
    // DMA addresses are physical, and the rings' barriers the CPU's own, whatever the device says.
    {VIRTIO_F_ACCESS_PLATFORM, VIRTIO_ACCEPTED, "access_platform", 0},
    {VIRTIO_F_ORDER_PLATFORM, VIRTIO_ACCEPTED, "order_platform", 0},
};

struct negotiation {
    uint64_t offered, accepted;
    char line[256]; // " +version_1 -csum"
    size_t used;
    const char *missing; // a required feature, NULL if none misses
};

static void negotiate(struct negotiation *state, const struct virtio_feature *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_offered = (state->offered >> table[i].bit & 1) != 0 &&
                          (table[i].needs & ~state->offered) == 0; // 2.2.1
        if (is_offered)
            state->accepted |= 1ull << table[i].bit;
        else if (table[i].wish == VIRTIO_REQUIRED)
            state->missing = table[i].name;
        else if (table[i].wish == VIRTIO_ACCEPTED)
            continue;
        int length = snprintf(state->line + state->used, sizeof(state->line) - state->used, " %c%s",
                              is_offered ? '+' : '-', table[i].name);
        state->used += (size_t)length;
        if (state->used >= sizeof(state->line))
            state->used = sizeof(state->line) - 1;
    }
}

// Steps 4 to 6 of 3.1.1. Returns: NULL, or what is wrong.
static const char *agree_on_features(struct virtio_device *device)
{
    struct transport *transport = device->transport;
    struct negotiation state = {.offered = transport->ops->features_read(transport)};
    if (device->driver->packed == NULL)
        state.offered &= ~(1ull << VIRTIO_F_RING_PACKED);
    negotiate(&state, common_features, ARRAY_COUNT(common_features));
    negotiate(&state, device->driver->features, device->driver->feature_count);
    log_info("virtio: %s:%s", device->name, state.line);
    if (state.missing != NULL)
        return "a feature it needs is not offered";
    device->features = state.accepted;
    transport->ops->features_write(transport, state.accepted);
    transport->ops->status_write(transport, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
                                                VIRTIO_STATUS_FEATURES_OK);
    if ((transport->ops->status_read(transport) & VIRTIO_STATUS_FEATURES_OK) == 0)
        return "it refused the features it had offered";
    return NULL;
}

// The sequence of 3.1.1. Returns: NULL, or what is wrong; *is_set_up says whether setup()
// succeeded.
static const char *initialise(struct virtio_device *device, bool *is_set_up)
{
    struct transport *transport = device->transport;
    uint8_t status = VIRTIO_STATUS_ACKNOWLEDGE;
    if (transport->ops->reset(transport) != 0) // 1
        return "it does not come out of reset";
    transport->ops->status_write(transport, status); // 2
    status |= VIRTIO_STATUS_DRIVER;
    transport->ops->status_write(transport, status); // 3
    const char *wrong = agree_on_features(device);   // 4, 5, 6
    if (wrong != NULL)
        return wrong;
    status |= VIRTIO_STATUS_FEATURES_OK;
    *is_set_up = true;
    int error = device->driver->setup(device); // 7
    if (error == -ENOMEM)
        return "out of memory";
    if (error != 0)
        return "its queues or configuration are not usable";
    status |= VIRTIO_STATUS_DRIVER_OK;
    transport->ops->status_write(transport, status); // 8
    if ((transport->ops->status_read(transport) & VIRTIO_STATUS_NEEDS_RESET) != 0)
        return "it wants a reset at once";
    return NULL;
}

int virtio_device_start(struct virtio_device *device, const struct virtio_driver *driver)
{
    device->driver = driver;
    snprintf(device->name, sizeof(device->name), "%s at %s", driver->name,
             device->transport->place);
    bool is_set_up = false;
    const char *wrong = initialise(device, &is_set_up);
    if (wrong != NULL) {
        log_warn("virtio: %s is not usable: %s", device->name, wrong);
        device->transport->ops->status_write(device->transport, VIRTIO_STATUS_FAILED);
        device->transport->ops->shut_off(device->transport);
        device->is_shut_off = true;
        if (is_set_up)
            driver->undo(device);
        return -EIO;
    }
    driver->start(device);
    return 0;
}

int virtio_config_read(struct virtio_device *device, uint32_t offset, void *field,
                       size_t size_bytes)
{
    return device->transport->ops->config_read(device->transport, offset, field, size_bytes);
}

static uint16_t round_down_to_power_of_two(uint16_t value)
{
    while ((value & (value - 1)) != 0)
        value &= (uint16_t)(value - 1);
    return value;
}

int virtio_queue_create(struct virtio_device *device, struct virtio_queue *queue, uint16_t index,
                        uint16_t size_max, uint16_t indirect_entries,
                        void (*interrupt)(void *context), void *context)
{
    struct transport *transport = device->transport;
    uint16_t size = transport->ops->queue_size_max(transport, index);
    if (size > size_max)
        size = size_max;
    size = round_down_to_power_of_two(size);
    if (size == 0)
        return -ENODEV;
    struct virtq_config config = {
        .size = size,
        .indirect_entries = virtio_has(device, VIRTIO_F_INDIRECT_DESC) ? indirect_entries : 0,
        .event_index = virtio_has(device, VIRTIO_F_EVENT_IDX),
        .layout = virtio_has(device, VIRTIO_F_RING_PACKED) ? device->driver->packed : NULL,
    };
    memset(queue, 0, sizeof(*queue));
    size_t shared_bytes = virtq_shared_bytes(&config);
    queue->device = device;
    queue->shared_pages = (shared_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    queue->shared = page_alloc(queue->shared_pages);
    queue->slots = heap_alloc_zeroed(virtq_private_bytes(&config));
    if (queue->shared == NULL || queue->slots == NULL) {
        virtio_queue_destroy(queue);
        return -ENOMEM;
    }
    memset(queue->shared, 0, queue->shared_pages * PAGE_BYTES);
    virtq_init(&queue->ring, &config, queue->shared, queue->slots);
    queue->place = (struct transport_queue){
        .index = index,
        .size = size,
        .descriptors_phys = (uintptr_t)queue->shared,
        .driver_phys = (uintptr_t)queue->ring.driver_area,
        .device_phys = (uintptr_t)queue->ring.device_area,
        .interrupt = interrupt,
        .context = context,
    };
    log_debug("virtio: %s: queue %u of %u buffers", transport->place, index, size);
    return transport->ops->queue_start(transport, &queue->place);
}

void virtio_queue_destroy(struct virtio_queue *queue)
{
    if (queue->shared != NULL)
        page_free(queue->shared, queue->shared_pages);
    heap_free(queue->slots);
    queue->shared = NULL;
    queue->slots = NULL;
}

void virtio_queue_notify(struct virtio_queue *queue)
{
    if (queue->device->is_shut_off)
        return;
    trace_event(TRACE_QUEUE, queue->place.index, queue->ring.published);
    struct transport *transport = queue->device->transport;
    transport->ops->notify(transport, &queue->place);
}

bool virtio_queue_flush(struct virtio_queue *queue)
{
    virtq_publish(&queue->ring);
    if (!virtq_needs_notify(&queue->ring))
        return false;
    virtio_queue_notify(queue);
    return true;
}

void virtio_shut_off(struct virtio_device *device, const char *what, const char *reason,
                     uint32_t value)
{
    if (device->is_shut_off)
        return;
    device->is_shut_off = true;
    device->transport->ops->shut_off(device->transport);
    log_error_once(&device->is_end_told, "virtio: %s is shut off: %s: %s: %u", device->name, what,
                   reason, value);
}

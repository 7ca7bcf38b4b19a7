// SPDX-License-Identifier: MIT
#include "fake_virtio.h"

#include <errno.h>
#include <string.h>

#include "host.h"

void fake_queue_attach(struct fake_queue *queue, uint16_t size, bool event_index, void *descriptors,
                       void *available, void *used)
{
    memset(queue, 0, sizeof(*queue));
    queue->size = size;
    queue->event_index = event_index;
    queue->descriptors = descriptors;
    queue->available = available;
    queue->used = used;
    assert_int_equal((uintptr_t)descriptors % 16, 0); // 2.7
    assert_int_equal((uintptr_t)available % 2, 0);
    assert_int_equal((uintptr_t)used % 4, 0);
}

static void add_buffer(struct fake_chain *chain, const struct virtio_descriptor *descriptor)
{
    uint32_t count = chain->readable + chain->writable;
    assert_true(count < FAKE_BUFFERS_MAX);
    chain->buffers[count].data = (uint8_t *)(uintptr_t)descriptor->address_phys;
    chain->buffers[count].length = descriptor->length;
    if (descriptor->flags & VIRTIO_DESCRIPTOR_WRITE) {
        chain->writable++;
        chain->writable_bytes += descriptor->length;
    } else {
        assert_int_equal(chain->writable, 0); // 2.7.4.2: readable ones come first
        chain->readable++;
    }
}

static void walk(struct fake_chain *chain, const struct virtio_descriptor *table, uint32_t size,
                 uint16_t id)
{
    for (uint32_t i = 0;; i++) {
        assert_true(id < size && i < size); // no loop
        const struct virtio_descriptor *descriptor = &table[id];
        assert_int_equal(descriptor->flags & VIRTIO_DESCRIPTOR_INDIRECT, 0);
        add_buffer(chain, descriptor);
        if ((descriptor->flags & VIRTIO_DESCRIPTOR_NEXT) == 0)
            return;
        id = descriptor->next;
    }
}

bool fake_queue_pop(struct fake_queue *queue, struct fake_chain *chain)
{
    uint16_t index = atomic_load_explicit(&queue->available->index, memory_order_acquire);
    if (index == queue->seen)
        return false;
    assert_true((uint16_t)(index - queue->seen) <= queue->size);
    memset(chain, 0, sizeof(*chain));
    chain->id = queue->available->ring[queue->seen % queue->size];
    queue->seen++;
    assert_true(chain->id < queue->size);
    const struct virtio_descriptor *head = &queue->descriptors[chain->id];
    if (head->flags & VIRTIO_DESCRIPTOR_INDIRECT) {
        assert_int_equal(head->flags, VIRTIO_DESCRIPTOR_INDIRECT); // 2.7.5.3.1: and nothing more
        assert_int_equal(head->length % sizeof(struct virtio_descriptor), 0);
        chain->is_indirect = true;
        walk(chain, (void *)(uintptr_t)head->address_phys,
             head->length / sizeof(struct virtio_descriptor), 0);
    } else {
        walk(chain, queue->descriptors, queue->size, chain->id);
    }
    return true;
}

void fake_queue_write_used(struct fake_queue *queue, uint32_t id, uint32_t length)
{
    struct virtio_used_element *element = &queue->used->ring[queue->used_index % queue->size];
    element->id = id;
    element->length = length;
    queue->used_index++;
}

void fake_queue_show(struct fake_queue *queue)
{
    atomic_store_explicit(&queue->used->index, queue->used_index, memory_order_release);
}

bool fake_queue_wants_interrupt(struct fake_queue *queue)
{
    uint16_t before = queue->signalled;
    queue->signalled = queue->used_index;
    if (before == queue->used_index)
        return false;
    if (!queue->event_index)
        return (queue->available->flags & VIRTIO_AVAILABLE_NO_INTERRUPT) == 0;
    assert_int_equal(queue->available->flags, 0); // 2.7.7.1
    // 2.7.7.2 by counting, not by the formula under test: is the event among the new indices?
    uint16_t event = queue->available->ring[queue->size];
    for (uint16_t i = before; i != queue->used_index; i++)
        if (i == event)
            return true;
    return false;
}

static _Atomic uint16_t *avail_event(struct fake_queue *queue)
{
    return (_Atomic uint16_t *)&queue->used->ring[queue->size];
}

bool fake_queue_ask_notify(struct fake_queue *queue)
{
    queue->used->flags = 0;
    if (queue->event_index)
        *avail_event(queue) = queue->seen;
    return queue->available->index != queue->seen;
}

void fake_queue_ignore_notify(struct fake_queue *queue)
{
    if (queue->event_index)
        *avail_event(queue) = (uint16_t)(queue->seen - 1);
    else
        queue->used->flags = VIRTIO_USED_NO_NOTIFY;
}

// ---- device -------------------------------------------------------------------------------------

static struct fake_device *from(struct transport *transport)
{
    return CONTAINER_OF(transport, struct fake_device, transport);
}

static uint8_t status_read(struct transport *transport)
{
    return from(transport)->status;
}

static void status_write(struct transport *transport, uint8_t status)
{
    struct fake_device *self = from(transport);
    assert_true(self->status_count < sizeof(self->statuses));
    self->statuses[self->status_count++] = status;
    if (self->refuses_features)
        status &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
    self->status = status;
}

static int reset(struct transport *transport)
{
    struct fake_device *self = from(transport);
    if (self->ignores_reset)
        return -ETIMEDOUT;
    status_write(transport, 0);
    return 0;
}

static uint64_t features_read(struct transport *transport)
{
    assert_int_equal(from(transport)->status, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    return from(transport)->offered;
}

static void features_write(struct transport *transport, uint64_t features)
{
    struct fake_device *self = from(transport);
    assert_int_equal(features & ~self->offered, 0); // 2.2.1
    self->accepted = features;
}

static int config_read(struct transport *transport, uint32_t offset, void *field, size_t size_bytes)
{
    struct fake_device *self = from(transport);
    if (offset + size_bytes > sizeof(self->config))
        return -EINVAL;
    memcpy(field, self->config + offset, size_bytes);
    return 0;
}

static int config_interrupt(struct transport *transport, void (*interrupt)(void *context),
                            void *context)
{
    from(transport)->config_interrupt = interrupt;
    from(transport)->config_context = context;
    return 0;
}

static uint16_t queue_size_max(struct transport *transport, uint16_t index)
{
    struct fake_device *self = from(transport);
    return index < self->queue_count ? self->queue_size : 0;
}

static int queue_start(struct transport *transport, struct transport_queue *queue)
{
    struct fake_device *self = from(transport);
    assert_int_equal(self->status, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
                                       VIRTIO_STATUS_FEATURES_OK); // 3.1.1, step 7
    self->places[queue->index] = *queue;
    fake_queue_attach(&self->queues[queue->index], queue->size,
                      (self->accepted >> VIRTIO_F_EVENT_IDX & 1) != 0,
                      (void *)(uintptr_t)queue->descriptors_phys,
                      (void *)(uintptr_t)queue->driver_phys, (void *)(uintptr_t)queue->device_phys);
    return 0;
}

static void notify(struct transport *transport, const struct transport_queue *queue)
{
    struct fake_device *self = from(transport);
    assert_true((self->status & VIRTIO_STATUS_DRIVER_OK) != 0); // 3.1.1: not before
    self->notifications[queue->index]++;
}

static void shut_off(struct transport *transport)
{
    from(transport)->is_shut_off = true;
    from(transport)->status = 0;
}

static const struct transport_ops operations = {
    .status_read = status_read,
    .status_write = status_write,
    .reset = reset,
    .features_read = features_read,
    .features_write = features_write,
    .config_read = config_read,
    .config_interrupt = config_interrupt,
    .queue_size_max = queue_size_max,
    .queue_start = queue_start,
    .notify = notify,
    .shut_off = shut_off,
};

void fake_device_init(struct fake_device *device, uint32_t device_type, uint64_t offered)
{
    memset(device, 0, sizeof(*device));
    device->transport.ops = &operations;
    device->transport.device_type = device_type;
    strcpy(device->transport.place, "00:02.0");
    device->offered = offered;
    device->queue_size = 64;
    device->queue_count = 2;
    device->status = VIRTIO_STATUS_FAILED; // whatever was before the reset
}

bool fake_device_complete(struct fake_device *device, unsigned queue)
{
    fake_queue_show(&device->queues[queue]);
    struct transport_queue *place = &device->places[queue];
    if (!fake_queue_wants_interrupt(&device->queues[queue]) || place->interrupt == NULL)
        return false;
    place->interrupt(place->context);
    return true;
}

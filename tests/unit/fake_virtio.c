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

// ---- packed rings, 2.8 --------------------------------------------------------------------------

static bool is_odd_lap(const struct fake_queue *queue, uint32_t position)
{
    return position / queue->size % 2 == 0;
}

static uint32_t event_at(const struct fake_queue *queue, uint32_t position)
{
    uint32_t wrap = is_odd_lap(queue, position) ? 0x8000 : 0;
    return 2u << 16 | wrap | position % queue->size;
}

void fake_queue_attach_packed(struct fake_queue *queue, uint16_t size, bool event_index,
                              void *descriptors, void *driver, void *device)
{
    memset(queue, 0, sizeof(*queue));
    assert_true(size <= FAKE_PACKED_MAX);
    assert_int_equal((uintptr_t)descriptors % 16, 0); // 2.8.10.1
    assert_int_equal((uintptr_t)driver % 4, 0);
    assert_int_equal((uintptr_t)device % 4, 0);
    queue->size = size;
    queue->event_index = event_index;
    queue->is_packed = true;
    queue->packed.ring = descriptors;
    queue->packed.driver_event = driver;
    queue->packed.device_event = device;
    (void)fake_queue_ask_notify(queue);
}

static bool is_available(const struct fake_queue *queue, uint32_t position)
{
    uint16_t flags = atomic_load_explicit(&queue->packed.ring[position % queue->size].flags,
                                          memory_order_acquire);
    uint16_t expected = is_odd_lap(queue, position) ? VIRTIO_PACKED_AVAILABLE : VIRTIO_PACKED_USED;
    return (flags & (VIRTIO_PACKED_AVAILABLE | VIRTIO_PACKED_USED)) == expected;
}

static void add_packed(struct fake_chain *chain, const struct virtio_packed_descriptor *descriptor)
{
    struct virtio_descriptor same = {descriptor->address_phys, descriptor->length,
                                     descriptor->flags, 0};
    add_buffer(chain, &same);
}

static bool pop_packed(struct fake_queue *queue, struct fake_chain *chain)
{
    struct fake_packed *packed = &queue->packed;
    if (!is_available(queue, packed->position))
        return false;
    memset(chain, 0, sizeof(*chain));
    uint16_t count = 0;
    const struct virtio_packed_descriptor *descriptor;
    do {
        assert_true(is_available(queue, packed->position));
        descriptor = &packed->ring[packed->position++ % queue->size];
        if (descriptor->flags & VIRTIO_DESCRIPTOR_INDIRECT) {
            assert_int_equal(descriptor->flags & 7, VIRTIO_DESCRIPTOR_INDIRECT); // and alone
            assert_int_equal(count, 0);
            chain->is_indirect = true;
            const struct virtio_packed_descriptor *table = (void *)descriptor->address_phys;
            for (uint32_t i = 0; i < descriptor->length / sizeof(*table); i++)
                add_packed(chain, &table[i]);
        } else {
            add_packed(chain, descriptor);
        }
        assert_true(++count <= queue->size);
    } while (descriptor->flags & VIRTIO_DESCRIPTOR_NEXT);
    chain->id = descriptor->id;
    assert_true(chain->id < queue->size);
    packed->counts[chain->id] = count;
    return true;
}

static void write_used_packed(struct fake_packed *packed, uint32_t id, uint32_t length)
{
    assert_true(packed->waiting_count < FAKE_PACKED_MAX);
    packed->waiting[packed->waiting_count].position = packed->used;
    packed->waiting[packed->waiting_count].id = id;
    packed->waiting[packed->waiting_count++].length = length;
    uint16_t count = id < FAKE_PACKED_MAX ? packed->counts[id] : 0;
    packed->used += count > 0 ? count : 1; // a hostile id
}

static void show_packed(struct fake_queue *queue)
{
    struct fake_packed *packed = &queue->packed;
    while (packed->waiting_count > 0) { // the first one last: the driver goes by order
        uint32_t i = --packed->waiting_count, position = packed->waiting[i].position;
        struct virtio_packed_descriptor *descriptor = &packed->ring[position % queue->size];
        descriptor->id = (uint16_t)packed->waiting[i].id;
        descriptor->length = packed->waiting[i].length;
        atomic_store_explicit(
            &descriptor->flags,
            is_odd_lap(queue, position) ? VIRTIO_PACKED_AVAILABLE | VIRTIO_PACKED_USED : 0,
            memory_order_release);
    }
    packed->shown = packed->used;
}

static bool wants_interrupt_packed(struct fake_queue *queue)
{
    struct fake_packed *packed = &queue->packed;
    uint32_t before = packed->signalled, event = *packed->driver_event;
    packed->signalled = packed->shown;
    if (event >> 16 == 0 && !queue->event_index)
        return before != packed->shown;
    if (event >> 16 == 1)
        return false;
    assert_int_equal(event >> 16, 2);
    assert_true(queue->event_index);
    for (uint32_t i = before; i != packed->shown; i++) // by counting
        if (event == event_at(queue, i))
            return true;
    return false;
}

// ---- both ---------------------------------------------------------------------------------------

bool fake_queue_pop(struct fake_queue *queue, struct fake_chain *chain)
{
    if (queue->is_packed)
        return pop_packed(queue, chain);
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
    if (queue->is_packed) {
        write_used_packed(&queue->packed, id, length);
        return;
    }
    struct virtio_used_element *element = &queue->used->ring[queue->used_index % queue->size];
    element->id = id;
    element->length = length;
    queue->used_index++;
}

void fake_queue_show(struct fake_queue *queue)
{
    if (queue->is_packed) {
        show_packed(queue);
        return;
    }
    atomic_store_explicit(&queue->used->index, queue->used_index, memory_order_release);
}

bool fake_queue_wants_interrupt(struct fake_queue *queue)
{
    if (queue->is_packed)
        return wants_interrupt_packed(queue);
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
    if (queue->is_packed) {
        *queue->packed.device_event =
            queue->event_index ? event_at(queue, queue->packed.position) : 0;
        return is_available(queue, queue->packed.position);
    }
    queue->used->flags = 0;
    if (queue->event_index)
        *avail_event(queue) = queue->seen;
    return queue->available->index != queue->seen;
}

void fake_queue_ignore_notify(struct fake_queue *queue)
{
    if (queue->is_packed)
        *queue->packed.device_event = 1u << 16;
    else if (queue->event_index)
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
    bool is_packed = (self->accepted >> VIRTIO_F_RING_PACKED & 1) != 0;
    (is_packed ? fake_queue_attach_packed : fake_queue_attach)(
        &self->queues[queue->index], queue->size, (self->accepted >> VIRTIO_F_EVENT_IDX & 1) != 0,
        (void *)(uintptr_t)queue->descriptors_phys, (void *)(uintptr_t)queue->driver_phys,
        (void *)(uintptr_t)queue->device_phys);
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

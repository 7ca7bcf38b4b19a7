// SPDX-License-Identifier: MIT
// The entropy device: asked once at boot and every few minutes, polled, without an interrupt.
// Spec: VIRTIO 1.2, 5.4.
#include <errno.h>
#include <string.h>

#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/random.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "virtio/drivers.h"

#define REQUEST_BYTES   64
#define QUEUE_SIZE_MAX  8
#define FIRST_WAIT_NS   (100 * NS_PER_MS) // boot does not wait longer
#define FIRST_POLL_NS   (200 * NS_PER_US)
#define ANSWER_AFTER_NS (100 * NS_PER_MS)
#define AGAIN_AFTER_NS  (300 * NS_PER_S)

struct virtio_rng {
    struct virtio_device *device;
    struct virtio_queue queue;
    uint8_t bytes[REQUEST_BYTES]; // the device's while a request is out
    struct timer timer;
};

static void ask(struct virtio_rng *self)
{
    if (virtq_add_writable(&self->queue.ring, (uintptr_t)self->bytes, sizeof(self->bytes), self) ==
        0)
        (void)virtio_queue_flush(&self->queue);
}

// Returns: bytes of entropy that came, 0 when the device did not answer yet, or -EIO.
static int take_answer(struct virtio_rng *self)
{
    struct virtq_used used;
    int got = virtq_take(&self->queue.ring, &used);
    if (got < 0) {
        uint32_t value;
        const char *reason = virtq_broken(&self->queue.ring, &value);
        virtio_shut_off(self->device, "queue", reason, value);
        return got;
    }
    if (got == 0)
        return 0;
    random_seed(self->bytes, used.length);
    memset(self->bytes, 0, sizeof(self->bytes)); // nobody finds them here later
    return (int)used.length;
}

// Asks, comes back for the answer, and sleeps in between: two short turns of the loop in minutes.
static void timer_expired(struct timer *timer)
{
    struct virtio_rng *self = CONTAINER_OF(timer, struct virtio_rng, timer);
    uint64_t next_ns = AGAIN_AFTER_NS;
    if (virtq_in_flight(&self->queue.ring) == 0) {
        ask(self);
        next_ns = ANSWER_AFTER_NS;
    } else if (take_answer(self) < 0) {
        return;
    }
    timer_start(timer, time_now_ns() + next_ns);
}

static int rng_setup(struct virtio_device *device)
{
    struct virtio_rng *self = heap_alloc_zeroed(sizeof(*self));
    if (self == NULL)
        return -ENOMEM;
    device->driver_data = self;
    self->device = device;
    self->timer.expired = timer_expired;
    return virtio_queue_create(device, &self->queue, 0, QUEUE_SIZE_MAX, 0, NULL, NULL);
}

static void rng_undo(struct virtio_device *device)
{
    struct virtio_rng *self = device->driver_data;
    if (self == NULL)
        return;
    virtio_queue_destroy(&self->queue);
    heap_free(self);
    device->driver_data = NULL;
}

static void rng_start(struct virtio_device *device)
{
    struct virtio_rng *self = device->driver_data;
    ask(self);
    if (random_is_strong()) { // by the firmware or the CPU: the boot need not wait for more
        timer_start(&self->timer, time_now_ns() + ANSWER_AFTER_NS);
        return;
    }
    uint64_t deadline_ns = time_now_ns() + FIRST_WAIT_NS;
    int got;
    while ((got = take_answer(self)) == 0 && time_now_ns() < deadline_ns)
        thread_sleep_until(time_now_ns() + FIRST_POLL_NS);
    if (got < 0)
        return;
    if (got == 0)
        log_warn("virtio: %s: no entropy within 100 ms; what comes later is still used",
                 device->name);
    else
        log_info("virtio: %s: %d bytes of entropy", device->name, got);
    timer_start(&self->timer, time_now_ns() + (got == 0 ? ANSWER_AFTER_NS : AGAIN_AFTER_NS));
}

const struct virtio_driver virtio_rng_driver = {
    .device_type = VIRTIO_TYPE_RNG,
    .name = "rng",
    .setup = rng_setup,
    .start = rng_start,
    .undo = rng_undo,
};

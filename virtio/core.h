// SPDX-License-Identifier: MIT
// What all virtio drivers share: the initialisation sequence, feature negotiation, making queues,
// and shutting a device off that broke its contract.
// Context: a thread of the device's core.
// Spec: VIRTIO 1.2, 3.1.
#pragma once

#include "virtio/transport.h"
#include "virtio/virtq.h"

// How much a driver wants a feature.
enum virtio_wish {
    VIRTIO_ACCEPTED, // makes no difference: taken if the device insists, not missed in the log
    VIRTIO_WANTED,
    VIRTIO_REQUIRED,
};

struct virtio_feature {
    uint8_t bit;
    enum virtio_wish wish;
    const char *name; // as in the log
    uint64_t needs;   // bits of features without which it is left
};

struct virtio_device {
    struct transport *transport;
    const struct virtio_driver *driver;
    char name[32];     // "net at 00:02.0"
    uint64_t features; // negotiated
    bool is_shut_off;  // one of its cores did it, the others find out
    bool is_end_told;  // core 0's: why stands in the log
    void *driver_data;
};

// One row for each type of device.
struct virtio_driver {
    uint32_t device_type;
    const char *name;
    const struct virtio_feature *features; // wanted, besides those every queue uses
    size_t feature_count;
    const struct virtq_ops *packed; // how it works with packed rings; NULL: with split ones only
    // Step 7: reads the configuration, makes queues; the device does nothing yet.
    int (*setup)(struct virtio_device *device);
    // After step 8: the device works.
    void (*start)(struct virtio_device *device);
    // setup() or a later step failed, and the device is reset: frees what setup() made.
    void (*undo)(struct virtio_device *device);
};

struct virtio_queue {
    struct virtq ring;
    struct virtio_device *device;
    struct transport_queue place;
    void *shared, *slots;
    size_t shared_pages;
};

// Runs the initialisation sequence with one driver. The log gets one line of features, with + for
// what is used and - for what the device does not offer; or says why the device is not usable.
// Owns: the device, for good if it succeeds. Returns: 0 or negative.
int virtio_device_start(struct virtio_device *device,
                        const struct virtio_driver *driver) MUST_CHECK;

static inline bool virtio_has(const struct virtio_device *device, unsigned bit)
{
    return (device->features >> bit & 1) != 0;
}

// Reads a field of the device's configuration. Returns: 0 or negative.
int virtio_config_read(struct virtio_device *device, uint32_t offset, void *field,
                       size_t size_bytes) MUST_CHECK;

// Makes queue `index` with at most `size_max` entries and gives it to the device; `interrupt` may
// be NULL. Returns: 0; -ENODEV when the device has no such queue; -ENOMEM; what the transport says.
int virtio_queue_create(struct virtio_device *device, struct virtio_queue *queue, uint16_t index,
                        uint16_t size_max, uint16_t indirect_entries,
                        void (*interrupt)(void *context), void *context) MUST_CHECK;
// Frees a queue's memory, if it has any. The device is reset.
void virtio_queue_destroy(struct virtio_queue *queue);
// Publishes, and tells the device if it wants to know. Returns: true if it was told.
bool virtio_queue_flush(struct virtio_queue *queue);
// Tells the device whether it wants to know or not.
void virtio_queue_notify(struct virtio_queue *queue);

// Ends the device: it can touch memory no more. Says why in the log, once.
void virtio_shut_off(struct virtio_device *device, const char *what, const char *reason,
                     uint32_t value);

// Finds all virtio devices and starts those that have a driver; others are named in the log.
// Those that the boot need not wait for get a thread of their own.
// Context: a thread of core 0, once, with timers running.
void virtio_probe_all(void);

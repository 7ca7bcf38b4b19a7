// SPDX-License-Identifier: MIT
// The device's side of virtio in plain C, on the same memory, one step at a time: a queue that
// obeys the specification (and checks that the driver does), and a device behind a fake transport.
// Tests turn it hostile by writing into the rings themselves.
#pragma once

#include "virtio/transport.h"
#include "virtio/virtio.h"

#define FAKE_PACKED_MAX 512 // entries of a packed queue

// A packed queue's own; positions count descriptors, lap after lap.
struct fake_packed {
    struct virtio_packed_descriptor *ring;
    _Atomic uint32_t *driver_event, *device_event;
    uint32_t position;                // of the next chain
    uint32_t used, shown, signalled;  // written so far; shown; when last asked for an interrupt
    uint16_t counts[FAKE_PACKED_MAX]; // descriptors of a chain taken, by id
    struct {
        uint32_t position, id, length;
    } waiting[FAKE_PACKED_MAX]; // written, not shown
    uint32_t waiting_count;
};

struct fake_queue {
    uint16_t size;
    bool event_index, is_packed;
    struct fake_packed packed;
    struct virtio_descriptor *descriptors;
    struct virtio_available *available;
    struct virtio_used *used;
    uint16_t seen;       // available entries taken
    uint16_t used_index; // as last written
    uint16_t signalled;  // used index when fake_queue_wants_interrupt() was last asked
};

#define FAKE_BUFFERS_MAX 64

struct fake_chain {
    uint16_t id;
    bool is_indirect;
    uint32_t readable, writable; // buffers
    uint32_t writable_bytes;
    struct {
        uint8_t *data;
        uint32_t length;
    } buffers[FAKE_BUFFERS_MAX];
};

void fake_queue_attach(struct fake_queue *queue, uint16_t size, bool event_index, void *descriptors,
                       void *available, void *used);
// The same for a packed ring.
void fake_queue_attach_packed(struct fake_queue *queue, uint16_t size, bool event_index,
                              void *descriptors, void *driver, void *device);
// Takes the next chain, and fails the test if it breaks a rule. Returns: false without one.
bool fake_queue_pop(struct fake_queue *queue, struct fake_chain *chain);
// Writes one used entry; fake_queue_show() moves the index over all written so far.
void fake_queue_write_used(struct fake_queue *queue, uint32_t id, uint32_t length);
void fake_queue_show(struct fake_queue *queue);
// Whether the driver wants an interrupt for what was shown since the last call.
bool fake_queue_wants_interrupt(struct fake_queue *queue);
// Asks for a notification at the next chain. Returns: true if there is one already.
bool fake_queue_ask_notify(struct fake_queue *queue);
// Asks for none.
void fake_queue_ignore_notify(struct fake_queue *queue);

#define FAKE_QUEUES_MAX 12

struct fake_device {
    struct transport transport;
    // set by the test
    uint64_t offered;
    uint8_t config[64];
    uint16_t queue_size;
    uint16_t queue_count;
    bool refuses_features, ignores_reset;
    // what the driver did
    uint64_t accepted;
    uint8_t status;
    uint8_t statuses[16]; // in the order written
    size_t status_count;
    bool is_shut_off;
    struct fake_queue queues[FAKE_QUEUES_MAX];
    struct transport_queue places[FAKE_QUEUES_MAX];
    unsigned notifications[FAKE_QUEUES_MAX];
    void (*config_interrupt)(void *context);
    void *config_context;
};

void fake_device_init(struct fake_device *device, uint32_t device_type, uint64_t offered);
// Shows what was written and raises the queue's interrupt if the driver wants it.
// Returns: true if it was raised.
bool fake_device_complete(struct fake_device *device, unsigned queue);

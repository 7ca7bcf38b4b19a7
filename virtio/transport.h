// SPDX-License-Identifier: MIT
// How a virtio device is reached: a struct of functions that a transport fills. Above it nobody
// knows a bus, below it nobody knows what the device is for.
// Context: the device's core; `interrupt` functions run in interrupt context.
#pragma once

#include "kernel/compiler.h"

// What a transport must know of one queue.
struct transport_queue {
    uint16_t index;
    uint16_t size;                    // entries
    uint64_t descriptors_phys;        // descriptor area
    uint64_t driver_phys;             // available ring
    uint64_t device_phys;             // used ring
    void (*interrupt)(void *context); // raised on this core; NULL: the queue is only polled
    void *context;
    volatile void *doorbell; // set by the transport
};

struct transport;

struct transport_ops {
    uint8_t (*status_read)(struct transport *transport);
    void (*status_write)(struct transport *transport, uint8_t status);
    // Resets the device and waits for it. Returns: 0, or -ETIMEDOUT.
    int (*reset)(struct transport *transport) MUST_CHECK;
    uint64_t (*features_read)(struct transport *transport);
    void (*features_write)(struct transport *transport, uint64_t features);
    // Reads a field of the device's configuration, whole even if it changes meanwhile.
    // Returns: 0, or -EINVAL outside of it, or -EAGAIN when it never stood still.
    int (*config_read)(struct transport *transport, uint32_t offset, void *field,
                       size_t size_bytes) MUST_CHECK;
    // Raises `interrupt` on this core when the configuration changes. Returns: 0 or negative.
    int (*config_interrupt)(struct transport *transport, void (*interrupt)(void *context),
                            void *context) MUST_CHECK;
    // The most entries the device takes in a queue; 0: there is no such queue.
    uint16_t (*queue_size_max)(struct transport *transport, uint16_t index);
    // Gives the queue to the device. Returns: 0 or negative.
    int (*queue_start)(struct transport *transport, struct transport_queue *queue) MUST_CHECK;
    // Tells the device of new chains.
    void (*notify)(struct transport *transport, const struct transport_queue *queue);
    // Resets the device and takes its access to memory away, whether it answers or not.
    void (*shut_off)(struct transport *transport);
};

struct transport {
    const struct transport_ops *ops;
    char place[24];       // where it is, for the log: "00:02.0"
    uint32_t pci_address; // the same as a number
    uint32_t device_type;
};

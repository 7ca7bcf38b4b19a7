// SPDX-License-Identifier: MIT
// What a virtqueue is made of; virtq.h says how it is used.
#pragma once

#include "kernel/compiler.h"
#include "virtio/virtio.h"

struct virtq_buffer {
    uint64_t phys;
    uint32_t length; // bytes
};

struct virtq_used {
    void *token;
    uint32_t length; // bytes the device wrote, at most what it was given to write
};

struct virtq_slot { // of one buffer id. Split: of a descriptor, where only a head uses more than
                    // `next`
    void *token;
    uint64_t sequence;       // of the chain; not below `published`: not the device's
    uint32_t writable_bytes; // the most that `length` may say
    uint16_t next;           // of the chain (split), or of the free list
    uint16_t tail;           // last descriptor of the chain (split)
    uint16_t count;          // ring descriptors of the chain
};

struct virtq_config {
    uint16_t size;                  // entries, a power of two
    uint16_t indirect_entries;      // longest chain that may go through an indirect table, 0: none
    bool event_index;               // VIRTIO_F_EVENT_IDX
    const struct virtq_ops *layout; // NULL: split
};

struct virtq;

// What a layout other than split does; the functions below say what each is.
struct virtq_ops {
    size_t (*ring_bytes)(uint16_t size);
    void (*init)(struct virtq *queue, void *shared);
    int (*add)(struct virtq *queue, const struct virtq_buffer *buffers, uint32_t readable,
               uint32_t writable, void *token);
    int (*add_one)(struct virtq *queue, uint64_t phys, uint32_t length, uint16_t flags,
                   void *token);
    void (*publish)(struct virtq *queue);
    bool (*needs_notify)(struct virtq *queue);
    int (*take)(struct virtq *queue, struct virtq_used *used);
    bool (*has_used)(const struct virtq *queue);
    bool (*enable_interrupts_after)(struct virtq *queue, uint16_t count);
    void (*disable_interrupts)(struct virtq *queue);
};
extern const struct virtq_ops virtq_packed;

struct virtq {
    const struct virtq_ops *ops; // NULL: split, whose functions are called as such, so that an app
                                 // is linked without those that it does not use
    void *driver_area, *device_area;    // shared with the device, behind the descriptors
    struct virtio_descriptor *indirect; // likewise: `indirect_entries` for each descriptor
    struct virtq_slot *slots;
    struct virtq_config config;
    uint16_t mask;
    uint16_t free_head, free_count;   // ids in their list; descriptors
    uint64_t added, published, taken; // chains since the start
    const char *broken;               // why, NULL while all is well
    uint32_t broken_value;
    union {
        struct { // split
            struct virtio_descriptor *descriptors;
            struct virtio_available *available;
            struct virtio_used *used;
            _Atomic uint16_t *used_event;  // behind available: interrupt when passing this index
            _Atomic uint16_t *avail_event; // behind used: notify when passing this one
            uint16_t notified;             // available index when needs_notify() was last asked
            uint16_t used_next;            // used entry to take next
            uint16_t used_seen;            // used index as last read and checked
        };
        struct { // packed; positions are of descriptors and count on, lap after lap
            struct virtio_packed_descriptor *ring;
            uint32_t head;              // position to add at
            uint32_t tail;              // position to take from
            uint32_t shown;             // `head` when last published
            uint32_t notified_at;       // `shown` when needs_notify() was last asked
            uint16_t unpublished_flags; // of the first descriptor that the device may not see yet
        };
    };
};

// Marks the queue broken for a reason found above it; the first reason stays.
void virtq_break(struct virtq *queue, const char *reason, uint32_t value);

// SPDX-License-Identifier: MIT
// One split virtqueue: memory only. No device register is touched here, nothing is allocated, and
// nothing the device writes is believed before it was checked; what must be remembered of a chain
// is kept in private slots, descriptors are never read back.
//
// Recipe, sending side:
//     r = virtq_add(queue, buffers, readable, writable, token)   for each chain
//         0: the device's, from virtq_publish() on
//         -ENOBUFS: no room; take what is used, or wait; the caller still owns the buffers
//         -EIO: the queue is broken; shut the device off
//     virtq_publish(queue)                                       once a batch
//     if (virtq_needs_notify(queue)) notify the device
// Receiving side:
//     while ((r = virtq_take(queue, &used)) > 0) use used.token, used.length
//         0: nothing more now
//         -EIO: the device broke its side of the contract; virtq_broken() says how
//     if (virtq_enable_interrupts(queue)) take again: something came in between
//     else halt
// After -EIO: reset the device, then virtq_reclaim() gives back every token it still held.
//
// Context: all calls from threads of the one core that owns the queue; none blocks.
// Spec: VIRTIO 1.2, 2.7.
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

struct virtq_slot { // of one descriptor; only a chain's head uses more than `next`
    void *token;
    uint64_t sequence;       // of the chain; not below `published`: not the device's
    uint32_t writable_bytes; // the most that `length` may say
    uint16_t next;           // of the chain, or of the free list
    uint16_t tail;           // last descriptor of the chain
    uint16_t count;          // ring descriptors of the chain
};

struct virtq_config {
    uint16_t size;             // entries, a power of two
    uint16_t indirect_entries; // longest chain that may go through an indirect table, 0: none
    bool event_index;          // VIRTIO_F_EVENT_IDX
};

struct virtq {
    // shared with the device
    struct virtio_descriptor *descriptors;
    struct virtio_available *available;
    struct virtio_used *used;
    _Atomic uint16_t *used_event;  // behind available: interrupt when passing this index
    _Atomic uint16_t *avail_event; // behind used: the device wants a notification when passing it
    struct virtio_descriptor *indirect; // `indirect_entries` for each descriptor
    // private
    struct virtq_slot *slots;
    struct virtq_config config;
    uint16_t mask;
    uint16_t free_head, free_count;
    uint16_t notified;  // available index when virtq_needs_notify() was last asked
    uint16_t used_next; // used entry to take next
    uint16_t used_seen; // used index as last read and checked
    uint64_t added, published, taken; // chains since the start
    const char *broken; // why, NULL while all is well
    uint32_t broken_value;
};

// Bytes of page-aligned zeroed memory that queue and device share, and of private memory.
size_t virtq_shared_bytes(const struct virtq_config *config);
size_t virtq_private_bytes(const struct virtq_config *config);
// Builds an empty queue in memory of the sizes above; interrupts are not asked for.
void virtq_init(struct virtq *queue, const struct virtq_config *config, void *shared,
                void *private_memory);

// Makes one chain: `readable` buffers, then `writable` ones. The device does not see it until
// virtq_publish(). The token is not NULL. Owns: the device, until virtq_take() gives it back.
// Returns: 0, -ENOBUFS or -EIO; the caller then still owns the buffers.
int virtq_add(struct virtq *queue, const struct virtq_buffer *buffers, uint32_t readable,
              uint32_t writable, void *token) MUST_CHECK;
// The same for one writable buffer, in fewer instructions: what a receive queue is refilled with.
int virtq_add_writable(struct virtq *queue, uint64_t phys, uint32_t length, void *token) MUST_CHECK;
// Shows the device all chains added so far.
void virtq_publish(struct virtq *queue);
// Whether the device wants to hear of what was published since the last call.
bool virtq_needs_notify(struct virtq *queue) MUST_CHECK;

// Takes one chain back. Returns: 1, or 0 when there is none, or -EIO.
int virtq_take(struct virtq *queue, struct virtq_used *used) MUST_CHECK;
// Whether virtq_take() would not return 0.
bool virtq_has_used(const struct virtq *queue);
// Asks for an interrupt at the next used chain. Returns: true if there is one already (or the
// queue is broken, which virtq_take() will tell).
bool virtq_enable_interrupts(struct virtq *queue) MUST_CHECK;
// Asks for an interrupt when `count` more chains are used (without event index: at the next one).
// Returns: true if they are already.
bool virtq_enable_interrupts_after(struct virtq *queue, uint16_t count) MUST_CHECK;
// Asks for no interrupts. A late one may still come.
void virtq_disable_interrupts(struct virtq *queue);

// Descriptors that are free.
uint32_t virtq_room(const struct virtq *queue);
// Chains added and not taken back.
uint32_t virtq_in_flight(const struct virtq *queue);
// What the device did wrong, with the number that shows it; NULL while all is well.
const char *virtq_broken(const struct virtq *queue, uint32_t *value);
// Marks the queue broken for a reason found above it; the first reason stays.
void virtq_break(struct virtq *queue, const char *reason, uint32_t value);
// One token still in flight, or NULL when none is left.
// Context: only when the device can no longer touch memory. The queue is broken from then on.
void *virtq_reclaim(struct virtq *queue);

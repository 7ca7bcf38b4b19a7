// SPDX-License-Identifier: MIT
// One virtqueue: memory only. Its ring is split (virtq_split.c) or packed (virtq_packed.c), by what
// was agreed with the device, and nobody above need know. No device register is touched here,
// nothing is allocated, and nothing the device writes is believed before it was checked; what must
// be remembered of a chain is kept in private slots, descriptors are never read back.
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
// Spec: VIRTIO 1.2, 2.7 and 2.8.
#pragma once

#include "virtio/virtq_split.h"
#include "virtio/virtq_types.h"

// Bytes of page-aligned zeroed memory that queue and device share, and of private memory.
size_t virtq_shared_bytes(const struct virtq_config *config);
size_t virtq_private_bytes(const struct virtq_config *config);
// Builds an empty queue in memory of the sizes above; interrupts are not asked for.
void virtq_init(struct virtq *queue, const struct virtq_config *config, void *shared,
                void *private_memory);

// Makes one chain: `readable` buffers, then `writable` ones. The device does not see it until
// virtq_publish(). The token is not NULL. Owns: the device, until virtq_take() gives it back.
// Returns: 0, -ENOBUFS or -EIO; the caller then still owns the buffers.
MUST_CHECK static inline int virtq_add(struct virtq *queue, const struct virtq_buffer *buffers,
                                       uint32_t readable, uint32_t writable, void *token)
{
    if (__builtin_expect(queue->ops != NULL, 0))
        return queue->ops->add(queue, buffers, readable, writable, token);
    return virtq_split_add(queue, buffers, readable, writable, token);
}
// The same for one buffer, in fewer instructions. `flags`: 0 or VIRTIO_DESCRIPTOR_WRITE.
MUST_CHECK static inline int virtq_add_one(struct virtq *queue, uint64_t phys, uint32_t length,
                                           uint16_t flags, void *token)
{
    if (__builtin_expect(queue->ops != NULL, 0))
        return queue->ops->add_one(queue, phys, length, flags, token);
    return virtq_split_add_one(queue, phys, length, flags, token);
}
MUST_CHECK static inline int virtq_add_writable(struct virtq *queue, uint64_t phys, uint32_t length,
                                                void *token)
{
    return virtq_add_one(queue, phys, length, VIRTIO_DESCRIPTOR_WRITE, token);
}
MUST_CHECK static inline int virtq_add_readable(struct virtq *queue, uint64_t phys, uint32_t length,
                                                void *token)
{
    return virtq_add_one(queue, phys, length, 0, token);
}
// Shows the device all chains added so far.
static inline void virtq_publish(struct virtq *queue)
{
    if (__builtin_expect(queue->ops != NULL, 0))
        queue->ops->publish(queue);
    else
        virtq_split_publish(queue);
}
// Whether the device wants to hear of what was published since the last call.
MUST_CHECK static inline bool virtq_needs_notify(struct virtq *queue)
{
    if (__builtin_expect(queue->ops != NULL, 0))
        return queue->ops->needs_notify(queue);
    return virtq_split_needs_notify(queue);
}

// Takes one chain back. Returns: 1, or 0 when there is none, or -EIO.
MUST_CHECK static inline int virtq_take(struct virtq *queue, struct virtq_used *used)
{
    if (__builtin_expect(queue->ops != NULL, 0))
        return queue->ops->take(queue, used);
    return virtq_split_take(queue, used);
}
// Whether virtq_take() would not return 0.
static inline bool virtq_has_used(const struct virtq *queue)
{
    if (__builtin_expect(queue->ops != NULL, 0))
        return queue->ops->has_used(queue);
    return virtq_split_has_used(queue);
}
// Asks for an interrupt when about `count` more chains are used (without event index: at the next
// one). Returns: true if there is something to take already that may be all of it (or the queue is
// broken, which virtq_take() will tell).
MUST_CHECK static inline bool virtq_enable_interrupts_after(struct virtq *queue, uint16_t count)
{
    if (__builtin_expect(queue->ops != NULL, 0))
        return queue->ops->enable_interrupts_after(queue, count);
    return virtq_split_enable_interrupts_after(queue, count);
}
// At the next used chain. Returns: true if there is one already.
MUST_CHECK static inline bool virtq_enable_interrupts(struct virtq *queue)
{
    return virtq_enable_interrupts_after(queue, 1);
}
// Asks for no interrupts. A late one may still come.
static inline void virtq_disable_interrupts(struct virtq *queue)
{
    if (__builtin_expect(queue->ops != NULL, 0))
        queue->ops->disable_interrupts(queue);
    else
        virtq_split_disable_interrupts(queue);
}

// Descriptors that are free.
static inline uint32_t virtq_room(const struct virtq *queue)
{
    return queue->free_count;
}
// Chains added and not taken back.
static inline uint32_t virtq_in_flight(const struct virtq *queue)
{
    return (uint32_t)(queue->added - queue->taken);
}
// What the device did wrong, with the number that shows it; NULL while all is well.
const char *virtq_broken(const struct virtq *queue, uint32_t *value);
// One token still in flight, or NULL when none is left.
// Context: only when the device can no longer touch memory. The queue is broken from then on.
void *virtq_reclaim(struct virtq *queue);

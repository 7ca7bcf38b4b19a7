// SPDX-License-Identifier: MIT
// A channel: a bounded queue of pointers between threads of one core, any number at each end. What
// goes in first comes out first. smp/channel.h is the same between two cores.
// Rules: those of kernel/sync.h. What a pointer leads to belongs to the receiver from the send on.
#pragma once

#include "kernel/sync.h"

struct channel {
    void **items; // a ring
    size_t capacity, first, count;
    bool closed;
    struct wait_queue senders, receivers;
};

// Owns: `items`, room for `capacity` pointers, which must stay as long as the channel is used.
void channel_start(struct channel *channel, void **items, size_t capacity);

// Blocks: while it is full. Returns: 0, -EPIPE once it is closed; the deadline gives -ETIMEDOUT.
int channel_send(struct channel *channel, void *item) MUST_CHECK;
int channel_send_until(struct channel *channel, void *item, uint64_t deadline_ns) MUST_CHECK;
// Returns: 0, -EAGAIN when full, -EPIPE once it is closed.
int channel_try_send(struct channel *channel, void *item) MUST_CHECK;

// Blocks: while it is empty. Returns: 0, -EPIPE once it is closed and empty; the deadline gives
// -ETIMEDOUT.
int channel_receive(struct channel *channel, void **item) MUST_CHECK;
int channel_receive_until(struct channel *channel, void **item, uint64_t deadline_ns) MUST_CHECK;
// Returns: 0, -EAGAIN when empty, -EPIPE once it is closed and empty.
int channel_try_receive(struct channel *channel, void **item) MUST_CHECK;

// Nothing goes in any more; what is in can still be received. Ends all waits.
void channel_close(struct channel *channel);

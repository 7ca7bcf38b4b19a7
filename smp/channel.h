// SPDX-License-Identifier: MIT
// A channel between two cores: a bounded queue of pointers from threads of one core to threads of
// another, on exchange slots. Each item travels in an envelope; there are as many envelopes as the
// channel may hold items, and each comes home when its item was received. So a sender waits when
// the receiver is behind, and no message needs memory. Both cores may be the same. Rules: a thread
// that waits does so as in kernel/sync.h. What a pointer leads to belongs to the receiving core
// from the send on.
#pragma once

#include "kernel/compiler.h"

struct cross_channel;

// A channel for up to `capacity` items on their way from a thread of `sender` to one of `receiver`.
// Returns: 0 and the channel, -EINVAL when there is no such core, -ENOMEM.
int cross_channel_create(unsigned sender, unsigned receiver, size_t capacity,
                         struct cross_channel **channel) MUST_CHECK;
// Frees it. Context: a thread of the sender core; nobody sends any more. Blocks: until all items
// were received and, if it was closed, the receiver was told so: it must not come again then. If it
// was not closed, no thread may wait at the receiver.
void cross_channel_destroy(struct cross_channel *channel);

// Context: the sender core. Blocks: while `capacity` items are on their way. Returns: 0, -EPIPE
// once it is closed; the deadline gives -ETIMEDOUT.
int cross_channel_send(struct cross_channel *channel, void *item) MUST_CHECK;
int cross_channel_send_until(struct cross_channel *channel, void *item,
                             uint64_t deadline_ns) MUST_CHECK;
// Returns: 0, -EAGAIN when it would wait, -EPIPE once it is closed.
int cross_channel_try_send(struct cross_channel *channel, void *item) MUST_CHECK;
// Nothing goes in any more; what is under way can still be received. Context: the sender core.
void cross_channel_close(struct cross_channel *channel);

// Context: the receiver core. Blocks: while nothing has arrived. Returns: 0, -EPIPE once it is
// closed and everything was received; the deadline gives -ETIMEDOUT.
int cross_channel_receive(struct cross_channel *channel, void **item) MUST_CHECK;
int cross_channel_receive_until(struct cross_channel *channel, void **item,
                                uint64_t deadline_ns) MUST_CHECK;
// Returns: 0, -EAGAIN when it would wait, -EPIPE once it is closed and everything was received.
int cross_channel_try_receive(struct cross_channel *channel, void **item) MUST_CHECK;

// SPDX-License-Identifier: MIT
#include "smp/channel.h"

#include <errno.h>

#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/panic.h"
#include "kernel/sync.h"
#include "kernel/time.h"
#include "smp/exchange.h"

struct envelope {
    struct exchange_message message;
    struct cross_channel *channel;
    void *item;
    struct envelope *next; // at home, or arrived
};

struct cross_channel {
    unsigned sender, receiver; // read-only
    size_t capacity;           // read-only
    struct {                   // the sender core's alone
        struct envelope *home;
        size_t home_count;
        bool closed;
        bool close_is_home; // the last word was received, or none was sent
        struct wait_queue waiters, destroyer;
    } CACHE_ALIGNED at_sender;
    struct { // the receiver core's alone
        struct envelope *first, *last;
        bool closed;     // the last word has arrived
        bool close_left; // and is on its way home
        size_t waiting;  // threads in receive_until()
        struct wait_queue waiters;
    } CACHE_ALIGNED at_receiver;
    struct envelope close CACHE_ALIGNED;
    struct envelope envelopes[];
};

int cross_channel_create(unsigned sender, unsigned receiver, size_t capacity,
                         struct cross_channel **channel)
{
    ASSERT(capacity > 0);
    if (!core_is_online(sender) || !core_is_online(receiver))
        return -EINVAL;
    size_t envelopes_bytes, size_bytes;
    if (__builtin_mul_overflow(capacity, sizeof(struct envelope), &envelopes_bytes) ||
        __builtin_add_overflow(envelopes_bytes, sizeof(struct cross_channel), &size_bytes))
        return -ENOMEM;
    struct cross_channel *made = heap_alloc_aligned(size_bytes, CACHE_LINE_BYTES);
    if (made == NULL)
        return -ENOMEM;
    *made = (struct cross_channel){.sender = sender, .receiver = receiver, .capacity = capacity};
    made->at_sender.close_is_home = true;
    made->close.channel = made;
    for (size_t i = 0; i < capacity; i++) {
        made->envelopes[i] =
            (struct envelope){.channel = made, .next = i > 0 ? &made->envelopes[i - 1] : NULL};
    }
    made->at_sender.home = &made->envelopes[capacity - 1];
    made->at_sender.home_count = capacity;
    *channel = made;
    return 0;
}

static bool all_home(const struct cross_channel *channel)
{
    return channel->at_sender.home_count == channel->capacity && channel->at_sender.close_is_home;
}

void cross_channel_destroy(struct cross_channel *channel)
{
    ASSERT(core_index() == channel->sender);
    while (!all_home(channel))
        wait_queue_wait(&channel->at_sender.destroyer);
    heap_free(channel);
}

// ---- on the way; each runs in the loop of the core that it comes to -----------------------------

static void come_home(struct exchange_message *message)
{
    struct envelope *envelope = CONTAINER_OF(message, struct envelope, message);
    struct cross_channel *channel = envelope->channel;
    if (envelope == &channel->close) {
        channel->at_sender.close_is_home = true;
    } else {
        envelope->next = channel->at_sender.home;
        channel->at_sender.home = envelope;
        channel->at_sender.home_count++;
        wait_queue_wake_one(&channel->at_sender.waiters);
    }
    if (all_home(channel))
        wait_queue_wake_all(&channel->at_sender.destroyer);
}

// The last that the receiver does with it: the sender may free the channel then.
static void send_home(struct envelope *envelope)
{
    envelope->message.receive = come_home;
    exchange_send(envelope->channel->sender, &envelope->message);
}

static void arrive(struct exchange_message *message)
{
    struct envelope *envelope = CONTAINER_OF(message, struct envelope, message);
    struct cross_channel *channel = envelope->channel;
    if (envelope == &channel->close) {
        channel->at_receiver.closed = true;
        wait_queue_wake_all(&channel->at_receiver.waiters);
        return; // goes home from tell_closed()
    }
    envelope->next = NULL;
    if (channel->at_receiver.first == NULL)
        channel->at_receiver.first = envelope;
    else
        channel->at_receiver.last->next = envelope;
    channel->at_receiver.last = envelope;
    wait_queue_wake_one(&channel->at_receiver.waiters);
}

static void send_away(struct cross_channel *channel, struct envelope *envelope)
{
    envelope->message.receive = arrive;
    exchange_send(channel->receiver, &envelope->message);
}

// ---- at the sender ------------------------------------------------------------------------------

int cross_channel_try_send(struct cross_channel *channel, void *item)
{
    ASSERT(core_index() == channel->sender);
    if (channel->at_sender.closed)
        return -EPIPE;
    struct envelope *envelope = channel->at_sender.home;
    if (envelope == NULL)
        return -EAGAIN;
    channel->at_sender.home = envelope->next;
    channel->at_sender.home_count--;
    envelope->item = item;
    send_away(channel, envelope);
    return 0;
}

// As in kernel/channel.c, one thread is woken for each envelope, and looks again.
int cross_channel_send_until(struct cross_channel *channel, void *item, uint64_t deadline_ns)
{
    for (;;) {
        int error = cross_channel_try_send(channel, item);
        if (error != -EAGAIN)
            return error;
        error = wait_queue_wait_until(&channel->at_sender.waiters, deadline_ns);
        if (error != 0)
            return error;
    }
}

int cross_channel_send(struct cross_channel *channel, void *item)
{
    return cross_channel_send_until(channel, item, TIME_NEVER);
}

void cross_channel_close(struct cross_channel *channel)
{
    ASSERT(core_index() == channel->sender);
    if (channel->at_sender.closed)
        return;
    channel->at_sender.closed = true;
    channel->at_sender.close_is_home = false;
    send_away(channel, &channel->close); // arrives after all items
    wait_queue_wake_all(&channel->at_sender.waiters);
}

// ---- at the receiver ----------------------------------------------------------------------------

// Closed and empty. The last word goes home with the last thread that waited here, so that the
// sender frees the channel under none of them.
static int tell_closed(struct cross_channel *channel)
{
    if (channel->at_receiver.waiting == 0 && !channel->at_receiver.close_left) {
        channel->at_receiver.close_left = true;
        send_home(&channel->close);
    }
    return -EPIPE;
}

int cross_channel_try_receive(struct cross_channel *channel, void **item)
{
    ASSERT(core_index() == channel->receiver);
    struct envelope *envelope = channel->at_receiver.first;
    if (envelope == NULL)
        return channel->at_receiver.closed ? tell_closed(channel) : -EAGAIN;
    channel->at_receiver.first = envelope->next;
    *item = envelope->item;
    send_home(envelope);
    return 0;
}

int cross_channel_receive_until(struct cross_channel *channel, void **item, uint64_t deadline_ns)
{
    for (;;) {
        int error = cross_channel_try_receive(channel, item);
        if (error != -EAGAIN)
            return error;
        channel->at_receiver.waiting++;
        error = wait_queue_wait_until(&channel->at_receiver.waiters, deadline_ns);
        channel->at_receiver.waiting--;
        if (error != 0) {
            // What came since the deadline counts, the last word above all: another thread may have
            // heard it already and left it to this one to send it home.
            int late = cross_channel_try_receive(channel, item);
            return late == -EAGAIN ? error : late;
        }
    }
}

int cross_channel_receive(struct cross_channel *channel, void **item)
{
    return cross_channel_receive_until(channel, item, TIME_NEVER);
}

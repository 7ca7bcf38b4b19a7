// SPDX-License-Identifier: MIT
#include "kernel/channel.h"

#include <errno.h>

#include "kernel/panic.h"
#include "kernel/time.h"

void channel_start(struct channel *channel, void **items, size_t capacity)
{
    ASSERT(capacity > 0);
    *channel = (struct channel){.items = items, .capacity = capacity};
}

int channel_try_send(struct channel *channel, void *item)
{
    if (channel->closed)
        return -EPIPE;
    if (channel->count == channel->capacity)
        return -EAGAIN;
    size_t last = channel->first + channel->count++;
    channel->items[last < channel->capacity ? last : last - channel->capacity] = item;
    wait_queue_wake_one(&channel->receivers);
    return 0;
}

int channel_try_receive(struct channel *channel, void **item)
{
    if (channel->count == 0)
        return channel->closed ? -EPIPE : -EAGAIN;
    *item = channel->items[channel->first++];
    if (channel->first == channel->capacity)
        channel->first = 0;
    channel->count--;
    wait_queue_wake_one(&channel->senders);
    return 0;
}

// One thread is woken for each place or item. Another may have taken it by the time that the woken
// one runs, but then it is taken: a thread that gives up never leaves one behind that was meant for
// it.
int channel_send_until(struct channel *channel, void *item, uint64_t deadline_ns)
{
    for (;;) {
        int error = channel_try_send(channel, item);
        if (error != -EAGAIN)
            return error;
        error = wait_queue_wait_until(&channel->senders, deadline_ns);
        if (error != 0)
            return error;
    }
}

int channel_receive_until(struct channel *channel, void **item, uint64_t deadline_ns)
{
    for (;;) {
        int error = channel_try_receive(channel, item);
        if (error != -EAGAIN)
            return error;
        error = wait_queue_wait_until(&channel->receivers, deadline_ns);
        if (error != 0)
            return error;
    }
}

int channel_send(struct channel *channel, void *item)
{
    return channel_send_until(channel, item, TIME_NEVER);
}

int channel_receive(struct channel *channel, void **item)
{
    return channel_receive_until(channel, item, TIME_NEVER);
}

void channel_close(struct channel *channel)
{
    channel->closed = true;
    wait_queue_wake_all(&channel->senders);
    wait_queue_wake_all(&channel->receivers);
}

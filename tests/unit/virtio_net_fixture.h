// SPDX-License-Identifier: MIT
// A network card of one pair of queues, and what the device does with it. Included once a program.
#pragma once

#include "host.h"

#include <errno.h>
#include <string.h>

#include "virtio_fixture.h"

static inline struct net_device *start_net(uint64_t offered)
{
    prepare(VIRTIO_TYPE_NET, offered);
    assert_int_equal(virtio_device_start(&device, &virtio_net_driver), 0);
    struct net_device *net = last_net();
    net->received = keep_frame;
    net->transmitted = keep_token;
    return net;
}

// The device writes into its next receive buffer. Returns: the chain's id.
static inline uint16_t write_rx(const void *data, size_t size_bytes)
{
    struct fake_chain chain;
    assert_true(fake_queue_pop(&fake.queues[0], &chain));
    assert_int_equal(chain.readable, 0);
    assert_int_equal(chain.writable, 1);
    assert_true(size_bytes <= chain.buffers[0].length);
    memcpy(chain.buffers[0].data, data, size_bytes);
    return chain.id;
}

// A frame of `size_bytes`, filled with `fill`, in one buffer; buffer_count as told.
static inline void receive(uint8_t fill, uint32_t size_bytes, uint8_t flags, uint16_t buffer_count)
{
    uint8_t data[2048];
    memset(data, fill, sizeof(data));
    struct virtio_net_header header = {.flags = flags, .buffer_count = buffer_count};
    memcpy(data, &header, sizeof(header));
    uint16_t id = write_rx(data, HEADER_BYTES + size_bytes);
    fake_queue_write_used(&fake.queues[0], id, HEADER_BYTES + size_bytes);
}

// The device sends all it was given. Returns: how many frames.
static inline size_t send_all(void)
{
    struct fake_chain chain;
    size_t count = 0;
    while (fake_queue_pop(&fake.queues[1], &chain)) {
        assert_int_equal(chain.writable, 0);
        assert_int_equal(chain.buffers[0].length, HEADER_BYTES);
        fake_queue_write_used(&fake.queues[1], chain.id, 0);
        count++;
    }
    return count;
}

// What the layers above do with a frame that came.
static inline void take_one(struct net_device *net)
{
    assert_int_equal(net->ops->poll(net, 10), 1);
    release_frames(net);
    net->ops->flush(net);
}

// The device interrupts for the first frame after arm(), and for no other.
static inline void expect_one_interrupt(struct net_device *net)
{
    assert_false(net->ops->arm(net));
    receive(1, 60, 0, 1);
    assert_true(fake_device_complete(&fake, 0));
    take_one(net);
    receive(2, 60, 0, 1);
    assert_false(fake_device_complete(&fake, 0)); // polled, not armed
    take_one(net);
}

static inline void expect_shut_off(struct net_device *net, const char *line)
{
    assert_true(device.is_shut_off);
    assert_true(fake.is_shut_off);
    assert_true(host_log_has(line));
    assert_int_equal(transmit(net, 1, &fake), -EIO);
    expect_silence(net);
}

// A frame over three buffers.
static inline void receive_merged(uint16_t buffer_count, uint32_t last_bytes)
{
    uint8_t data[2048];
    memset(data, 1, sizeof(data));
    struct virtio_net_header header = {.buffer_count = buffer_count};
    memcpy(data, &header, sizeof(header));
    uint16_t ids[3];
    ids[0] = write_rx(data, 2048);
    memset(data, 2, sizeof(data));
    ids[1] = write_rx(data, 2048);
    memset(data, 3, sizeof(data));
    ids[2] = write_rx(data, last_bytes);
    fake_queue_write_used(&fake.queues[0], ids[0], 2048);
    fake_queue_write_used(&fake.queues[0], ids[1], 2048);
    fake_queue_write_used(&fake.queues[0], ids[2], last_bytes);
    fake_device_complete(&fake, 0);
}

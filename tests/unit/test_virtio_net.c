// SPDX-License-Identifier: MIT
// The driver of the network card and the core below it, against the fake device.
#include "host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/heap.h"
#include "virtio_fixture.h"

#define FRAME_BYTES_LARGE 65535u

static struct net_device *start_net(uint64_t offered)
{
    prepare(VIRTIO_TYPE_NET, offered);
    assert_int_equal(virtio_device_start(&device, &virtio_net_driver), 0);
    struct net_device *net = last_net();
    net->received = keep_frame;
    net->transmitted = keep_token;
    return net;
}

// The device writes into its next receive buffer. Returns: the chain's id.
static uint16_t write_rx(const void *data, size_t size_bytes)
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
static void receive(uint8_t fill, uint32_t size_bytes, uint8_t flags, uint16_t buffer_count)
{
    uint8_t data[2048];
    memset(data, fill, sizeof(data));
    struct virtio_net_header header = {.flags = flags, .buffer_count = buffer_count};
    memcpy(data, &header, sizeof(header));
    uint16_t id = write_rx(data, HEADER_BYTES + size_bytes);
    fake_queue_write_used(&fake.queues[0], id, HEADER_BYTES + size_bytes);
}

// The device sends all it was given. Returns: how many frames.
static size_t send_all(void)
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

static void expect_shut_off(struct net_device *net, const char *line)
{
    assert_true(device.is_shut_off);
    assert_true(fake.is_shut_off);
    assert_false(net->link_up);
    assert_true(host_log_has(line));
    size_t count = frame_count;
    assert_int_equal(net->ops->poll(net, 100), 0);
    net->ops->flush(net);
    assert_false(net->ops->arm(net));
    assert_int_equal(transmit(net, 1, &fake), -EIO);
    assert_int_equal(frame_count, count);
    release_frames(net); // what was lent still comes home
}

// ---- initialisation -----------------------------------------------------------------------------

static void test_start(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    static const uint8_t sequence[] = {0, 1, 3, 11, 15}; // 3.1.1
    assert_int_equal(fake.status_count, sizeof(sequence));
    assert_memory_equal(fake.statuses, sequence, sizeof(sequence));
    assert_true(fake.accepted == OFFERED);
    assert_true(host_log_has("virtio: net at 00:02.0: +version_1 +event_idx +indirect_desc "
                             "+csum +guest_csum +mtu +mac -host_tso4 -host_tso6 -guest_tso4 "
                             "-guest_tso6 +status +mrg_rxbuf\n"));
    assert_true(host_log_has("virtio: net at 00:02.0: mac 52:54:00:12:34:56, mtu 1500, link up, "
                             "1 pair of queues of 64 and 64\n"));
    assert_string_equal(net->name, "virtio-net at 00:02.0");
    assert_int_equal(net->mtu, 1500);
    assert_true(net->link_up && net->checksum_offload);
    assert_int_equal(fake.notifications[0], 1);
    assert_int_equal(fake.queues[0].available->index, 64);
}

static void test_unknown_features_are_left(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED_LESS | BIT(35) | BIT(7) | BIT(23) | BIT(63));
    assert_true(fake.accepted == OFFERED_LESS);
    assert_false(net->checksum_offload);
    assert_true(net->link_up); // without STATUS
    assert_int_equal(net->mtu, 1500);

    // What others build on is not used without them.
    uint64_t large = OFFERED_LARGE & ~(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_MRG_RXBUF));
    net = start_net(large);
    assert_true(fake.accepted == (OFFERED & large));
    assert_false(net->tso4 || net->tso6);
}

static void test_mac_is_made_up(void **state)
{
    (void)state;
    struct net_device *net = start_net(BIT(VIRTIO_F_VERSION_1));
    assert_int_equal(net->mac[0] & 3, 2);
}

static void test_refused_devices(void **state)
{
    (void)state;
    struct net_device *before = last_net();
    prepare(VIRTIO_TYPE_NET, BIT(VIRTIO_NET_F_MAC));
    assert_int_equal(virtio_device_start(&device, &virtio_net_driver), -EIO);
    assert_true(host_log_has("-version_1"));
    assert_true(host_log_has("is not usable: a feature it needs is not offered"));
    assert_true(fake.is_shut_off);

    prepare(VIRTIO_TYPE_NET, OFFERED);
    fake.refuses_features = true;
    assert_int_equal(virtio_device_start(&device, &virtio_net_driver), -EIO);
    assert_true(host_log_has("refused the features"));

    prepare(VIRTIO_TYPE_NET, OFFERED);
    fake.ignores_reset = true;
    assert_int_equal(virtio_device_start(&device, &virtio_net_driver), -EIO);
    assert_true(host_log_has("reset"));

    for (uint16_t queues = 0; queues < 2; queues++) {
        prepare(VIRTIO_TYPE_NET, OFFERED);
        fake.queue_count = queues;
        assert_int_equal(virtio_device_start(&device, &virtio_net_driver), -EIO);
    }
    prepare(VIRTIO_TYPE_NET, OFFERED_LESS); // no frame of 16 segments fits in 16 descriptors
    fake.queue_size = 16;
    assert_int_equal(virtio_device_start(&device, &virtio_net_driver), -EIO);
    prepare(VIRTIO_TYPE_NET, OFFERED);
    fake.config[VIRTIO_NET_CONFIG_MTU] = fake.config[VIRTIO_NET_CONFIG_MTU + 1] = 0;
    assert_int_equal(virtio_device_start(&device, &virtio_net_driver), -EIO);
    for (int pages = 0; pages < 3; pages++) {
        prepare(VIRTIO_TYPE_NET, OFFERED);
        pages_left = pages;
        assert_int_equal(virtio_device_start(&device, &virtio_net_driver), -EIO);
        assert_true(host_log_has("out of memory"));
    }
    assert_ptr_equal(last_net(), before); // none of them was registered
}

// ---- receive ------------------------------------------------------------------------------------

static void test_receive(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    assert_false(net->ops->arm(net));
    receive(0xaa, 60, 0, 1);
    receive(0xbb, 1514, VIRTIO_NET_HEADER_DATA_VALID, 1);
    receive(0xcc, 64, VIRTIO_NET_HEADER_NEEDS_CHECKSUM, 1);
    assert_true(fake_device_complete(&fake, 0));
    assert_int_equal(net->stats.interrupts, 1);
    assert_int_equal(net->ops->poll(net, 2), 2);
    assert_int_equal(net->ops->poll(net, 2), 1);
    assert_int_equal(net->ops->poll(net, 2), 0);
    static const uint32_t lengths[] = {60, 1514, 64};
    static const uint8_t fills[] = {0xaa, 0xbb, 0xcc};
    for (size_t i = 0; i < 3; i++) {
        assert_null(frames[i]->next);
        assert_int_equal(frames[i]->length, lengths[i]);
        assert_int_equal(frames[i]->data[0], fills[i]);
        assert_int_equal(frames[i]->data[lengths[i] - 1], fills[i]);
        assert_int_equal(frames[i]->checksum_valid, i > 0);
    }
    assert_int_equal(net->stats.rx_frames, 3);
    assert_int_equal(net->stats.rx_bytes, 60 + 1514 + 64);
    release_frames(net);
    net->ops->flush(net);
    assert_int_equal((uint16_t)(fake.queues[0].available->index - fake.queues[0].seen), 64);
}

static void test_checksum_is_not_believed_unless_agreed(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED_LESS);
    receive(0xaa, 60, VIRTIO_NET_HEADER_DATA_VALID, 7); // buffer_count means nothing here
    fake_device_complete(&fake, 0);
    assert_int_equal(net->ops->poll(net, 9), 1);
    assert_false(frames[0]->checksum_valid);
    release_frames(net);
}

// Longer than the rings and the buffers: everything is used again and again, and kept a while.
static void test_receive_many(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    uint32_t total = 0;
    for (uint32_t round = 0; round < 3000; round++) {
        uint32_t count = 1 + round % 50;
        for (uint32_t i = 0; i < count; i++)
            receive((uint8_t)(round + i), 60 + i, 0, 1);
        fake_device_complete(&fake, 0);
        assert_int_equal(net->ops->poll(net, 1000), count);
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(frames[i]->data[59], (uint8_t)(round + i));
        if (round % 2) // the ring is refilled while the network layer still holds these
            release_frames(net);
        net->ops->flush(net);
        release_frames(net);
        total += count;
    }
    assert_int_equal(net->stats.rx_frames, total);
    assert_true(total > 65536);
    assert_int_equal(net->stats.rx_errors, 0);
}

static void test_network_layer_keeps_all_buffers(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    for (uint32_t i = 0; i < 128; i++) {
        receive((uint8_t)i, 60, 0, 1);
        fake_device_complete(&fake, 0);
        assert_int_equal(net->ops->poll(net, 10), 1);
        net->ops->flush(net);
    }
    struct fake_chain chain;
    assert_false(fake_queue_pop(&fake.queues[0], &chain)); // the device has none left
    for (uint32_t i = 0; i < 128; i++)
        assert_int_equal(frames[i]->data[30], i);
    release_frames(net);
    unsigned notifications = fake.notifications[0];
    fake_queue_ask_notify(&fake.queues[0]);
    net->ops->flush(net);
    assert_int_equal(fake.notifications[0], notifications + 1);
    receive(1, 60, 0, 1);
    fake_device_complete(&fake, 0);
    assert_int_equal(net->ops->poll(net, 10), 1);
    release_frames(net);
}

static void test_released_twice(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    receive(1, 60, 0, 1);
    fake_device_complete(&fake, 0);
    assert_int_equal(net->ops->poll(net, 10), 1);
    net->ops->rx_release(net, frames[0]);
    if (!host_panicked()) {
        net->ops->rx_release(net, frames[0]);
        fail();
    }
}

// A frame over three buffers.
static void receive_merged(uint16_t buffer_count, uint32_t last_bytes)
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

static void test_receive_merged(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    receive_merged(3, 5);
    assert_int_equal(net->ops->poll(net, 10), 1);
    struct net_rx_buffer *buffer = frames[0];
    assert_int_equal(buffer->length, 2048 - HEADER_BYTES);
    assert_int_equal(buffer->data[0], 1);
    buffer = buffer->next;
    assert_int_equal(buffer->length, 2048);
    assert_int_equal(buffer->data[0], 2);
    buffer = buffer->next;
    assert_int_equal(buffer->length, 5);
    assert_int_equal(buffer->data[4], 3);
    assert_null(buffer->next);
    assert_int_equal(net->stats.rx_bytes, 4096 - HEADER_BYTES + 5);
    release_frames(net);
}

// 64 KiB less what a pbuf cannot count, over the buffers of half a ring; and the same again.
static void test_receive_large(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED_LARGE);
    assert_true(fake.accepted == OFFERED_LARGE);
    static uint8_t data[2048];
    for (uint8_t round = 0; round < 100; round++) {
        uint32_t left = FRAME_BYTES_LARGE + HEADER_BYTES;
        struct virtio_net_header header = {.flags = VIRTIO_NET_HEADER_NEEDS_CHECKSUM,
                                           .gso_type = round % 2 ? VIRTIO_NET_HEADER_GSO_TCPV4
                                                                 : VIRTIO_NET_HEADER_GSO_TCPV6,
                                           .gso_size = 1460,
                                           .buffer_count = (uint16_t)((left + 2047) / 2048)};
        memset(data, round, sizeof(data));
        memcpy(data, &header, sizeof(header));
        while (left > 0) {
            uint32_t part = left < 2048 ? left : 2048;
            fake_queue_write_used(&fake.queues[0], write_rx(data, part), part);
            memset(data, round, sizeof(data));
            left -= part;
        }
        fake_device_complete(&fake, 0);
        assert_int_equal(net->ops->poll(net, 10), 1);
        uint32_t size = 0;
        for (struct net_rx_buffer *buffer = frames[0]; buffer != NULL; buffer = buffer->next) {
            assert_int_equal(buffer->data[buffer->length - 1], round);
            size += buffer->length;
        }
        assert_int_equal(size, FRAME_BYTES_LARGE);
        assert_true(frames[0]->checksum_valid);
        release_frames(net);
        net->ops->flush(net);
    }
    assert_int_equal(net->stats.rx_errors, 0);
    assert_int_equal(net->stats.rx_bytes, 100 * FRAME_BYTES_LARGE);
}

static void test_bad_frames_are_counted(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    receive(1, 13, 0, 1); // no Ethernet header
    receive(1, 0, 0, 1);
    uint8_t data[100] = {0, 1}; // gso_type TCPv4, never agreed on
    data[10] = 1;
    fake_queue_write_used(&fake.queues[0], write_rx(data, 100), 100);
    receive(2, 60, 0, 1);
    fake_device_complete(&fake, 0);
    assert_int_equal(net->ops->poll(net, 10), 4);
    assert_int_equal(net->stats.rx_errors, 3);
    assert_int_equal(frame_count, 1);
    release_frames(net);
    net->ops->flush(net);
    assert_int_equal((uint16_t)(fake.queues[0].available->index - fake.queues[0].seen), 64);
}

// ---- transmit -----------------------------------------------------------------------------------

static void test_transmit(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    static const uint8_t packet[] = "header and payload";
    struct net_tx_frame frame = {.segments = {{packet, 6}, {packet + 6, 13}},
                                 .segment_count = 2,
                                 .checksum_needed = true,
                                 .checksum_start = 34,
                                 .checksum_offset = 16,
                                 .token = &frame};
    assert_int_equal(net->ops->transmit(net, &frame), 0);
    assert_int_equal(transmit(net, 1, &fake), 0);
    assert_int_equal(fake.notifications[1], 0);
    net->ops->flush(net);
    assert_int_equal(fake.notifications[1], 1); // one for both
    struct fake_chain chain;
    assert_true(fake_queue_pop(&fake.queues[1], &chain));
    assert_int_equal(chain.readable, 3);
    assert_true(chain.is_indirect);
    static const uint8_t header[HEADER_BYTES] = {1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0};
    assert_memory_equal(chain.buffers[0].data, header, HEADER_BYTES);
    assert_ptr_equal(chain.buffers[1].data, packet);
    assert_int_equal(chain.buffers[1].length, 6);
    assert_ptr_equal(chain.buffers[2].data, packet + 6);
    fake_queue_write_used(&fake.queues[1], chain.id, 0);
    assert_true(fake_queue_pop(&fake.queues[1], &chain));
    assert_false(chain.is_indirect);
    assert_int_equal(chain.readable, 2);
    assert_int_equal(chain.buffers[0].data[0], 0); // no checksum asked for
    fake_queue_write_used(&fake.queues[1], chain.id, 0);
    assert_false(fake_device_complete(&fake, 1)); // no interrupt is wanted
    assert_int_equal(token_count, 0);
    assert_int_equal(net->ops->poll(net, 10), 0);
    assert_int_equal(token_count, 2);
    assert_ptr_equal(tokens[0], &frame);
    assert_ptr_equal(tokens[1], &fake);
    assert_int_equal(net->stats.tx_frames, 2);
    assert_int_equal(net->stats.tx_bytes, 19 + 20);
}

// With room in front of the frame the header goes there, and both are one buffer.
static void test_transmit_with_headroom(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    _Alignas(8) static uint8_t memory[64] = "............here it begins", rest[8];
    for (uint32_t room = HEADER_BYTES - 1; room <= HEADER_BYTES; room++) {
        for (uint32_t segments = 1; segments <= 2; segments++) {
            bool fits = room >= HEADER_BYTES;
            struct net_tx_frame frame = {
                .segments = {{memory + HEADER_BYTES, 20}, {rest, sizeof(rest)}},
                .segment_count = segments,
                .headroom_bytes = room,
                .checksum_needed = true,
                .checksum_start = 34,
                .checksum_offset = 16,
                .token = &frame};
            uint64_t bytes_before = net->stats.tx_bytes;
            assert_int_equal(net->ops->transmit(net, &frame), 0);
            assert_int_equal(net->stats.tx_bytes - bytes_before, segments == 1 ? 20 : 28);
            net->ops->flush(net);
            struct fake_chain chain;
            assert_true(fake_queue_pop(&fake.queues[1], &chain));
            assert_int_equal(chain.readable, segments + !fits);
            static const uint8_t header[HEADER_BYTES] = {1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0};
            assert_memory_equal(chain.buffers[0].data, header, HEADER_BYTES);
            assert_int_equal(chain.buffers[0].length, fits ? HEADER_BYTES + 20 : HEADER_BYTES);
            const uint8_t *text =
                fits ? chain.buffers[0].data + HEADER_BYTES : chain.buffers[1].data;
            assert_memory_equal(text, "here it begins", 14);
            if (segments == 2)
                assert_ptr_equal(chain.buffers[chain.readable - 1].data, rest);
            fake_queue_write_used(&fake.queues[1], chain.id, 0);
            (void)fake_device_complete(&fake, 1);
            assert_int_equal(net->ops->poll(net, 10), 0);
        }
    }
}

static void test_transmit_large(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED_LARGE);
    assert_true(net->tso4 && net->tso6);
    static uint8_t headers[74], payload[64000];
    struct net_tx_frame frame = {.segments = {{headers, 54}, {payload, sizeof(payload)}},
                                 .segment_count = 2,
                                 .checksum_needed = true,
                                 .checksum_start = 34,
                                 .checksum_offset = 16,
                                 .tso_mss = 1460,
                                 .tso_headers_bytes = 54,
                                 .token = &frame};
    assert_int_equal(net->ops->transmit(net, &frame), 0);
    frame.tso_is_ipv6 = true;
    frame.tso_headers_bytes = 74;
    frame.segments[0].length = 74;
    assert_int_equal(net->ops->transmit(net, &frame), 0);
    net->ops->flush(net);
    static const uint8_t expected[2][HEADER_BYTES] = {{1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0, 0, 0},
                                                      {1, 4, 74, 0, 0xb4, 5, 34, 0, 16, 0, 0, 0}};
    for (int i = 0; i < 2; i++) {
        struct fake_chain chain;
        assert_true(fake_queue_pop(&fake.queues[1], &chain));
        assert_memory_equal(chain.buffers[0].data, expected[i], HEADER_BYTES);
        assert_ptr_equal(chain.buffers[2].data, payload);
        assert_int_equal(chain.buffers[2].length, sizeof(payload));
    }
    net = start_net(OFFERED); // and not by a card that cannot
    if (!host_panicked()) {
        (void)net->ops->transmit(net, &frame);
        fail();
    }
}

static void test_transmit_queue_full(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    uintptr_t sent = 0;
    for (int round = 0; round < 2000; round++) {
        int error;
        while ((error = transmit(net, 1 + (uint32_t)sent % 16, (void *)(sent + 1))) == 0)
            sent++;
        assert_int_equal(error, -ENOBUFS);
        net->ops->flush(net);
        assert_false(net->ops->arm(net)); // now the transmit interrupt ends the halt
        uint64_t interrupts = net->stats.interrupts;
        assert_true(send_all() > 20);
        assert_true(fake_device_complete(&fake, 1));
        assert_int_equal(net->stats.interrupts, interrupts + 1);
        assert_int_equal(net->ops->poll(net, 10), 0);
        assert_int_equal((uintptr_t)tokens[token_count - 1], sent);
        token_count = 0;
        fake_queue_ask_notify(&fake.queues[1]);
    }
    assert_int_equal(transmit(net, 1, &fake), 0); // the flag went with the room
    net->ops->flush(net);
    assert_false(net->ops->arm(net));
    send_all();
    assert_false(fake_device_complete(&fake, 1));
}

// ---- arming, lost interrupts --------------------------------------------------------------------

static void test_arm(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct net_device *net = start_net(i ? OFFERED_LESS : OFFERED);
        receive(1, 60, 0, 1);
        assert_false(fake_device_complete(&fake, 0)); // polled, not armed
        assert_true(net->ops->arm(net));
        assert_int_equal(net->ops->poll(net, 10), 1);
        release_frames(net);
        net->ops->flush(net);
        assert_false(net->ops->arm(net));
        receive(1, 60, 0, 1);
        assert_true(fake_device_complete(&fake, 0));
        assert_int_equal(net->ops->poll(net, 10), 1);
        release_frames(net);
        receive(1, 60, 0, 1);
        assert_false(fake_device_complete(&fake, 0));
    }
}

static void test_lost_interrupt(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    assert_int_equal(transmit(net, 1, &fake), 0);
    net->ops->flush(net);
    assert_false(net->ops->arm(net));
    assert_non_null(pending_timer);
    assert_true(pending_timer->deadline_ns == now_ns + 10 * NS_PER_MS);
    receive(1, 60, 0, 1);
    fake_queue_show(&fake.queues[0]); // and no interrupt
    unsigned notifications = fake.notifications[1];
    expire_timer();
    assert_int_equal(fake.notifications[1], notifications + 1); // that may have been lost, too
    clock_step_ns = 1000;
    assert_int_equal(net->ops->poll(net, 10), 1);
    assert_int_equal(net->stats.lost_interrupts, 1);
    assert_true(host_log_has("warning: virtio: net at 00:02.0: an interrupt was lost"));
    release_frames(net);

    // Once more: counted, but said once.
    host_log_clear();
    net->ops->flush(net);
    assert_false(net->ops->arm(net));
    receive(1, 60, 0, 1);
    fake_queue_show(&fake.queues[0]);
    expire_timer();
    assert_int_equal(net->ops->poll(net, 10), 1);
    assert_int_equal(net->stats.lost_interrupts, 2);
    assert_false(host_log_has("lost"));
    release_frames(net);

    // An idle machine is left alone: after one look without news there is no timer.
    net->ops->flush(net);
    assert_false(net->ops->arm(net));
    expire_timer();
    assert_int_equal(net->ops->poll(net, 10), 0);
    net->ops->flush(net);
    assert_false(net->ops->arm(net));
    assert_null(pending_timer);

    // An interrupt that came is not lost, and neither is one of a moment ago.
    now_ns += 20 * NS_PER_MS;
    fake.queues[0].signalled = fake.queues[0].used_index;
    receive(1, 60, 0, 1);
    assert_true(fake_device_complete(&fake, 0));
    assert_int_equal(net->ops->poll(net, 10), 1);
    release_frames(net);
    net->ops->flush(net);
    assert_false(net->ops->arm(net));
    receive(1, 60, 0, 1);
    fake_queue_show(&fake.queues[0]);
    assert_int_equal(net->ops->poll(net, 10), 1);
    assert_int_equal(net->stats.lost_interrupts, 2);
    release_frames(net);
}

static void test_link_change(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    fake.config[VIRTIO_NET_CONFIG_STATUS] = 0;
    assert_int_equal(net->ops->poll(net, 10), 0);
    assert_true(net->link_up); // not read without an interrupt
    fake.config_interrupt(fake.config_context);
    assert_int_equal(net->ops->poll(net, 10), 0);
    assert_false(net->link_up);
    fake.config[VIRTIO_NET_CONFIG_STATUS] = 1;
    fake.config_interrupt(fake.config_context);
    assert_int_equal(net->ops->poll(net, 10), 0);
    assert_true(net->link_up);
}

// The same through packed rings: frames each way, over many laps, and interrupts.
static void test_packed_rings(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        uint64_t without =
            (i % 2 ? BIT(VIRTIO_F_EVENT_IDX) : 0) | (i / 2 ? BIT(VIRTIO_F_INDIRECT_DESC) : 0);
        struct net_device *net = start_net((OFFERED_LARGE | BIT(VIRTIO_F_RING_PACKED)) & ~without);
        assert_true(host_log_has("+ring_packed"));
        uintptr_t sent = 0;
        for (uint32_t round = 0; round < 300; round++) {
            for (uint32_t k = 0; k < 1 + round % 40; k++) {
                receive((uint8_t)(round + k), 60 + k, 0, 1);
                if (transmit(net, 1 + k % 16, (void *)(sent + 1)) == 0)
                    sent++;
            }
            fake_device_complete(&fake, 0);
            assert_int_equal(net->ops->poll(net, 1000), 1 + round % 40);
            for (uint32_t k = 0; k < 1 + round % 40; k++)
                assert_int_equal(frames[k]->data[59], (uint8_t)(round + k));
            release_frames(net);
            net->ops->flush(net);
            send_all();
            fake_device_complete(&fake, 1);
            assert_int_equal(net->ops->poll(net, 10), 0);
            assert_int_equal((uintptr_t)tokens[token_count - 1], sent);
            token_count = 0;
            net->ops->flush(net);
        }
        assert_false(net->ops->arm(net));
        receive(1, 60, 0, 1);
        assert_true(fake_device_complete(&fake, 0));
        assert_int_equal(net->ops->poll(net, 10), 1);
        release_frames(net);
        net->ops->flush(net);
        receive(2, 60, 0, 1);
        assert_false(fake_device_complete(&fake, 0)); // polled, not armed
        assert_int_equal(net->ops->poll(net, 10), 1);
        release_frames(net);
        assert_int_equal(net->stats.rx_errors, 0);
    }
}

// ---- hostile devices ----------------------------------------------------------------------------

static void test_shut_off_gives_all_back(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    for (uintptr_t i = 0; i < 20; i++)
        assert_int_equal(transmit(net, 1 + (uint32_t)i % 5, (void *)(i + 1)), 0);
    net->ops->flush(net);
    assert_int_equal(transmit(net, 1, (void *)(uintptr_t)21), 0); // not even published
    receive(1, 60, 0, 1);
    fake_queue_write_used(&fake.queues[0], 700, 60);
    fake_device_complete(&fake, 0);
    assert_int_equal(net->ops->poll(net, 10), 1);
    assert_int_equal(frame_count, 1); // what came before was good
    expect_shut_off(net, "error: virtio: net at 00:02.0 is shut off: receive queue: used id is "
                         "out of range: 700\n");
    assert_int_equal(token_count, 21);
    uintptr_t sum = 0;
    for (size_t i = 0; i < 21; i++)
        sum += (uintptr_t)tokens[i];
    assert_int_equal(sum, 21 * 22 / 2);
    assert_int_equal(net->stats.tx_dropped, 21);
}

static void test_hostile_transmit_queue(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    assert_int_equal(transmit(net, 1, &fake), 0);
    net->ops->flush(net);
    fake.queues[1].used->index = 2;
    assert_int_equal(net->ops->poll(net, 10), 0);
    expect_shut_off(net, "transmit queue: used index is ahead of what is in flight: 2");
    assert_int_equal(token_count, 1);
}

static void test_hostile_frames(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    receive(1, 60, 0, 0);
    fake_device_complete(&fake, 0);
    net->ops->poll(net, 10);
    expect_shut_off(net, "receive queue: a frame says it has no buffers: 0");

    static const uint16_t counts[] = {4, 65, 0xffff};
    for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
        net = start_net(OFFERED);
        receive_merged(counts[i], 5);
        net->ops->poll(net, 10);
        expect_shut_off(net, "receive queue: a frame has less buffers than it says");
        assert_int_equal(frame_count, 0);
    }
    net = start_net(OFFERED);
    receive_merged(3, 0);
    net->ops->poll(net, 10);
    expect_shut_off(net, "receive queue: a buffer of a frame is empty: 2");

    for (uint32_t length = 0; length < HEADER_BYTES; length++) {
        net = start_net(OFFERED);
        fake_queue_write_used(&fake.queues[0], write_rx("", 1), length);
        fake_device_complete(&fake, 0);
        net->ops->poll(net, 10);
        expect_shut_off(net, "receive queue: a frame is shorter than its header");
    }
    net = start_net(OFFERED);
    fake_queue_write_used(&fake.queues[0], write_rx("", 1), 2049);
    fake_device_complete(&fake, 0);
    net->ops->poll(net, 10);
    expect_shut_off(net, "receive queue: used length is larger than the buffers: 2049");
}

static void test_giant_frame(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED); // 64 buffers of 2 KiB: more than 64 KiB
    struct virtio_net_header header = {.buffer_count = 64};
    for (int i = 0; i < 64; i++) {
        uint8_t data[2048] = {0};
        if (i == 0)
            memcpy(data, &header, sizeof(header));
        fake_queue_write_used(&fake.queues[0], write_rx(data, 2048), 2048);
    }
    fake_device_complete(&fake, 0);
    assert_int_equal(net->ops->poll(net, 10), 1);
    assert_int_equal(net->stats.rx_errors, 1);
    assert_int_equal(frame_count, 0);
    net->ops->flush(net);
    assert_int_equal((uint16_t)(fake.queues[0].available->index - fake.queues[0].seen), 64);
}

static void test_device_asks_for_reset(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    fake.status |= VIRTIO_STATUS_NEEDS_RESET;
    fake.config_interrupt(fake.config_context);
    assert_int_equal(net->ops->poll(net, 10), 0);
    expect_shut_off(net, "shut off: status: it asks for a reset: 79");
}

// Any bytes where the device may write, with frames and sending going on.
static void test_hostile_random(void **state)
{
    (void)state;
    unsigned shut = 0;
    for (unsigned seed = 0; seed < 300; seed++) {
        srand(seed);
        struct net_device *net = start_net(seed % 2 ? OFFERED : OFFERED_LESS);
        for (int step = 0; step < 60; step++) {
            struct fake_queue *queue = &fake.queues[rand() % 2];
            struct fake_chain chain;
            if (rand() % 2 && fake_queue_pop(queue, &chain)) {
                struct virtio_net_header header = {.buffer_count = (uint16_t)(rand() % 4)};
                if (rand() % 3)
                    header.buffer_count = 1;
                if (chain.writable)
                    memcpy(chain.buffers[0].data, &header, sizeof(header));
                bool is_rx = queue == &fake.queues[0];
                fake_queue_write_used(queue, rand() % 30 ? chain.id : (uint32_t)rand(),
                                      is_rx ? (uint32_t)rand() % 2100 : 0);
            }
            if (rand() % 40 == 0)
                queue->used_index += (uint16_t)(rand() % 3);
            if (rand() % 3 == 0)
                fake_queue_show(queue);
            (void)transmit(net, 1 + (uint32_t)rand() % 16, &fake);
            net->ops->poll(net, (uint32_t)rand() % 8);
            if (rand() % 2)
                release_frames(net);
            net->ops->flush(net);
            if (rand() % 4 == 0)
                net->ops->arm(net);
        }
        shut += device.is_shut_off;
        assert_int_equal(device.is_shut_off, host_log_has("is shut off"));
        if (device.is_shut_off)
            assert_int_equal(net->stats.tx_frames, token_count);
        assert_true(net->stats.tx_frames >= token_count);
        release_frames(net);
    }
    assert_true(shut > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_unknown_features_are_left),
        cmocka_unit_test(test_mac_is_made_up),
        cmocka_unit_test(test_refused_devices),
        cmocka_unit_test(test_receive),
        cmocka_unit_test(test_checksum_is_not_believed_unless_agreed),
        cmocka_unit_test(test_receive_many),
        cmocka_unit_test(test_network_layer_keeps_all_buffers),
        cmocka_unit_test(test_released_twice),
        cmocka_unit_test(test_receive_merged),
        cmocka_unit_test(test_receive_large),
        cmocka_unit_test(test_bad_frames_are_counted),
        cmocka_unit_test(test_transmit),
        cmocka_unit_test(test_transmit_with_headroom),
        cmocka_unit_test(test_transmit_large),
        cmocka_unit_test(test_transmit_queue_full),
        cmocka_unit_test(test_arm),
        cmocka_unit_test(test_lost_interrupt),
        cmocka_unit_test(test_link_change),
        cmocka_unit_test(test_packed_rings),
        cmocka_unit_test(test_shut_off_gives_all_back),
        cmocka_unit_test(test_hostile_transmit_queue),
        cmocka_unit_test(test_hostile_frames),
        cmocka_unit_test(test_giant_frame),
        cmocka_unit_test(test_device_asks_for_reset),
        cmocka_unit_test(test_hostile_random),
    };
    return cmocka_run_group_tests_name("virtio_net", tests, NULL, NULL);
}

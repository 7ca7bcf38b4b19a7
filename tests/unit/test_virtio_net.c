// SPDX-License-Identifier: MIT
// The driver of the network card and the core below it, against the fake device.
#include "virtio_net_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/heap.h"

#define FRAME_BYTES_LARGE 65535u

// ---- initialisation ----------------------------------------------------------------------------

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

// ---- receive -----------------------------------------------------------------------------------

static uint16_t rx_ring_holds(void)
{
    return (uint16_t)(fake.queues[0].available->index - fake.queues[0].seen);
}

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
    assert_int_equal(rx_ring_holds(), 61); // what is missing is not worth it yet
}

static void test_ring_is_refilled_in_batches(void **state)
{
    (void)state;
    struct net_device *net = start_net(OFFERED);
    for (uint32_t i = 1; i <= 8; i++) {
        assert_int_equal(rx_ring_holds(), 64 - (i - 1));
        receive((uint8_t)i, 60, 0, 1);
        fake_device_complete(&fake, 0);
        assert_int_equal(net->ops->poll(net, 10), 1);
        net->ops->flush(net);
    }
    assert_int_equal(rx_ring_holds(), 64); // by poll(), though none was given back
    release_frames(net);
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
    for (uint8_t i = 0; i < 4; i++)
        receive(i, 60, 0, 1);
    fake_device_complete(&fake, 0);
    assert_int_equal(net->ops->poll(net, 10), 4);
    assert_int_equal(rx_ring_holds(), 64); // those of the bad ones too
    release_frames(net);
}

// ---- transmit ----------------------------------------------------------------------------------

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

// ---- packed rings ------------------------------------------------------------------------------

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
        expect_one_interrupt(net);
        assert_int_equal(net->stats.rx_errors, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_unknown_features_are_left),
        cmocka_unit_test(test_mac_is_made_up),
        cmocka_unit_test(test_refused_devices),
        cmocka_unit_test(test_receive),
        cmocka_unit_test(test_ring_is_refilled_in_batches),
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
        cmocka_unit_test(test_packed_rings),
    };
    return cmocka_run_group_tests_name("virtio_net", tests, NULL, NULL);
}

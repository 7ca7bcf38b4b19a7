// SPDX-License-Identifier: MIT
// Devices that break the contract are shut off and named, and give all back.
#include "virtio_net_fixture.h"

#include <stdlib.h>

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
    expect_tokens_to(21);
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

// Cards whose queues cannot hold what is to be put into them are not started.
static void test_tiny_queues(void **state)
{
    (void)state;
    for (uint16_t size = 1; size <= 4; size++) {
        prepare(VIRTIO_TYPE_NET, OFFERED);
        fake.queue_size = size;
        bool is_large_enough = virtio_device_start(&device, &virtio_net_driver) == 0;
        assert_int_equal(is_large_enough, size >= 2);
        if (is_large_enough)
            assert_int_equal(transmit(last_net(), 1, &fake), 0);

        prepare(VIRTIO_TYPE_NET, OFFERED | BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_MQ));
        memcpy(fake.config + VIRTIO_NET_CONFIG_PAIRS_MAX, "\2", 2);
        fake.queue_size = size; // a command has three pieces
        fake.queue_count = 5;
        core_slot_count = 2;
        is_large_enough = virtio_device_start(&device, &virtio_net_driver) == 0;
        assert_int_equal(is_large_enough, size >= 4);
        if (is_large_enough)
            assert_int_equal(last_net()->ops->spread(last_net(), 2), -ETIMEDOUT);
    }
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
        cmocka_unit_test(test_shut_off_gives_all_back),
        cmocka_unit_test(test_hostile_transmit_queue),
        cmocka_unit_test(test_hostile_frames),
        cmocka_unit_test(test_giant_frame),
        cmocka_unit_test(test_tiny_queues),
        cmocka_unit_test(test_device_asks_for_reset),
        cmocka_unit_test(test_hostile_random),
    };
    return cmocka_run_group_tests_name("virtio_net_hostile", tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// A network card with several pairs of queues: one a core, and what is steered to them.
#include "host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/heap.h"
#include "virtio_fixture.h"

static const uint64_t OFFERED_MQ = OFFERED | BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_MQ);
static uint8_t commands[512]; // as the card read it
static size_t command_bytes;
static uint8_t card_answer;
static unsigned control_queue;

static void answer_command(void)
{
    struct fake_chain chain;
    if (!fake_queue_pop(&fake.queues[control_queue], &chain))
        return;
    assert_int_equal(chain.readable, 2);
    assert_int_equal(chain.writable, 1);
    command_bytes = 0;
    for (unsigned i = 0; i < 2; i++) {
        memcpy(commands + command_bytes, chain.buffers[i].data, chain.buffers[i].length);
        command_bytes += chain.buffers[i].length;
    }
    *chain.buffers[2].data = card_answer;
    fake_queue_write_used(&fake.queues[control_queue], chain.id, 1);
    fake_queue_show(&fake.queues[control_queue]);
}

// A card of `pairs` pairs in a machine of 5 cores, of which core 2 did not come up.
static struct net_device *start_spread_net(uint64_t offered, uint16_t pairs)
{
    prepare(VIRTIO_TYPE_NET, offered);
    memcpy(fake.config + VIRTIO_NET_CONFIG_PAIRS_MAX, &pairs, sizeof(pairs));
    fake.config[VIRTIO_NET_CONFIG_RSS_KEY_MAX] = 40;
    fake.config[VIRTIO_NET_CONFIG_RSS_TABLE_MAX] = 128;
    fake.config[VIRTIO_NET_CONFIG_HASH_TYPES] = 0x7f;
    fake.queue_count = (uint16_t)(2 * pairs + 1);
    control_queue = 2u * pairs;
    core_slot_count = 5;
    absent_core = 2;
    sleeping = answer_command;
    card_answer = VIRTIO_NET_CONTROL_OK;
    command_bytes = 0;
    assert_int_equal(virtio_device_start(&device, &virtio_net_driver), 0);
    return last_net();
}

static void end_spread_net(void)
{
    core_slot_count = 1;
    sleeping = NULL;
}

static void test_pairs_follow_cores(void **state)
{
    (void)state;
    static const unsigned cores[] = {0, 1, 3, 4};
    for (uint16_t pairs = 1; pairs <= 5; pairs++) {
        struct net_device *net = start_spread_net(OFFERED_MQ, pairs);
        unsigned expected = pairs < 4 ? pairs : 4;
        assert_int_equal(net->of_card_count, expected);
        for (unsigned i = 0; i < expected; i++) {
            assert_int_equal(net->of_card[i]->core, cores[i]);
            assert_memory_equal(net->of_card[i]->mac, net->mac, 6);
            assert_string_equal(net->of_card[i]->name, net->name);
            assert_int_equal(fake.queues[2 * i].available->index, 64); // buffers are there
        }
        end_spread_net();
    }
    // Many queues without a way to steer are one.
    struct net_device *net = start_spread_net(OFFERED | BIT(VIRTIO_NET_F_MQ), 4);
    assert_int_equal(net->of_card_count, 1);
    assert_int_equal(net->ops->spread(net, 1), 0);
    end_spread_net();
}

static void test_automatic_steering(void **state)
{
    (void)state;
    struct net_device *net = start_spread_net(OFFERED_MQ, 4);
    assert_int_equal(net->ops->spread(net, 3), 0);
    static const uint8_t expected[] = {4, 0, 3, 0};
    assert_int_equal(command_bytes, sizeof(expected));
    assert_memory_equal(commands, expected, sizeof(expected));
    assert_true(host_log_has("frames go to 3 cores by connection"));
    card_answer = 1;
    assert_int_equal(net->ops->spread(net, 2), -EIO);
    assert_true(host_log_has("frames stay with one core: the card refuses to steer"));
    sleeping = NULL; // and now it says nothing
    assert_int_equal(net->ops->spread(net, 2), -ETIMEDOUT);
    assert_true(host_log_has("the card does not answer"));
    end_spread_net();
}

static void test_steering_by_hash(void **state)
{
    (void)state;
    struct net_device *net = start_spread_net(OFFERED_MQ | BIT(VIRTIO_NET_F_RSS), 3);
    assert_int_equal(net->ops->spread(net, 3), 0);
    assert_int_equal(command_bytes, 2 + 8 + 256 + 3 + 40);
    static const uint8_t head[] = {4, 1, 0x3f, 0, 0, 0, 127, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0};
    assert_memory_equal(commands, head, sizeof(head));
    static const uint8_t end[] = {3, 0, 40, 0x5f};
    assert_memory_equal(commands + 2 + 8 + 256, end, sizeof(end));
    // A table too small for the pairs: the other way.
    fake.config[VIRTIO_NET_CONFIG_RSS_TABLE_MAX] = 2;
    assert_int_equal(net->ops->spread(net, 3), 0);
    assert_int_equal(command_bytes, 4);
    end_spread_net();
}

static void test_pair_without_memory(void **state)
{
    (void)state;
    prepare(VIRTIO_TYPE_NET, OFFERED_MQ);
    pages_left = 4; // a pair takes three
    uint16_t pairs = 4;
    memcpy(fake.config + VIRTIO_NET_CONFIG_PAIRS_MAX, &pairs, sizeof(pairs));
    fake.queue_count = 9;
    core_slot_count = 4;
    int error = virtio_device_start(&device, &virtio_net_driver);
    assert_true(host_log_has("no queues for core 1"));
    if (error == 0)
        assert_int_equal(last_net()->of_card_count, 1);
    end_spread_net();
}

// One core finds a broken ring, the others give back what they hold when they are polled next.
static void test_shut_off_reaches_all_pairs(void **state)
{
    (void)state;
    struct net_device *net = start_spread_net(OFFERED_MQ, 2);
    struct net_device *other = net->of_card[1];
    other->received = net->received = keep_frame;
    other->transmitted = net->transmitted = keep_token;
    assert_int_equal(transmit(net, 1, &fake), 0);
    net->ops->flush(net);
    fake_queue_write_used(&fake.queues[2], 999, 1);
    fake_queue_show(&fake.queues[2]);
    assert_int_equal(other->ops->poll(other, 10), 0);
    assert_true(fake.is_shut_off);
    assert_false(net->link_up || other->link_up);
    assert_int_equal(token_count, 0); // not by another core
    assert_int_equal(net->ops->poll(net, 10), 0);
    assert_int_equal(token_count, 1);
    assert_int_equal(net->ops->poll(net, 10), 0);
    assert_int_equal(token_count, 1);
    end_spread_net();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_follow_cores),
        cmocka_unit_test(test_automatic_steering),
        cmocka_unit_test(test_steering_by_hash),
        cmocka_unit_test(test_pair_without_memory),
        cmocka_unit_test(test_shut_off_reaches_all_pairs),
    };
    return cmocka_run_group_tests_name("virtio_net_steering", tests, NULL, NULL);
}

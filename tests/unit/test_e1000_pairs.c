// SPDX-License-Identifier: MIT
// A card with two pairs of queues: a core each.
#include "e1000_fixture.h"

#include <errno.h>

static struct net_device *start_two(void)
{
    prepare(CHIP_82574);
    core_slot_count = 4; // 0, 2 and 3 run
    struct net_device *net = start_prepared();
    assert_int_equal(net->of_card_count, 2);
    assert_ptr_equal(net->of_card[0], net);
    net->of_card[1]->received = keep_frame;
    net->of_card[1]->transmitted = keep_token;
    return net;
}

static void test_two_pairs(void **state)
{
    (void)state;
    static uint8_t sent[FAKE_E1000_FRAME_MAX];
    struct net_device *net = start_two(), *other = net->of_card[1];
    assert_true(host_log_has("2 pairs of queues"));
    assert_int_equal(net->core, 0);
    assert_int_equal(other->core, 2);
    assert_memory_equal(other->mac, net->mac, 6);
    assert_true(other->link_up);
    assert_int_equal(fake_e1000_rx_room(0), RX_ROOM);
    assert_int_equal(fake_e1000_rx_room(1), RX_ROOM);
    for (fake_e1000.hash = 0; fake_e1000.hash < 128; fake_e1000.hash++)
        receive(1, 60, 0); // until they are spread all go to the first
    assert_int_equal(net->ops->poll(net, 200), 128);
    release_frames(net);
    net->ops->flush(net);
    assert_int_equal(net->ops->spread(net, 2), 0);
    assert_true(host_log_has("e1000: e1000e at 00:02.0: frames go to 2 cores by hash (RSS)"));
    for (fake_e1000.hash = 1; fake_e1000.hash <= 128; fake_e1000.hash++)
        receive(1, 60, 0);
    assert_int_equal(net->ops->poll(net, 200), 64);
    release_frames(net);
    assert_int_equal(other->ops->poll(other, 200), 64);
    release_frames(other);

    net->ops->arm(net);
    net->ops->poll(net, 10);
    net->ops->arm(net);
    other->ops->arm(other);
    other->ops->poll(other, 10);
    other->ops->arm(other);
    uint64_t interrupts[] = {net->stats.interrupts, other->stats.interrupts};
    fake_e1000.hash = 1;
    receive(1, 60, 0); // each is told of its own frames only
    assert_int_equal(net->stats.interrupts, interrupts[0]);
    assert_int_equal(other->stats.interrupts, interrupts[1] + 1);
    assert_int_equal(other->ops->poll(other, 10), 1);
    release_frames(other);

    // Checksums at different places, in turn: the card knows one place.
    for (int i = 0; i < 10; i++) {
        struct net_device *sender = i % 2 ? other : net;
        uint8_t packet[64] = {[34] = 0x11};
        struct net_tx_frame frame = {.segments = {{packet, 64}},
                                     .segment_count = 1,
                                     .checksum_needed = true,
                                     .checksum_start = 34,
                                     .checksum_offset = i % 2 ? 6 : 16};
        assert_int_equal(sender->ops->transmit(sender, &frame), 0);
        sender->ops->flush(sender);
        assert_int_equal(fake_e1000_send(i % 2, sent), 64);
        assert_int_equal(sent[i % 2 ? 40 : 50], 0xee);
        sender->ops->poll(sender, 10);
    }
    assert_int_equal(token_count, 10);

    fake_e1000_set_link(false); // heard by the first, known to both
    net->ops->poll(net, 10);
    assert_false(net->link_up || other->link_up);
}

// What one core finds ends the card for both.
static void test_two_pairs_shut_off(void **state)
{
    (void)state;
    struct net_device *net = start_two(), *other = net->of_card[1];
    assert_int_equal(net->ops->spread(net, 2), 0);
    assert_int_equal(transmit(net, 1, 60, &fake_e1000), 0);
    assert_int_equal(transmit(other, 1, 60, &fake_e1000), 0);
    fake_e1000_write_rx(fake_e1000_rx_next(1), 5000, E1000_RX_DONE);
    assert_int_equal(other->ops->poll(other, 10), 0);
    assert_int_equal(token_count, 1);
    assert_int_equal(transmit(net, 1, 60, &fake_e1000), -EIO);
    assert_int_equal(net->ops->poll(net, 10), 0);
    assert_int_equal(token_count, 2);
    assert_int_equal(net->ops->spread(net, 1), -EIO);
    expect_shut_off(net, "is shut off: more was received than a buffer holds: 0x1388");
    expect_shut_off(other, "is shut off");
}

static void test_no_second_pair(void **state)
{
    (void)state;
    prepare(CHIP_82574);
    core_slot_count = 3;
    pages_left = 4;
    struct net_device *net = start_prepared();
    assert_true(host_log_has("no queues for core 2: out of memory"));
    assert_int_equal(net->of_card_count, 1);

    prepare(CHIP_82574);
    core_slot_count = 3;
    fake_e1000.route_error = -ERANGE;
    net = start_prepared();
    assert_true(host_log_has("no queues for core 2: its interrupts do not reach the core"));
    assert_int_equal(net->of_card_count, 1);
    assert_int_equal(net->ops->spread(net, 1), 0);
    fake_e1000.hash = 1;
    receive(1, 60, 0);
    assert_int_equal(net->ops->poll(net, 10), 1);
    release_frames(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_pairs),
        cmocka_unit_test(test_two_pairs_shut_off),
        cmocka_unit_test(test_no_second_pair),
    };
    return cmocka_run_group_tests_name("e1000_pairs", tests, NULL, NULL);
}

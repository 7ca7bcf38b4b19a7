// SPDX-License-Identifier: MIT
// Cards that break the contract are shut off and named, and give all back.
#include "e1000_fixture.h"
#include "seeded.h"

static void test_shut_off_gives_all_back(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82574);
    for (uintptr_t i = 0; i < 20; i++)
        assert_int_equal(transmit(net, 1 + (uint32_t)i % 5, 60, (void *)(i + 1)), 0);
    net->ops->flush(net);
    assert_int_equal(transmit(net, 1, 60, (void *)(uintptr_t)21), 0); // the card was not told
    receive(1, 60, 0);
    fake_e1000_write_rx(fake_e1000_rx_next(0), 2049, E1000_RX_DONE);
    assert_int_equal(net->ops->poll(net, 10), 1);
    assert_int_equal(frame_count, 1); // what came before was good
    expect_shut_off(net, "error: e1000: e1000e at 00:02.0 is shut off: more was received than a "
                         "buffer holds: 0x801\n");
    expect_tokens_to(21);
    assert_int_equal(net->stats.tx_dropped, 21);
}

static void test_giant_frame(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82540);
    assert_true(fake_e1000_receive(data, FAKE_E1000_FRAME_MAX, 0)); // as long as one can be
    assert_int_equal(net->ops->poll(net, 10), 1);
    release_frames(net);
    net->ops->flush(net);
    assert_true(fake_e1000_receive(data, FAKE_E1000_FRAME_MAX + 1, 0));
    assert_int_equal(net->ops->poll(net, 10), 0);
    expect_shut_off(net, "is shut off: a frame is longer than any: 0x4001");
}

static void test_frames_not_given(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82540);
    assert_int_equal(transmit(net, 1, 60, &fake_e1000), 0);
    fake_e1000_tx_ring(0)->status_options |= E1000_TX_DONE;
    assert_int_equal(net->ops->poll(net, 10), 0);
    expect_shut_off(net, "is shut off: a frame is sent that it was not given: 0");
    assert_int_equal(token_count, 1);
}

// Any bytes where the card may write, with frames and sending going on.
static void test_hostile_random(void **state)
{
    (void)state;
    static uint8_t sent[FAKE_E1000_FRAME_MAX];
    unsigned shut = 0;
    for (unsigned seed = 1; seed <= 200; seed++) {
        random_state = seed;
        struct net_device *net = start(chips[seed % 2]);
        for (int step = 0; step < 80; step++) {
            if (fake_e1000.is_enabled && random_below(2) && fake_e1000_rx_room(0) > 9)
                fake_e1000_receive(data, 1 + random_below(9000),
                                   (uint32_t)random_below(1ull << 32));
            if (fake_e1000.is_enabled && random_below(40) == 0)
                fake_e1000_write_rx(fake_e1000_rx_next(0), (uint32_t)random_below(1 << 12),
                                    (uint32_t)random_below(1ull << 32));
            if (fake_e1000.is_enabled && random_below(2))
                fake_e1000_send(0, sent);
            (void)transmit(net, 1 + (uint32_t)random_below(16), 60, &fake_e1000);
            net->ops->poll(net, (uint32_t)random_below(8));
            if (random_below(2))
                release_frames(net);
            net->ops->flush(net);
            if (random_below(4) == 0)
                net->ops->arm(net);
            if (pending_timer != NULL && random_below(8) == 0)
                expire_timer();
        }
        bool is_shut_off = !fake_e1000.is_enabled;
        shut += is_shut_off;
        assert_int_equal(is_shut_off, host_log_has("is shut off"));
        if (is_shut_off)
            assert_int_equal(net->stats.tx_frames, token_count);
        assert_true(net->stats.tx_frames >= token_count);
        release_frames(net);
    }
    assert_in_range(shut, 20, 180);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shut_off_gives_all_back),
        cmocka_unit_test(test_giant_frame),
        cmocka_unit_test(test_frames_not_given),
        cmocka_unit_test(test_hostile_random),
    };
    return cmocka_run_group_tests_name("e1000_hostile", tests, NULL, NULL);
}

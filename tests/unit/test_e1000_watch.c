// SPDX-License-Identifier: MIT
// What the driver of the e1000 family learns without a frame: interrupts allowed and lost, the
// timer in their place, the link, losses, and a card that is gone or stuck.
#include "e1000_fixture.h"

// ---- arming, the timer -------------------------------------------------------------------------

static void test_arm(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82574);
    assert_false(net->ops->arm(net));
    unsigned writes = fake_e1000.writes_of_ims;
    assert_false(net->ops->arm(net)); // still allowed: nothing to write
    assert_int_equal(fake_e1000.writes_of_ims, writes);
    receive(1, 60, 0);
    assert_int_equal(net->stats.interrupts, 1);
    assert_true(net->ops->arm(net));
    receive(1, 60, 0); // it is polled: the card has masked itself
    assert_int_equal(net->stats.interrupts, 1);
    assert_int_equal(net->ops->poll(net, 10), 2);
    release_frames(net);
    assert_false(net->ops->arm(net));
    // The second frame had raised its cause while that was masked.
    assert_int_equal(net->stats.interrupts, 2);
    assert_int_equal(net->ops->poll(net, 10), 0);
    assert_false(net->ops->arm(net));
    assert_int_equal(net->stats.interrupts, 2);
    receive(1, 60, 0);
    assert_int_equal(net->stats.interrupts, 3);
    assert_int_equal(net->ops->poll(net, 10), 1);
    assert_int_equal(net->stats.lost_interrupts, 0);
    release_frames(net);
}

static void test_lost_interrupt(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82574);
    assert_int_equal(transmit(net, 1, 60, &fake_e1000), 0);
    net->ops->flush(net);
    for (int i = 0; i < 2; i++) {
        assert_false(net->ops->arm(net));
        assert_non_null(pending_timer);
        assert_true(pending_timer->deadline_ns == now_ns + 10 * NS_PER_MS);
        fake_e1000.loses_interrupts = true;
        receive(1, 60, 0);
        fake_e1000.loses_interrupts = false;
        expire_timer();
        clock_step_ns = 1000;
        assert_int_equal(net->ops->poll(net, 10), 1);
        clock_step_ns = 0;
        release_frames(net);
        assert_int_equal(net->stats.lost_interrupts, i + 1);
        // Said once.
        assert_int_equal(host_log_has("warning: e1000: e1000e at 00:02.0: an interrupt was lost"),
                         i == 0);
        host_log_clear();
    }
    // Then it is allowed anew. And an idle machine is left alone once all is sent.
    static uint8_t sent[FAKE_E1000_FRAME_MAX];
    assert_true(fake_e1000_send(0, sent) > 0);
    assert_int_equal(net->ops->poll(net, 10), 0);
    assert_false(net->ops->arm(net));
    receive(1, 60, 0);
    assert_int_equal(net->ops->poll(net, 10), 1);
    assert_int_equal(net->stats.lost_interrupts, 2);
    release_frames(net);
    assert_false(net->ops->arm(net));
    net->ops->poll(net, 10);
    expire_timer();
    assert_false(net->ops->arm(net));
    assert_null(pending_timer);
}

// The longer the silence, the later the next look.
static void test_look_backs_off(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82540);
    receive(1, 60, 0);
    assert_true(net->ops->arm(net));
    assert_int_equal(net->ops->poll(net, 10), 1);
    release_frames(net);
    uint64_t began_ns = now_ns, looks = 0;
    while (now_ns - began_ns < 100 * NS_PER_MS) {
        assert_false(net->ops->arm(net));
        uint64_t wait_ns = pending_timer->deadline_ns - now_ns, silent_ns = now_ns - began_ns;
        assert_true(wait_ns >= 50 * NS_PER_US && wait_ns <= 10 * NS_PER_MS);
        assert_true(wait_ns <= 50 * NS_PER_US || wait_ns <= silent_ns / 4);
        expire_timer();
        assert_int_equal(net->ops->poll(net, 10), 0);
        looks++;
    }
    assert_in_range(looks, 20, 50);
    assert_false(net->ops->arm(net));
    assert_true(pending_timer->deadline_ns - now_ns == 10 * NS_PER_MS);
    assert_int_equal(fake_e1000.writes_of_ims, 0);
    receive(1, 60, 0);
    expire_timer();
    assert_int_equal(net->ops->poll(net, 10), 1);
    assert_false(net->ops->arm(net));
    assert_true(pending_timer->deadline_ns - now_ns == 50 * NS_PER_US);
    assert_int_equal(net->stats.lost_interrupts, 0); // none was to come
    release_frames(net);
}

static void test_link_change(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82574);
    for (int i = 0; i < 6; i++) {
        assert_false(net->ops->arm(net));
        fake_e1000_set_link(i % 2);
        assert_true(net->ops->arm(net));
        assert_int_equal(net->ops->poll(net, 10), 0);
        assert_int_equal(net->link_up, i % 2);
    }
    net = start(CHIP_82540);
    fake_e1000_set_link(false);
    uint64_t began_ns = now_ns;
    while (net->link_up) {
        assert_true(now_ns - began_ns < 600 * NS_PER_MS);
        assert_false(net->ops->arm(net));
        expire_timer();
        net->ops->poll(net, 10);
    }
}

static void test_losses_are_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(chips); i++) {
        struct net_device *net = start(chips[i]);
        *fake_e1000_register(E1000_MPC) = 3;
        *fake_e1000_register(E1000_CRCERRS) = 5;
        *fake_e1000_register(E1000_RXERRC) = 1;
        now_ns += NS_PER_S;
        receive(1, 60, 0);
        assert_int_equal(net->ops->poll(net, 10), 1);
        release_frames(net);
        assert_false(net->ops->arm(net));
        expire_timer();
        assert_int_equal(net->stats.rx_dropped, 3);
        assert_int_equal(net->stats.rx_errors, 6);
    }
}

// ---- cards that no longer work -----------------------------------------------------------------

// The card is pulled out.
static void test_gone(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(chips); i++) {
        struct net_device *net = start(chips[i]);
        assert_int_equal(transmit(net, 3, 60, &fake_e1000), 0);
        net->ops->flush(net);
        fake_e1000.is_gone = true;
        uint64_t began_ns = now_ns;
        while (net->link_up) {
            assert_true(now_ns - began_ns < 6 * NS_PER_S);
            assert_false(net->ops->arm(net));
            expire_timer();
            net->ops->poll(net, 10);
        }
        expect_shut_off(net, "is shut off: its registers read as nothing but ones: 0xffffffff");
        assert_int_equal(token_count, 1);
    }
}

// It takes frames and does not send them.
static void test_stuck(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(chips); i++) {
        for (uint32_t head = 3; head <= 0x1234; head += 0x1231) {
            struct net_device *net = start(chips[i]);
            fake_e1000_set_link(false); // without a link it is not to blame
            net->ops->poll(net, 10);
            assert_int_equal(transmit(net, 3, 60, &fake_e1000), 0);
            net->ops->flush(net);
            for (uint64_t began_ns = now_ns; now_ns - began_ns < 20 * NS_PER_S;) {
                assert_false(net->ops->arm(net));
                if (pending_timer == NULL)
                    now_ns += NS_PER_S;
                else
                    expire_timer();
                net->ops->poll(net, 10);
            }
            assert_false(host_log_has("shut off"));
            net->ops->arm(net); // allows the link's interrupt
            fake_e1000_set_link(true);
            uint64_t began_ns = now_ns;
            *fake_e1000_register(E1000_TDH) = head;
            net->ops->poll(net, 10);
            assert_int_equal(transmit(net, 1, 60, &fake_e1000), 0);
            net->ops->flush(net);
            while (!host_log_has("shut off")) {
                assert_true(now_ns - began_ns < 7 * NS_PER_S);
                assert_false(net->ops->arm(net));
                expire_timer();
                net->ops->poll(net, 10);
            }
            assert_true(now_ns - began_ns > 4 * NS_PER_S);
            expect_shut_off(net, head == 3 ? "it has not sent for 5 s; its transmit head is at: 0x3"
                                           : "its transmit head is out of range: 0x1234");
            assert_int_equal(token_count, 2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arm),
        cmocka_unit_test(test_lost_interrupt),
        cmocka_unit_test(test_look_backs_off),
        cmocka_unit_test(test_link_change),
        cmocka_unit_test(test_losses_are_counted),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_stuck),
    };
    return cmocka_run_group_tests_name("e1000_watch", tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// Interrupts of the network card: asked for, lost, and of its link.
#include "virtio_net_fixture.h"

static void test_arm(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct net_device *net = start_net(i ? OFFERED_LESS : OFFERED);
        receive(1, 60, 0, 1);
        assert_false(fake_device_complete(&fake, 0)); // polled, not armed
        assert_true(net->ops->arm(net));              // it is there already
        take_one(net);
        expect_one_interrupt(net);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arm),
        cmocka_unit_test(test_lost_interrupt),
        cmocka_unit_test(test_link_change),
    };
    return cmocka_run_group_tests_name("virtio_net_interrupts", tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// Who sends what nobody takes is told so, but not each time.
#include "fake_net_world6.h"

#include <string.h>

#include "kernel/time.h"
#include "net/icmp_errors.h"
#include "net/net.h"

static uint8_t frame[WORLD_FRAME_MAX];
static struct world_frame sent;

#define UNREACHABLE4 3
#define EXCEEDED4    11
#define UNREACHABLE6 1
#define PROBLEM6     4

struct answers {
    unsigned of4[256], of6[256];
};

static struct answers take_answers(void)
{
    struct answers answers = {0};
    world_turn();
    while (world_take(&sent)) {
        if (world_get16(sent.bytes + 12) == 0x0800 && sent.bytes[23] == 1)
            answers.of4[sent.bytes[34]]++;
        answers.of6[world_icmp6_type(&sent)]++;
    }
    return answers;
}

// To a port where nobody listens.
static void send_datagrams(unsigned count4, unsigned count6)
{
    for (unsigned i = 0; i < count4; i++)
        world_deliver(frame, world_udp(frame, WORLD_PEER_IP, 1, WORLD_OWN_IP, 9999, "x", 1), false);
    for (unsigned i = 0; i < count6; i++)
        world_deliver(frame, world_udp6(frame, world_router_link, 1, world_own_link, 9999, "x", 1),
                      false);
}

// Time passes, and both neighbours are known again.
static void rest(void)
{
    world_pass_ms(5000);
    world_introduce_peer();
    world_deliver(frame, world_solicitation(frame, world_router_link, world_own_link), false);
    world_turn();
    world_drop_sent();
}

static void start(void **unused)
{
    (void)unused;
    world_set_option("ip6", "auto");
    world_set_option("ip", "10.0.2.15/24,gw=10.0.2.2");
    world_add_device(false);
    net_start();
    rest();
}

static void one_is_answered(void **unused)
{
    (void)unused;
    send_datagrams(1, 0);
    assert_int_equal(take_answers().of4[UNREACHABLE4], 1);
    world_pass_ms(1000);
    send_datagrams(0, 1);
    assert_int_equal(take_answers().of6[UNREACHABLE6], 1);
    assert_int_equal(net_icmp_errors_withheld_of(0), 0);
}

static void of_many_at_once_some_are(void **unused)
{
    (void)unused;
    rest();
    send_datagrams(100, 100);
    struct answers answers = take_answers();
    unsigned count = answers.of4[UNREACHABLE4] + answers.of6[UNREACHABLE6];
    assert_in_range(count, 5, 40);
    assert_int_equal(net_icmp_errors_withheld_of(0), 200 - count);
}

static void of_many_on_and_on_ten_a_second_are(void **unused)
{
    (void)unused;
    unsigned count = 0;
    for (unsigned i = 0; i < 1000; i++) {
        world_pass_ms(100);
        send_datagrams(5, 5);
        struct answers answers = take_answers();
        count += answers.of4[UNREACHABLE4] + answers.of6[UNREACHABLE6];
    }
    assert_in_range(count, 800, 1200);
}

static void pings_are_not_counted(void **unused)
{
    (void)unused;
    rest();
    send_datagrams(100, 0);
    take_answers();
    uint64_t withheld = net_icmp_errors_withheld_of(0);
    for (uint16_t i = 0; i < 100; i++)
        world_deliver(frame, world_ping(frame, i, 8), false);
    uint8_t echo[8] = {128};
    for (unsigned i = 0; i < 100; i++)
        world_deliver(frame, world_icmp6(frame, world_router_link, world_own_link, echo, 8), false);
    struct answers answers = take_answers();
    assert_int_equal(answers.of4[0], 100);
    assert_int_equal(answers.of6[129], 100);
    assert_int_equal(net_icmp_errors_withheld_of(0), withheld);
}

// A protocol nobody knows, and a datagram of which a fragment never comes.
static void other_errors_share_the_limit(void **unused)
{
    (void)unused;
    rest();
    uint64_t withheld = net_icmp_errors_withheld_of(0);
    struct answers answers = {0};
    for (unsigned i = 0; i < 50; i++) {
        world_deliver(frame, world_ip6_headers(frame, 200, world_router_link, world_own_link, 8),
                      false);
        world_deliver(frame, world_ip_headers(frame, 200, WORLD_PEER_IP, WORLD_OWN_IP, 8), false);
    }
    answers = take_answers();
    unsigned count = answers.of4[UNREACHABLE4] + answers.of6[PROBLEM6];
    assert_in_range(count, 5, 40);
    assert_int_equal(net_icmp_errors_withheld_of(0) - withheld, 100 - count);
    size_t size_bytes = world_ip_headers(frame, 17, WORLD_PEER_IP, WORLD_OWN_IP, 64);
    world_put16(frame + 20, 0x2000); // more fragments
    world_ip_checksum(frame);
    world_deliver(frame, size_bytes, false);
    world_pass_ms(20000);
    assert_int_equal(take_answers().of4[EXCEEDED4], 1);
}

// RFC 4443 section 2.4(e): there is no host of that address.
static void who_has_no_address_is_not_answered(void **unused)
{
    (void)unused;
    static const uint8_t nobody[16];
    rest();
    world_deliver(frame, world_udp6(frame, nobody, 1, world_own_link, 9999, "x", 1), false);
    world_turn();
    assert_false(world_take(&sent));
    assert_int_equal(world_buffers_out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start),
        cmocka_unit_test(one_is_answered),
        cmocka_unit_test(of_many_at_once_some_are),
        cmocka_unit_test(of_many_on_and_on_ten_a_second_are),
        cmocka_unit_test(pings_are_not_counted),
        cmocka_unit_test(other_errors_share_the_limit),
        cmocka_unit_test(who_has_no_address_is_not_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

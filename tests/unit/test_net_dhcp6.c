// SPDX-License-Identifier: MIT
// DHCPv6 against a server that answers message by message, or not at all.
#include "fake_net_world6.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/time.h"
#include "net/dns_servers.h"
#include "net/ip6.h"
#include "net/net.h"

#include "lwip/dns.h"

#define MANAGED 0x80
#define OTHER   0x40

static uint8_t frame[WORLD_FRAME_MAX];
static struct world_frame asked;

static struct {
    bool silent, refuses, takes_back, is_deprecated;
    unsigned solicits, requests, renewals, rebinds, declines, questions;
    uint32_t valid_s;
    uint8_t client[32];
} server = {.valid_s = 1000};
static const uint8_t given[16] = {0x20, 1, 0xd, 0xb8, [7] = 1, [15] = 0x77};

static uint8_t *put_option(uint8_t *at, uint16_t code, const void *value, size_t size_bytes)
{
    world_put16(at, code);
    world_put16(at + 2, (uint16_t)size_bytes);
    memcpy(at + 4, value, size_bytes);
    return at + 4 + size_bytes;
}

static size_t make_answer(uint8_t *message, uint8_t type, const uint8_t *question)
{
    uint8_t *at = message + 4;
    memcpy(message, question, 4);
    message[0] = type;
    at = put_option(at, 1, question + 8, world_get16(question + 6)); // the client's id comes first
    at = put_option(at, 2, "\0\3\0\1server", 10);
    uint8_t servers[16] = {0xfd, [15] = 0x35};
    at = put_option(at, 23, servers, sizeof(servers));
    if (question[0] == 11)
        return (size_t)(at - message);
    uint8_t association[12 + 28] = {[3] = 1, [13] = 5, [15] = 24};
    memcpy(association + 16, given, 16);
    bool is_over = server.takes_back && question[0] == 5;
    world_put32(association + 32, is_over || server.is_deprecated ? 0 : server.valid_s / 2);
    world_put32(association + 36, is_over ? 0 : server.valid_s);
    if (server.refuses) // no binding
        at = put_option(at, 3, "\0\0\0\1\0\0\0\0\0\0\0\0\0\15\0\2\0\3", 18);
    else
        at = put_option(at, 3, association, sizeof(association));
    return (size_t)(at - message);
}

static void serve(void)
{
    while (world_take(&asked)) {
        const uint8_t *question = asked.bytes + 62;
        if (world_get16(asked.bytes + 12) != 0x86dd || asked.bytes[20] != 17 ||
            world_get16(asked.bytes + 56) != 547)
            continue;
        server.solicits += question[0] == 1;
        server.requests += question[0] == 3;
        server.renewals += question[0] == 5;
        server.rebinds += question[0] == 6;
        server.declines += question[0] == 9;
        server.questions += question[0] == 11;
        if (server.silent)
            continue;
        uint8_t message[200];
        size_t size_bytes = make_answer(message, question[0] == 1 ? 2 : 7, question);
        for (size_t cut = 0; cut < 32; cut++) // nobody's answer without both ids
            world_deliver(
                frame, world_udp6(frame, world_router_link, 547, world_own_link, 546, message, cut),
                false);
        world_deliver(
            frame,
            world_udp6(frame, world_router_link, 547, world_own_link, 546, message, size_bytes),
            false);
    }
}

static void nothing_is_asked_unless_a_router_says_so(void **unused)
{
    (void)unused;
    world_set_option("ip6", "auto");
    world_set_option("ip", "10.0.2.15/24");
    world_add_device(false);
    world_peer = serve;
    net_start();
    world_deliver(frame, world_advertisement(frame, 0, 3600), false);
    world_pass_ms(10000);
    assert_int_equal(server.solicits + server.questions, 0);
}

static void dns_servers_are_asked_for(void **unused)
{
    (void)unused;
    world_deliver(frame, world_advertisement(frame, OTHER, 3600), false);
    world_pass_ms(2000);
    assert_int_equal(server.questions, 1);
    char text[NET_DNS_TEXT_BYTES];
    net_dns_text(text, IPADDR_TYPE_V6);
    assert_string_equal(text, "fd00::35");
    world_pass_ms(100000);
    assert_int_equal(server.questions, 1);
    world_pass_ms(86400 * 1000); // they may have changed
    assert_int_equal(server.questions, 2);
}

static void silence_is_told(void **unused)
{
    (void)unused;
    server.silent = true;
    host_log_clear();
    world_deliver(frame, world_advertisement(frame, MANAGED, 3600), false);
    world_pass_ms(120 * 1000);
    assert_in_range(server.solicits, 6, 9); // 1 s, 2 s, 4 s, ...
    assert_true(host_log_has("a router names DHCPv6, but no server answers"));
}

static void an_address_is_given(void **unused)
{
    (void)unused;
    server.silent = false;
    host_log_clear();
    world_pass_ms(150 * 1000);
    assert_int_equal(server.requests, 1);
    assert_true(host_log_has("net: 2001:db8:0:1::77/128 by DHCPv6, router fe80::2, DNS fd00::35"));
}

static void it_is_renewed(void **unused)
{
    (void)unused;
    host_log_clear();
    world_pass_ms(3000 * 1000);
    assert_in_range(server.renewals, 3, 20);
    assert_int_equal(server.rebinds, 0);
    server.silent = true; // this server is gone; any may answer
    world_pass_ms(500 * 1000);
    assert_true(server.rebinds > 0);
    assert_false(host_log_has("::77 is no longer"));
    server.silent = false;
    world_pass_ms(200 * 1000);
    server.silent = true;
    unsigned solicits = server.solicits;
    world_pass_ms(3000 * 1000);
    assert_true(host_log_has("2001:db8:0:1::77 is no longer this machine's"));
    assert_true(server.solicits > solicits);
}

static void a_taken_address_is_declined(void **unused)
{
    (void)unused;
    server.silent = false;
    world_deliver(frame, world_advertisement(frame, MANAGED, 36000), false);
    world_pass_ms(4000 * 1000);
    host_log_clear();
    world_deliver(frame, world_neighbour(frame, world_all_nodes, given), false);
    world_pass_ms(1000);
    assert_true(host_log_has("2001:db8:0:1::77 is another machine's already"));
    assert_int_equal(server.declines, 1);
}

// The machine has the address again, from now on. Returns: how often it was asked for before.
static unsigned bind_again(void)
{
    server.silent = server.refuses = false;
    world_deliver(frame, world_advertisement(frame, MANAGED, 36000), false);
    world_pass_ms(4000 * 1000);
    assert_non_null(net_ip6_address());
    host_log_clear();
    return server.solicits;
}

// Between a half and eight tenths of a short lease its server is asked, then any.
static void a_short_lease_is_offered_to_all_in_time(void **unused)
{
    (void)unused;
    server.valid_s = 120;
    bind_again();
    unsigned rebinds = server.rebinds;
    server.silent = true;
    world_pass_ms(119 * 1000);
    assert_true(server.rebinds > rebinds);
    server.valid_s = 1000;
}

// A lifetime that is over: of its being preferred, so of all times made from that.
static void a_server_is_not_asked_without_end(void **unused)
{
    (void)unused;
    server.is_deprecated = true;
    bind_again();
    unsigned renewals = server.renewals;
    world_pass_ms(1000 * 1000);
    assert_in_range(server.renewals - renewals, 1, 10);
    server.is_deprecated = false;
}

static void an_address_is_taken_back(void **unused)
{
    (void)unused;
    unsigned solicits = bind_again();
    server.takes_back = true;
    world_pass_ms(600 * 1000);
    assert_true(host_log_has("2001:db8:0:1::77 is no longer this machine's"));
    assert_true(server.solicits > solicits);
    server.takes_back = false;
}

// A server that has lost its memory gives the address once more.
static void a_forgotten_lease_is_asked_for_anew(void **unused)
{
    (void)unused;
    unsigned solicits = bind_again();
    server.refuses = true;
    world_pass_ms(400 * 1000);
    assert_true(server.solicits > solicits);
    server.refuses = false;
    world_pass_ms(60 * 1000);
    assert_false(host_log_has("::77 is no longer"));
}

static void who_is_refused_does_not_press(void **unused)
{
    (void)unused;
    server.refuses = true;
    unsigned solicits = server.solicits;
    world_pass_ms(100 * 1000);
    assert_in_range(server.solicits - solicits, 2, 11);
    assert_int_equal(world_buffers_out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_asked_unless_a_router_says_so),
        cmocka_unit_test(dns_servers_are_asked_for),
        cmocka_unit_test(silence_is_told),
        cmocka_unit_test(an_address_is_given),
        cmocka_unit_test(it_is_renewed),
        cmocka_unit_test(a_short_lease_is_offered_to_all_in_time),
        cmocka_unit_test(a_server_is_not_asked_without_end),
        cmocka_unit_test(an_address_is_taken_back),
        cmocka_unit_test(a_forgotten_lease_is_asked_for_anew),
        cmocka_unit_test(a_taken_address_is_declined),
        cmocka_unit_test(who_is_refused_does_not_press),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

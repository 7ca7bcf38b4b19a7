// SPDX-License-Identifier: MIT
// DHCP against a server that answers frame by frame, or not at all.
#include "fake_net_world.h"

#include <errno.h>
#include <string.h>

#include "kernel/time.h"
#include "net/net.h"
#include "net/ntp_servers.h"

static uint8_t frame[WORLD_FRAME_MAX];
static struct world_frame asked;

static struct {
    bool silent;
    bool refuses; // answers a REQUEST with NAK, then not at all
    uint32_t offered;
    uint32_t lease_s;
    unsigned discovers, requests;
    uint64_t requested_ns;
    bool is_asked_for_mtu;
    char name[64]; // that the last REQUEST gave
} server = {.silent = true, .offered = WORLD_OWN_IP, .lease_s = 86400};

// A server sees ARP and DHCP messages; the gateway answers ARP.
static void serve(void)
{
    while (world_take(&asked)) {
        uint8_t type = world_dhcp_type(&asked);
        if (world_get16(asked.bytes + 12) == 0x0806 && asked.bytes[21] == 1 &&
            world_get32(asked.bytes + 38) == WORLD_PEER_IP)
            world_deliver(frame, world_arp_request(frame, world_get32(asked.bytes + 28)), false);
        server.discovers += type == 1;
        server.requests += type == 3;
        if (type == 3)
            server.requested_ns = world_now_ns;
        uint8_t length;
        const uint8_t *wanted = type == 0 ? NULL : world_dhcp_option(&asked, 55, &length);
        server.is_asked_for_mtu |= wanted != NULL && memchr(wanted, 26, length) != NULL;
        const uint8_t *name = world_dhcp_option(&asked, 12, &length);
        if (type == 3 && name != NULL && length < sizeof(server.name)) {
            memset(server.name, 0, sizeof(server.name));
            memcpy(server.name, name, length);
        }
        if (server.silent || type == 0)
            continue;
        uint8_t reply = type == 1        ? WORLD_DHCP_OFFER
                        : server.refuses ? WORLD_DHCP_NAK
                                         : WORLD_DHCP_ACK;
        server.silent = reply == WORLD_DHCP_NAK;
        uint32_t transaction = world_dhcp_transaction(&asked);
        world_deliver(frame, world_dhcp(frame, reply, transaction, server.offered, server.lease_s),
                      false);
    }
}

static unsigned lines_with(const char *text)
{
    unsigned count = 0;
    for (const char *at = host_log; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

static void wrong_options_are_named(void **unused)
{
    (void)unused;
    ip_addr_t time_server;
    assert_false(net_ntp_server(&time_server));
    world_set_option("ip", "10.0.2.15");
    world_set_option("hostname", "bull_ring");
    world_add_device(false);
    world_peer = serve;
    host_log_clear();
    net_start();
    assert_true(host_log_has("option ip=10.0.2.15: the address has no /PREFIX; expected "
                             "ip=ADDRESS/PREFIX"));
    assert_true(host_log_has("DHCP is used"));
    assert_true(host_log_has("option hostname=bull_ring: expected 1 to 63 letters"));
}

static void it_asks_at_once(void **unused)
{
    (void)unused;
    world_peer = NULL;
    world_turn();
    assert_true(world_take(&asked));
    assert_int_equal(world_dhcp_type(&asked), 1);
    assert_memory_equal(asked.bytes, "\xff\xff\xff\xff\xff\xff", 6);
    assert_int_equal(world_get32(asked.bytes + 30), 0xffffffff);
    assert_false(world_take(&asked));
    world_peer = serve;
}

static void without_lease_it_says_so_and_goes_on(void **unused)
{
    (void)unused;
    host_log_clear();
    assert_int_equal(net_wait_ready(time_now_ns() + 9 * NS_PER_S), -ETIMEDOUT);
    assert_int_equal(lines_with("no DHCP lease"), 0);
    world_pass_ms(2000);
    assert_true(host_log_has("no DHCP lease after 10 s: still trying; a static address is option "
                             "ip=ADDRESS/PREFIX"));
    unsigned discovers = server.discovers;
    world_device.link_up = false;
    world_pass_ms(50000);
    assert_true(host_log_has("link down"));
    assert_true(host_log_has("no DHCP lease after 30 s, the link is down"));
    world_device.link_up = true;
    world_pass_ms(3600 * 1000);
    assert_true(host_log_has("link up"));
    assert_true(server.discovers > discovers + 30); // still trying
    assert_true(lines_with("no DHCP lease") <= 12); // without a flood
}

static void what_is_no_answer_is_ignored(void **unused)
{
    (void)unused;
    struct net_facts facts;
    size_t size_bytes = world_dhcp(frame, WORLD_DHCP_OFFER, 0x12345678, WORLD_OWN_IP, 100);
    world_deliver(frame, size_bytes, false); // another's transaction
    for (size_t cut = 0; cut < size_bytes; cut++)
        world_deliver(frame, cut, true);
    world_turn();
    assert_true(net_facts(&facts));
    assert_false(facts.has_address);
    assert_int_equal(world_buffers_out, 0);
}

static void a_lease_is_taken_and_told(void **unused)
{
    (void)unused;
    struct net_facts facts;
    server.silent = false;
    server.lease_s = 600;
    host_log_clear();
    assert_int_equal(net_wait_ready(time_now_ns() + 120 * NS_PER_S), 0);
    assert_true(host_log_has("net: 10.0.2.15/24 by DHCP, gateway 10.0.2.2, DNS 10.0.2.3, "
                             "NTP 10.0.2.4, virtio-net at 00:02.0 52:54:00:12:34:56"));
    assert_string_equal(server.name, "toril");
    assert_true(net_facts(&facts));
    assert_true(facts.has_address && facts.by_dhcp);
    assert_string_equal(facts.address, "10.0.2.15");
    assert_string_equal(facts.dns[0], "10.0.2.3");
    ip_addr_t time_server;
    assert_true(net_ntp_server(&time_server));
    assert_int_equal(ip_2_ip4(&time_server)->addr, PP_HTONL(0x0a000204));
    assert_int_equal(world_buffers_out, 0);
    world_pass_ms(60000);
    assert_int_equal(lines_with("no DHCP lease"), 0);
}

static void the_lease_is_renewed(void **unused)
{
    (void)unused;
    unsigned requests = server.requests, discovers = server.discovers;
    world_pass_ms(2000 * 1000);
    assert_true(server.requests > requests);
    assert_int_equal(server.discovers, discovers);
    struct net_facts facts;
    assert_true(net_facts(&facts));
    assert_true(facts.has_address);
}

static void a_refused_renewal_starts_anew(void **unused)
{
    (void)unused;
    server.refuses = true;
    host_log_clear();
    world_pass_ms(700 * 1000);
    assert_true(host_log_has("the DHCP lease ended"));
    assert_true(host_log_has("no DHCP lease after 10 s"));
    server.refuses = false;
    server.silent = false;
    server.offered = WORLD_OWN_IP + 5;
    world_pass_ms(120 * 1000);
    assert_true(host_log_has("net: 10.0.2.20/24 by DHCP"));
}

// More than there is room for: lwIP must not take them for what it keeps behind.
static void of_many_dns_servers_the_first_count(void **unused)
{
    (void)unused;
    struct net_facts facts;
    ip_addr_t time_server;
    world_dhcp_more[0] = 6;
    world_dhcp_more[1] = 4 * 8;
    for (uint8_t i = 0; i < 8; i++)
        memcpy(world_dhcp_more + 2 + 4 * i, (uint8_t[]){10, 0, 3, i}, 4);
    world_dhcp_more_bytes = 2 + 4 * 8;
    server.offered = WORLD_OWN_IP + 6; // so that it is told
    server.lease_s = 60;
    server.refuses = true;
    world_pass_ms(700 * 1000);
    server.refuses = server.silent = false;
    host_log_clear();
    world_pass_ms(120 * 1000);
    assert_true(host_log_has("net: 10.0.2.21/24 by DHCP, gateway 10.0.2.2, DNS 10.0.3.0 and "
                             "10.0.3.1, NTP 10.0.2.4, virtio-net"));
    assert_true(net_facts(&facts));
    assert_string_equal(facts.dns[1], "10.0.3.1");
    assert_true(net_ntp_server(&time_server));
    assert_int_equal(ip_2_ip4(&time_server)->addr, PP_HTONL(0x0a000204));
    world_dhcp_more_bytes = 0;
}

// What the next acknowledgement says of the longest packet; 0: nothing.
static void renew_with_mtu(uint16_t mtu)
{
    world_dhcp_more_bytes = mtu == 0 ? 0 : 4;
    memcpy(world_dhcp_more, "\32\2", 2);
    world_put16(world_dhcp_more + 2, mtu);
    unsigned requests = server.requests;
    host_log_clear();
    while (server.requests == requests)
        world_pass_ms(1000);
    world_pass_ms(10);
}

static void the_mtu_is_the_leases(void **unused)
{
    (void)unused;
    struct net_facts facts;
    assert_true(server.is_asked_for_mtu);
    static const struct {
        uint16_t said, used;
        const char *line;
    } table[] = {
        {1400, 1400, ""},
        {9000, 1500, "says that packets may have 9000 bytes, but the card sends at most 1500"},
        {576, 576, ""},
        {575, 1500, "says that packets have at most 575 bytes, IPv4 needs 576: not heeded"},
        {1300, 1300, ""},
        {0, 1500, ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        renew_with_mtu(table[i].said);
        assert_true(net_facts(&facts));
        assert_int_equal(facts.mtu, table[i].used);
        assert_true(table[i].line[0] == '\0' || host_log_has(table[i].line));
    }
    renew_with_mtu(1400);
    world_set_option("mtu", "1500"); // goes before
    renew_with_mtu(1300);
    assert_true(net_facts(&facts));
    assert_int_equal(facts.mtu, 1500);
    world_dhcp_more_bytes = 0;
}

// ---- when it is asked ---------------------------------------------------------------------------

// The next lease's times; `renew_s` and `rebind_s` of 0 are left to the machine.
static void set_times(uint32_t lease_s, uint32_t renew_s, uint32_t rebind_s)
{
    server.lease_s = lease_s;
    world_dhcp_more_bytes = renew_s == 0 ? 0 : 12;
    memcpy(world_dhcp_more, "\72\4", 2);
    world_put32(world_dhcp_more + 2, renew_s);
    memcpy(world_dhcp_more + 6, "\73\4", 2);
    world_put32(world_dhcp_more + 8, rebind_s);
}

// From the last REQUEST to the next one.
static uint64_t seconds_to_request(void)
{
    unsigned requests = server.requests;
    uint64_t from_ns = server.requested_ns;
    for (unsigned i = 0; server.requests == requests && i < 100000; i++)
        world_pass_ms(i < 1000 ? 1000 : 60000);
    return (server.requested_ns - from_ns + NS_PER_S / 2) / NS_PER_S;
}

static void short_leases_are_kept(void **unused)
{
    (void)unused;
    set_times(30, 0, 0);
    seconds_to_request();
    host_log_clear();
    unsigned discovers = server.discovers, requests = server.requests;
    world_pass_ms(600 * 1000);
    assert_in_range(server.requests - requests, 38, 42);
    assert_int_equal(server.discovers, discovers);
    assert_false(host_log_has("the DHCP lease ended"));
}

static void the_server_says_when(void **unused)
{
    (void)unused;
    static const struct {
        uint32_t lease_s, renew_s, rebind_s, expected_s;
    } table[] = {
        {300, 0, 0, 150},         {300, 17, 200, 17}, {300, 290, 200, 150},
        {300, 400, 500, 150},     {5, 0, 0, 5},       {1, 1, 1, 5},
        {300, 299, 299, 150},     {600, 100, 0, 100}, {0, 0, 0, 1800},
        {2000000, 0, 0, 1000000},
    };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        set_times(table[i].lease_s, table[i].renew_s, table[i].rebind_s);
        seconds_to_request();
        assert_int_equal(seconds_to_request(), table[i].expected_s);
    }
}

// To the server, then to all, then no more.
static void without_an_answer_it_asks_again(void **unused)
{
    (void)unused;
    set_times(800, 400, 700);
    seconds_to_request();
    server.silent = true;
    host_log_clear();
    assert_int_equal(seconds_to_request(), 400);
    assert_int_equal(seconds_to_request(), 150);
    assert_int_equal(seconds_to_request(), 75);
    assert_int_equal(seconds_to_request(), 60);
    assert_int_equal(seconds_to_request(), 15); // all servers
    assert_int_equal(seconds_to_request(), 60);
    unsigned requests = server.requests, discovers = server.discovers;
    assert_false(host_log_has("the DHCP lease ended"));
    world_pass_ms(41 * 1000);
    assert_true(host_log_has("the DHCP lease ended"));
    assert_int_equal(server.requests, requests);
    assert_true(server.discovers > discovers);
    server.silent = false;
    world_pass_ms(120 * 1000);
}

static void an_endless_lease_does_not_end(void **unused)
{
    (void)unused;
    set_times(300, 0, 0);
    seconds_to_request();
    set_times(UINT32_MAX, 0, 0);
    seconds_to_request();
    host_log_clear();
    unsigned requests = server.requests;
    world_pass_ms(3600 * 1000);
    assert_int_equal(server.requests, requests);
    assert_false(host_log_has("the DHCP lease ended"));
}

static void an_idle_lease_costs_a_wakeup_a_second(void **unused)
{
    (void)unused;
    server.lease_s = 86400;
    world_pass_ms(600 * 1000);
    unsigned before = world_wakeups;
    world_pass_ms(100 * 1000);
    assert_true(world_wakeups - before <= 101);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_options_are_named),
        cmocka_unit_test(it_asks_at_once),
        cmocka_unit_test(without_lease_it_says_so_and_goes_on),
        cmocka_unit_test(what_is_no_answer_is_ignored),
        cmocka_unit_test(a_lease_is_taken_and_told),
        cmocka_unit_test(the_lease_is_renewed),
        cmocka_unit_test(a_refused_renewal_starts_anew),
        cmocka_unit_test(of_many_dns_servers_the_first_count),
        cmocka_unit_test(the_mtu_is_the_leases),
        cmocka_unit_test(short_leases_are_kept),
        cmocka_unit_test(the_server_says_when),
        cmocka_unit_test(without_an_answer_it_asks_again),
        cmocka_unit_test(an_endless_lease_does_not_end),
        cmocka_unit_test(an_idle_lease_costs_a_wakeup_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

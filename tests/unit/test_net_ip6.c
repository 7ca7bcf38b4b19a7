// SPDX-License-Identifier: MIT
// IPv6 frame by frame: addresses from a router, duplicates, neighbours, checksums, option ip6.
#include "fake_net_world6.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/time.h"
#include "net/dns_servers.h"
#include "net/groups.h"
#include "net/ip6.h"
#include "net/net.h"
#include "net/tables.h"

#include "lwip/dns.h"
#include "lwip/nd6.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"

#define ROUTER_SOLICITATION 133
#define SOLICITATION        135
#define NEIGHBOUR           136
#define LISTENER_REPORT     131

static uint8_t frame[WORLD_FRAME_MAX];
static struct world_frame sent;
static const uint8_t nobody[16];

// The next frame sent that is of this ICMPv6 type, in `sent`.
static bool take_type(uint8_t type)
{
    while (world_take(&sent))
        if (world_icmp6_type(&sent) == type)
            return true;
    return false;
}

// ---- addresses ----------------------------------------------------------------------------------

static void it_looks_for_itself_and_for_routers(void **unused)
{
    (void)unused;
    world_set_option("ip6", "auto");
    world_set_option("ip", "10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3");
    world_add_device(true);
    net_start();
    world_pass_ms(1000);
    assert_true(take_type(LISTENER_REPORT));
    assert_true(take_type(SOLICITATION)); // nobody answers
    assert_memory_equal(sent.bytes + 22, nobody, 16);
    assert_memory_equal(sent.bytes + 62, world_own_link, 16);
    assert_true(take_type(ROUTER_SOLICITATION));
    world_pass_ms(1000);
    assert_null(net_ip6_address());
}

static void a_router_gives_an_address(void **unused)
{
    (void)unused;
    host_log_clear();
    world_deliver(frame, world_advertisement(frame, 0, 3600), false);
    world_turn();
    world_drop_sent();
    world_pass_ms(1000);
    assert_null(net_ip6_address()); // it is being looked for
    assert_true(take_type(SOLICITATION));
    assert_memory_equal(sent.bytes + 62, world_own_global, 16);
    world_pass_ms(1000);
    assert_non_null(net_ip6_address());
    assert_true(host_log_has("net: 2001:db8:0:1:5054:ff:fe12:3456/64 by router advertisement, "
                             "router fe80::2, DNS 2001:db8:0:1::53"));
    // IPv4's DNS server is still asked first.
    assert_true(IP_IS_V4(dns_getserver(0)) && IP_IS_V6(dns_getserver(1)));
    assert_true(ip_addr_isany(dns_getserver(2)));
    world_pass_ms(100000); // no router asked for any more
    assert_false(take_type(ROUTER_SOLICITATION));
    assert_int_equal(world_buffers_out, 0);
}

static void who_looks_for_it_is_answered(void **unused)
{
    (void)unused;
    world_drop_sent();
    world_deliver(frame, world_solicitation(frame, world_router_link, world_own_global), false);
    world_turn();
    assert_true(take_type(NEIGHBOUR));
    assert_memory_equal(sent.bytes + 62, world_own_global, 16);
    assert_memory_equal(sent.bytes + 80, world_own_mac, 6);
    assert_int_equal(world_get16(sent.bytes + 56), world_ip6_checksum(sent.bytes, 2));
    // Who wants to have it hears that it is taken.
    world_deliver(frame, world_solicitation(frame, nobody, world_own_global), false);
    world_turn();
    assert_true(take_type(NEIGHBOUR));
    assert_memory_equal(sent.bytes + 38, world_all_nodes, 16);
}

// One whose length is nothing, with its value cut off, at the very end; and none at all.
static void options_that_are_cut_off_are_not_read(void **unused)
{
    (void)unused;
    uint8_t message[26] = {135, [24] = 1};
    memcpy(message + 8, world_own_global, 16);
    uint8_t group[16] = {0xff, 2, [11] = 1, [12] = 0xff};
    memcpy(group + 13, world_own_global + 13, 3);
    for (uint8_t size = 24; size <= sizeof(message); size++) {
        for (message[25] = 0; message[25] <= 1; message[25]++) {
            world_drop_sent();
            world_deliver(frame, world_icmp6(frame, world_prefix, group, message, size), false);
            world_turn();
            assert_false(take_type(NEIGHBOUR));
        }
    }
    assert_int_equal(world_buffers_out, 0);
}

static void ping_is_answered(void **unused)
{
    (void)unused;
    uint8_t echo[64] = {128, [4] = 1, [5] = 2, [63] = 9};
    world_deliver(frame, world_icmp6(frame, world_router_link, world_own_global, echo, 64), false);
    world_turn();
    assert_true(take_type(129));
    assert_memory_equal(sent.bytes + 58, echo + 4, 60);
    assert_int_equal(world_get16(sent.bytes + 56), world_ip6_checksum(sent.bytes, 2));
}

// ---- TCP and UDP --------------------------------------------------------------------------------

static unsigned accepted;

static err_t connected(void *argument, struct tcp_pcb *pcb, err_t error)
{
    (void)argument;
    assert_int_equal(error, ERR_OK);
    assert_true(IP_IS_V6_VAL(pcb->remote_ip));
    accepted++;
    tcp_abort(pcb);
    return ERR_ABRT;
}

static size_t segment(uint8_t flags, uint32_t sequence, uint32_t acknowledged)
{
    uint8_t *tcp = frame + 54;
    memset(tcp, 0, 20);
    world_put16(tcp, 40000);
    world_put16(tcp + 2, 80);
    world_put32(tcp + 4, sequence);
    world_put32(tcp + 8, acknowledged);
    tcp[12] = 0x50;
    tcp[13] = flags;
    world_put16(tcp + 14, 60000);
    size_t size_bytes = world_ip6_headers(frame, 6, world_router_link, world_own_global, 20);
    world_put16(tcp + 16, world_ip6_checksum(frame, 16));
    return size_bytes;
}

// The device fills checksums in, and vouches for received ones.
static void tcp_connects(void **unused)
{
    (void)unused;
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    assert_int_equal(tcp_bind(pcb, IP_ANY_TYPE, 80), ERR_OK);
    struct tcp_pcb *listener = tcp_listen(pcb);
    tcp_accept(listener, connected);
    world_drop_sent();
    world_deliver(frame, segment(WORLD_SYN, 7, 0), false);
    world_turn();
    assert_true(world_take(&sent));
    assert_int_equal(sent.bytes[20], 6);
    assert_true(sent.checksum_needed);
    assert_int_equal(sent.checksum_start, 54);
    assert_int_equal(world_get16(sent.bytes + 70), world_ip6_checksum(sent.bytes, 16));
    uint32_t sequence = world_get32(sent.bytes + 58);
    size_t size_bytes = segment(WORLD_ACK, 8, sequence + 1);
    frame[70] ^= 1; // the checksum
    world_deliver(frame, size_bytes, false);
    world_turn();
    assert_int_equal(accepted, 0);
    world_deliver(frame, size_bytes, true);
    world_turn();
    assert_int_equal(accepted, 1);
    tcp_close(listener);
    world_drop_sent();
}

static void send_long_datagram(void)
{
    struct udp_pcb *udp = udp_new_ip_type(IPADDR_TYPE_V6);
    struct pbuf *data = pbuf_alloc(PBUF_TRANSPORT, 2500, PBUF_RAM);
    memset(data->payload, 3, 2500);
    ip_addr_t peer = {.type = IPADDR_TYPE_V6};
    memcpy(ip_2_ip6(&peer)->addr, world_router_link, 16);
    assert_int_equal(udp_sendto(udp, data, &peer, 9), ERR_OK);
    world_turn();
    pbuf_free(data);
    udp_remove(udp);
}

// What does not fit into a frame cannot be summed by the device.
static void long_datagrams_carry_their_checksum(void **unused)
{
    (void)unused;
    send_long_datagram();
    static uint8_t whole[4000];
    unsigned pieces = 0;
    while (world_take(&sent)) {
        assert_int_equal(sent.bytes[20], 44);
        assert_false(sent.checksum_needed);
        unsigned offset = world_get16(sent.bytes + 56) & 0xfff8u;
        memcpy(whole + 54 + offset, sent.bytes + 62, sent.size_bytes - 62);
        pieces++;
    }
    assert_true(pieces >= 2);
    world_ip6_headers(whole, 17, world_own_link, world_router_link, 2508);
    assert_int_equal(world_get16(whole + 60), world_ip6_checksum(whole, 6));
}

// A router on the way says that it passes on so many bytes at most. Returns: how long the longest
// packet is that leaves then.
static size_t longest_after_too_big(uint32_t mtu, size_t message_bytes)
{
    uint8_t message[48] = {2};
    size_t longest = 0;
    world_put32(message + 4, mtu);
    world_ip6_headers(frame, 17, world_own_link, world_router_link, 2508);
    memcpy(message + 8, frame + 14, 40);
    world_drop_sent();
    world_deliver(frame,
                  world_icmp6(frame, world_router_link, world_own_link, message, message_bytes),
                  false);
    world_turn();
    send_long_datagram();
    while (world_take(&sent))
        longest = sent.size_bytes > longest ? sent.size_bytes : longest;
    return longest - 14;
}

static void a_path_has_a_size_that_paths_have(void **unused)
{
    (void)unused;
    static const uint32_t impossible[] = {0, 1, 47, 48, 55, 60, 61, 1279, 1501, 65535, 0x10500};
    for (size_t i = 0; i < ARRAY_COUNT(impossible); i++)
        assert_int_equal(longest_after_too_big(impossible[i], 48), 1496);
    assert_int_equal(longest_after_too_big(1300, 7), 1496); // cut off
    assert_int_equal(longest_after_too_big(1400, 48), 1400);
    assert_int_equal(longest_after_too_big(1280, 48), 1280);
    assert_int_equal(longest_after_too_big(1500, 48), 1496);
    assert_int_equal(world_buffers_out, 0);
}

static unsigned sent_to(const uint8_t address[16])
{
    unsigned count = 0;
    while (world_take(&sent))
        count += sent.bytes[20] == 17 && memcmp(sent.bytes + 38, address, 16) == 0;
    return count;
}

static void send_datagrams(struct udp_pcb *udp, const uint8_t address[16], unsigned count)
{
    ip_addr_t to = {.type = IPADDR_TYPE_V6};
    memcpy(ip_2_ip6(&to)->addr, address, 16);
    for (unsigned i = 0; i < count; i++) {
        struct pbuf *data = pbuf_alloc(PBUF_TRANSPORT, 8, PBUF_RAM);
        memset(data->payload, 0, 8);
        udp_sendto(udp, data, &to, 9);
        pbuf_free(data);
    }
}

// What waits for a neighbour that may never answer has a limit; the newest are kept.
static void not_everything_waits_for_a_neighbour(void **unused)
{
    (void)unused;
    static const uint8_t slow[16] = {0xfe, 0x80, [15] = 0x51};
    struct udp_pcb *udp = udp_new_ip_type(IPADDR_TYPE_V6);
    send_datagrams(udp, slow, 5000);
    assert_int_equal(sent_to(slow), 0);
    world_deliver(frame, world_neighbour(frame, world_own_link, slow), false);
    world_turn();
    assert_int_equal(sent_to(slow), 256);
    static const uint8_t absent[16] = {0xfe, 0x80, [15] = 0x52};
    send_datagrams(udp, absent, 300);
    world_pass_ms(10000);
    assert_int_equal(sent_to(absent), 0);
    send_datagrams(udp, slow, 3); // there is room again
    assert_int_equal(sent_to(slow), 3);
    udp_remove(udp);
}

// ---- what other cores are told ------------------------------------------------------------------

static void what_is_known_can_be_told(void **unused)
{
    (void)unused;
    struct net_ip6_config config, again;
    net_ip6_config(0, &config);
    assert_memory_equal(&config.addresses[0].address.addr, world_own_link, 16);
    assert_memory_equal(&config.addresses[1].address.addr, world_own_global, 16);
    assert_memory_equal(&config.routers[0].address.addr, world_router_link, 16);
    assert_memory_equal(config.routers[0].mac, world_peer_mac, 6);
    assert_true(config.routers[0].lifetime_s > 1000);
    assert_memory_equal(&config.prefixes[0].prefix.addr, world_prefix, 16);
    // A core that has forgotten all learns it anew.
    struct netif *netif = netif_default;
    nd6_cleanup_netif(netif);
    netif_ip6_addr_set_state(netif, 1, IP6_ADDR_INVALID);
    net_ip6_configure(0, &config);
    net_ip6_config(0, &again);
    assert_memory_equal(&again, &config, sizeof(config));
    net_ip6_configure(0, &config); // nothing twice
    net_ip6_config(0, &again);
    assert_memory_equal(&again, &config, sizeof(config));
}

static void gather(const struct net_table_row *row, void *context)
{
    char *text = context;
    strcat(strcat(strcat(text, row->what), " "), row->via);
    strcat(strcat(strcat(text, " "), row->state != NULL ? row->state : ""), "\n");
}

// The router's word, or that of one in its place.
static size_t router_is_at(const uint8_t mac[6])
{
    uint8_t message[32] = {136, [4] = 0xe0, [24] = 2, [25] = 1};
    memcpy(message + 8, world_router_link, 16);
    memcpy(message + 26, mac, 6);
    return world_icmp6(frame, world_router_link, world_own_link, message, sizeof(message));
}

static void tables_show_both_families(void **unused)
{
    (void)unused;
    char text[2000] = "";
    world_introduce_peer();
    world_deliver(frame, router_is_at(world_peer_mac), false);
    world_turn();
    net_table_each(NET_ADDRESSES, gather, text);
    assert_string_equal(text, "10.0.2.15/24  preferred\n"
                              "fe80::5054:ff:fe12:3456/64  preferred\n"
                              "2001:db8:0:1:5054:ff:fe12:3456/64  preferred\n");
    text[0] = '\0';
    net_table_each(NET_ROUTES, gather, text);
    assert_string_equal(text, "10.0.2.0/24  \n0.0.0.0/0 10.0.2.2 \n2001:db8:0:1::/64  \n"
                              "::/0 fe80::2 \n");
    text[0] = '\0';
    net_table_each(NET_NEIGHBOURS, gather, text);
    assert_non_null(strstr(text, "10.0.2.2 52:55:0a:00:02:02 stable\n"));
    assert_non_null(strstr(text, "fe80::2 52:55:0a:00:02:02 "));
    text[0] = '\0';
    net_table_each(NET_NAME_SERVERS, gather, text);
    assert_string_equal(text, "10.0.2.3  \n2001:db8:0:1::53  \n");
}

// ---- a router's end -----------------------------------------------------------------------------

// Returns: whether somebody was asked for whose address is not known.
static bool looks_for_router(void)
{
    bool found = false;
    while (world_take(&sent))
        found |= world_icmp6_type(&sent) == SOLICITATION && sent.bytes[0] == 0x33 &&
                 memcmp(sent.bytes + 62, world_router_link, 16) == 0;
    return found;
}

// Another one takes its place under the same address, and its word of it was lost.
static void a_router_that_was_replaced_is_found(void **unused)
{
    (void)unused;
    static const uint8_t far[16] = {0x20, 1, 0xd, 0xb8, [4] = 9, [15] = 1};
    static const uint8_t other_mac[6] = {0x52, 0x55, 1, 2, 3, 4};
    struct udp_pcb *udp = udp_new_ip_type(IPADDR_TYPE_V6);
    world_deliver(frame, router_is_at(world_peer_mac), false);
    world_turn();
    host_log_clear();
    world_pass_ms(31000); // it was heard of then
    for (int second = 0; second < 20; second++) {
        send_datagrams(udp, far, 1);
        world_pass_ms(1000);
    }
    assert_true(looks_for_router());
    assert_true(host_log_has("net: router fe80::2 does not answer core 0 any more"));
    world_deliver(frame, router_is_at(other_mac), false);
    world_turn();
    world_drop_sent();
    send_datagrams(udp, far, 1);
    world_turn();
    assert_true(world_take(&sent));
    assert_memory_equal(sent.bytes, other_mac, 6);
    world_deliver(frame, router_is_at(world_peer_mac), false);
    world_turn();
    udp_remove(udp);
}

// ---- groups -------------------------------------------------------------------------------------

static unsigned group_datagrams;

static void group_datagram(void *argument, struct udp_pcb *pcb, struct pbuf *data,
                           const ip_addr_t *address, u16_t port)
{
    (void)argument;
    (void)pcb;
    (void)address;
    (void)port;
    group_datagrams++;
    pbuf_free(data);
}

static bool igmp_was_sent(uint8_t type)
{
    bool found = false;
    while (world_take(&sent))
        found |= sent.bytes[12] == 8 && sent.bytes[23] == 2 && sent.bytes[38] == type;
    return found;
}

static void deliver_to_groups(const ip_addr_t *group6)
{
    world_deliver(frame, world_udp(frame, WORLD_PEER_IP, 9, 0xef010203, 5000, "x", 1), false);
    world_deliver(frame,
                  world_udp6(frame, world_router_link, 9, (const uint8_t *)ip_2_ip6(group6)->addr,
                             5000, "x", 1),
                  false);
    world_turn();
}

static void groups_are_joined_and_left(void **unused)
{
    (void)unused;
    ip_addr_t group = IPADDR4_INIT_BYTES(239, 1, 2, 3), alone = IPADDR4_INIT_BYTES(10, 0, 0, 1);
    ip_addr_t group6 = IPADDR6_INIT_HOST(0xff150000, 0, 0, 0x10002);
    struct udp_pcb *udp = udp_new_ip_type(IPADDR_TYPE_ANY);
    assert_int_equal(udp_bind(udp, IP_ANY_TYPE, 5000), ERR_OK);
    udp_recv(udp, group_datagram, NULL);
    deliver_to_groups(&group6);
    assert_int_equal(group_datagrams, 0);
    world_drop_sent();
    assert_int_equal(net_group_join(&alone), -EINVAL);
    assert_int_equal(net_group_join(&group), 0);
    assert_int_equal(net_group_join(&group6), 0);
    assert_true(net_groups_on(0));
    world_turn();
    assert_true(igmp_was_sent(0x16)); // a report
    deliver_to_groups(&group6);
    assert_int_equal(group_datagrams, 2);
    // Who asks is answered.
    world_pass_ms(20000);
    world_drop_sent();
    memset(frame, 0, sizeof(frame));
    memcpy(frame + 34, "\x11\x14\xee\xeb\0\0\0\0", 8); // a query, answers within 2 s
    world_deliver(frame, world_ip_headers(frame, 2, WORLD_PEER_IP, 0xe0000001, 8), false);
    world_pass_ms(2100);
    assert_true(igmp_was_sent(0x16));
    net_group_leave(&group);
    net_group_leave(&group6);
    assert_false(net_groups_on(0));
    world_turn();
    assert_true(igmp_was_sent(0x17));
    deliver_to_groups(&group6);
    assert_int_equal(group_datagrams, 2);
    udp_remove(udp);
}

// ---- changes ------------------------------------------------------------------------------------

static void a_twin_takes_the_address_away(void **unused)
{
    (void)unused;
    host_log_clear();
    world_deliver(frame, world_neighbour(frame, world_all_nodes, world_own_global), false);
    world_turn();
    assert_true(host_log_has("net: 2001:db8:0:1:5054:ff:fe12:3456 is no longer this machine's"));
    assert_true(host_log_has("is another machine's already: it is not used"));
    assert_null(net_ip6_address());
}

static void idle_machine_wakes_once_a_second(void **unused)
{
    (void)unused;
    world_pass_ms(60000);
    unsigned before = world_wakeups;
    world_pass_ms(100000);
    assert_true(world_wakeups - before <= 100);
    assert_int_equal(world_buffers_out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_looks_for_itself_and_for_routers),
        cmocka_unit_test(a_router_gives_an_address),
        cmocka_unit_test(who_looks_for_it_is_answered),
        cmocka_unit_test(options_that_are_cut_off_are_not_read),
        cmocka_unit_test(ping_is_answered),
        cmocka_unit_test(tcp_connects),
        cmocka_unit_test(long_datagrams_carry_their_checksum),
        cmocka_unit_test(a_path_has_a_size_that_paths_have),
        cmocka_unit_test(not_everything_waits_for_a_neighbour),
        cmocka_unit_test(what_is_known_can_be_told),
        cmocka_unit_test(tables_show_both_families),
        cmocka_unit_test(a_router_that_was_replaced_is_found),
        cmocka_unit_test(groups_are_joined_and_left),
        cmocka_unit_test(a_twin_takes_the_address_away),
        cmocka_unit_test(idle_machine_wakes_once_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

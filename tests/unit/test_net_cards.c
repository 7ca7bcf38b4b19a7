// SPDX-License-Identifier: MIT
// Three cards: which one a packet leaves by, what each has of its own, and that one without an
// address holds up nobody. The first is the world's; frames to the others are kept apart.
#include "fake_net_world6.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/dns_servers.h"
#include "net/interface.h"
#include "net/ip6.h"
#include "net/net.h"
#include "net/route.h"
#include "net/tables.h"
#include "net/udp_send.h"

static uint8_t frame[WORLD_FRAME_MAX];
static struct world_frame sent;

// ---- the other cards ----------------------------------------------------------------------------

static struct other {
    struct net_device device;
    void *tokens[64];
    unsigned count;
    uint8_t last[WORLD_FRAME_MAX]; // the last frame that was sent
} others[2];

static int other_transmit(struct net_device *device, const struct net_tx_frame *given)
{
    struct other *other = CONTAINER_OF(device, struct other, device);
    size_t at = 0;
    for (uint32_t i = 0; i < given->segment_count; at += given->segments[i++].length)
        memcpy(other->last + at, given->segments[i].data, given->segments[i].length);
    other->tokens[other->count++] = given->token;
    device->stats.tx_frames++;
    return 0;
}

static uint32_t other_poll(struct net_device *device, uint32_t budget)
{
    struct other *other = CONTAINER_OF(device, struct other, device);
    (void)budget;
    for (; other->count > 0; other->count--)
        device->transmitted(device, other->tokens[other->count - 1]);
    return 0;
}

static void other_flush(struct net_device *device)
{
    (void)device;
}

static bool other_arm(struct net_device *device)
{
    (void)device;
    return false;
}

static void other_release(struct net_device *device, struct net_rx_buffer *buffer)
{
    assert_true(device == &others[0].device || device == &others[1].device);
    free(buffer->data);
    free(buffer);
}

static const struct net_device_ops other_ops = {other_transmit, other_poll,    other_flush,
                                                other_arm,      other_release, NULL};

static void receive_at(struct other *other, size_t size_bytes)
{
    struct net_rx_buffer *buffer = calloc(1, sizeof(*buffer));
    buffer->data = malloc(size_bytes);
    memcpy(buffer->data, frame, size_bytes);
    buffer->length = (uint32_t)size_bytes;
    other->device.received(&other->device, buffer);
    world_turn();
}

static void add_cards(void)
{
    world_add_device(true);
    struct net_device **link = &world_device.next;
    for (unsigned i = 0; i < ARRAY_COUNT(others); i++) {
        struct net_device *device = &others[i].device;
        device->ops = &other_ops;
        snprintf(device->name, sizeof(device->name), "e1000 at 00:0%u.0", 3 + i);
        memcpy(device->mac, world_own_mac, 6);
        device->mac[5] = (uint8_t)(0x57 + i);
        device->mtu = 1500;
        device->link_up = true;
        *link = device;
        link = &device->next;
    }
}

// ---- routes -------------------------------------------------------------------------------------

static int card_for(const char *source, const char *destination)
{
    ip_addr_t from = {0}, to;
    assert_true(ipaddr_aton(destination, &to));
    assert_true(source == NULL || ipaddr_aton(source, &from));
    const struct netif *netif = IP_IS_V6(&to)
                                    ? net_route6(ip_2_ip6(&from), ip_2_ip6(&to))
                                    : net_route4(source ? ip_2_ip4(&from) : NULL, ip_2_ip4(&to));
    return netif == NULL ? -1 : (int)net_card_of(netif);
}

static void each_card_has_its_options(void **unused)
{
    (void)unused;
    world_set_option("ip", "10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3");
    world_set_option("ip.1", "10.1.0.2/24,dns=10.1.0.3,dns=10.1.0.4");
    world_set_option("mtu.1", "1400");
    world_set_option("ip6", "fd00:0:0:1::2/64,gw=fd00:0:0:1::1");
    world_set_option("ip6.1", "fd00:0:0:2::2/64");
    world_set_option("vlan.2", "7");
    add_cards();
    net_start();
    world_turn();
    assert_int_equal(net_card_count, 3);
    assert_int_equal(net_interface(0)->netif.mtu, 1500);
    assert_int_equal(net_interface(1)->netif.mtu, 1400);
    assert_int_equal(world_get16(others[1].last + 12), 0x8100); // the third one asks by DHCP
    assert_true(host_log_has("net: 10.0.2.15/24 by option ip, gateway 10.0.2.2"));
    assert_true(host_log_has("net: 10.1.0.2/24 by option ip, no gateway"));
    assert_int_equal(net_wait_ready(0), 0);
    char servers[NET_DNS_TEXT_BYTES];
    net_dns_text(servers, IPADDR_TYPE_V4);
    assert_string_equal(servers, "10.0.2.3 and 10.1.0.3");
}

static void packets_find_their_card(void **unused)
{
    (void)unused;
    assert_null(net_route_only);
    assert_int_equal(card_for(NULL, "10.0.2.9"), 0);
    assert_int_equal(card_for(NULL, "10.1.0.9"), 1);
    assert_int_equal(card_for(NULL, "8.8.8.8"), 0);
    assert_int_equal(card_for("0.0.0.0", "255.255.255.255"), 0);
    assert_int_equal(card_for(NULL, "127.0.0.1"), -1);
    // By where they are from, if that card knows a way.
    assert_int_equal(card_for("10.0.2.15", "10.1.0.9"), 0);
    assert_int_equal(card_for("10.1.0.2", "10.1.0.9"), 1);
    assert_int_equal(card_for("10.1.0.2", "8.8.8.8"), 0);
}

static void a_link_that_is_down_is_no_way(void **unused)
{
    (void)unused;
    world_device.link_up = false;
    world_turn();
    assert_int_equal(card_for("10.0.2.15", "10.0.2.9"), 1);
    assert_int_equal(card_for(NULL, "8.8.8.8"), 1);
    others[0].device.link_up = false;
    world_turn();
    assert_int_equal(card_for(NULL, "10.1.0.9"), -1);
    world_device.link_up = others[0].device.link_up = true;
    world_turn();
    assert_int_equal(card_for(NULL, "10.1.0.9"), 1);
}

static void packets_find_their_card_by_ip6(void **unused)
{
    (void)unused;
    world_pass_ms(4000); // nobody else has the addresses
    assert_int_equal(card_for("::", "fd00:0:0:1::9"), 0);
    assert_int_equal(card_for("::", "fd00:0:0:2::9"), 1);
    assert_int_equal(card_for("::", "2001:db8::1"), 0);
    assert_int_equal(card_for("fd00:0:0:2::2", "fd00:0:0:2::9"), 1);
    assert_int_equal(card_for("fd00:0:0:1::2", "fd00:0:0:2::9"), 0);
    assert_int_equal(card_for("fd00:0:0:2::2", "2001:db8::1"), 0);
    assert_false(net_ip6_is_on(2)); // the world's options say so
}

// ---- frames -------------------------------------------------------------------------------------

static void answers_leave_where_the_question_came(void **unused)
{
    (void)unused;
    world_turn();
    world_drop_sent();
    size_t size_bytes = world_arp_request(frame, 0x0a010002);
    world_put32(frame + 28, 0x0a010009);
    uint64_t before = others[0].device.stats.tx_frames;
    receive_at(&others[0], size_bytes);
    assert_int_equal(others[0].device.stats.tx_frames, before + 1);
    assert_int_equal(world_get16(others[0].last + 20), 2);
    assert_memory_equal(others[0].last + 22, others[0].device.mac, 6);
    // The same question at another card is not answered: each has its own address.
    receive_at(&others[1], size_bytes);
    world_deliver(frame, size_bytes, false);
    world_turn();
    assert_int_equal(others[0].device.stats.tx_frames, before + 1);
    assert_false(world_take(&sent));

    size_bytes = world_ping(frame, 1, 32);
    world_put32(frame + 26, 0x0a010009);
    world_put32(frame + 30, 0x0a010002);
    world_ip_checksum(frame);
    receive_at(&others[0], size_bytes);
    assert_int_equal(others[0].device.stats.tx_frames, before + 2);
    assert_int_equal(others[0].last[34], 0); // the answer
    assert_int_equal(world_get32(others[0].last + 30), 0x0a010009);
    assert_false(world_take(&sent));
}

// ---- datagrams ----------------------------------------------------------------------------------

#define PORT      7
#define PEER_PORT 4000
#define OWN_IP    0x0a010002u // of the second card
#define ROUTER_IP 0x0a010001u
#define BESIDE_IP 0x0a010009u
#define FAR_IP    0xc6336407u // 198.51.100.7

static uint16_t answer_bytes;

static void answer(void *argument, struct udp_pcb *pcb, struct pbuf *data, const ip_addr_t *address,
                   u16_t port)
{
    (void)argument;
    static const uint8_t bytes[4000];
    struct socket_address from;
    net_udp_came_from(&from, address, port);
    pbuf_free(data);
    assert_int_equal(net_udp_send(pcb, bytes, answer_bytes, &from), ERR_OK);
}

static struct udp_pcb *start_answering(void)
{
    struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
    assert_non_null(pcb);
    assert_int_equal(udp_bind(pcb, IP_ANY_TYPE, PORT), ERR_OK);
    udp_recv(pcb, answer, NULL);
    answer_bytes = 6;
    world_drop_sent();
    return pcb;
}

// ARP tells the second card who has an address.
static void introduce(uint32_t ip)
{
    size_t size_bytes = world_arp_request(frame, OWN_IP);
    world_put32(frame + 28, ip);
    receive_at(&others[0], size_bytes);
}

// A question that comes in by the second card. Returns: the frame that answers it, from the address
// that was asked, by the card that is expected to send it.
static const uint8_t *ask(uint32_t from, uint32_t to, bool by_second)
{
    uint64_t before = others[0].device.stats.tx_frames;
    receive_at(&others[0], world_udp(frame, from, PEER_PORT, to, PORT, "question", 8));
    assert_int_equal(others[0].device.stats.tx_frames > before, by_second);
    assert_int_equal(world_take(&sent), !by_second);
    const uint8_t *answered = by_second ? others[0].last : sent.bytes;
    assert_int_equal(world_get16(answered + 12), 0x0800);
    assert_int_equal(world_get32(answered + 26), OWN_IP);
    assert_int_equal(world_get32(answered + 30), from);
    world_drop_sent();
    return answered;
}

static void datagrams_are_answered_from_where_they_came(void **unused)
{
    (void)unused;
    struct udp_pcb *pcb = start_answering();
    struct netif *second = &net_interface(1)->netif;
    introduce(BESIDE_IP);
    introduce(ROUTER_IP);
    world_introduce_peer(); // the first card's gateway
    world_drop_sent();
    ask(BESIDE_IP, OWN_IP, true);
    ask(BESIDE_IP, OWN_IP | 0xff, true); // to all there
    ask(FAR_IP, OWN_IP, false);          // the second card knows no way there
    ask(WORLD_PEER_IP, OWN_IP, false);
    const ip4_addr_t router = {lwip_htonl(ROUTER_IP)};
    netif_set_gw(second, &router);
    ask(BESIDE_IP, OWN_IP, true);
    ask(FAR_IP, OWN_IP, true);
    ask(WORLD_PEER_IP, OWN_IP, true);
    answer_bytes = 3000; // in fragments
    ask(FAR_IP, OWN_IP, true);
    netif_set_gw(second, IP4_ADDR_ANY4);
    ask(BESIDE_IP, OWN_IP, true);
    udp_remove(pcb);
}

// The address asked answers, also where another one would be chosen for who asks.
static void datagrams_by_ip6_are_answered_from_where_they_came(void **unused)
{
    (void)unused;
    static const uint8_t peer[16] = {0xfd, 0, 0, 0, 0, 0, 0, 2, [15] = 9};
    struct udp_pcb *pcb = start_answering();
    struct netif *second = &net_interface(1)->netif;
    for (s8_t place = 0; place < 2; place++) { // the link-local one, option ip6.1's
        uint8_t own[16];
        assert_true(ip6_addr_isvalid(netif_ip6_addr_state(second, place)));
        memcpy(own, netif_ip6_addr(second, place)->addr, 16);
        receive_at(&others[0], world_udp6(frame, peer, PEER_PORT, own, PORT, "question", 8));
        if (others[0].last[20] == 58) // who is that?
            receive_at(&others[0], world_neighbour(frame, others[0].last + 22, peer));
        assert_int_equal(world_get16(others[0].last + 12), 0x86dd);
        assert_int_equal(others[0].last[20], 17);
        assert_memory_equal(others[0].last + 22, own, 16);
        assert_memory_equal(others[0].last + 38, peer, 16);
    }
    udp_remove(pcb);
}

// ---- what is told -------------------------------------------------------------------------------

static void patience_names_the_card(void **unused)
{
    (void)unused;
    world_pass_ms(11000);
    assert_true(host_log_has("net: no DHCP lease at e1000 at 00:04.0 after 10 s: still trying; a "
                             "static address is option ip.2=ADDRESS/PREFIX"));
}

static void gather(const struct net_table_row *row, void *context)
{
    char *text = context;
    strcat(strcat(strcat(strcat(text, row->what), " "), row->device), "\n");
}

static void tables_name_the_card(void **unused)
{
    (void)unused;
    char text[2000] = "";
    net_table_each(NET_ROUTES, gather, text);
    assert_string_equal(text, "10.0.2.0/24 virtio-net at 00:02.0\n0.0.0.0/0 virtio-net at 00:02.0\n"
                              "::/0 virtio-net at 00:02.0\n10.1.0.0/24 e1000 at 00:03.0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_card_has_its_options),
        cmocka_unit_test(packets_find_their_card),
        cmocka_unit_test(a_link_that_is_down_is_no_way),
        cmocka_unit_test(packets_find_their_card_by_ip6),
        cmocka_unit_test(answers_leave_where_the_question_came),
        cmocka_unit_test(datagrams_are_answered_from_where_they_came),
        cmocka_unit_test(datagrams_by_ip6_are_answered_from_where_they_came),
        cmocka_unit_test(patience_names_the_card),
        cmocka_unit_test(tables_name_the_card),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

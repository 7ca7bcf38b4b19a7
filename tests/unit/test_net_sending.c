// SPDX-License-Identifier: MIT
// The short ways out: datagrams leave as lwIP would send them, and headers of neighbours that were
// right a moment ago are used no longer than they are.
#include "fake_net_world.h"

#include <string.h>

#include "net/neighbour.h"
#include "net/net.h"
#include "net/udp_send.h"

#include "lwip/udp.h"

#define PORT      7
#define PEER_PORT 4000
#define FAR_IP    0x08080808u
#define BESIDE_IP 0x0a000212u // 10.0.2.18, whose place among those known is the gateway's

static struct udp_pcb *pcb;
static struct world_frame sent, other;
static uint8_t frame[WORLD_FRAME_MAX], data[4000];
static const uint8_t new_mac[6] = {0x52, 0x55, 0, 9, 9, 9};

static struct socket_address peer_at(uint32_t ip)
{
    return (struct socket_address){.ip = IPADDR4_INIT(lwip_htonl(ip)), .port = PEER_PORT};
}

static void start(void **unused)
{
    (void)unused;
    world_set_option("ip", "10.0.2.15/24,gw=10.0.2.2");
    world_add_device(true);
    net_start();
    world_introduce_peer();
    pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
    assert_int_equal(udp_bind(pcb, IP_ANY_TYPE, PORT), ERR_OK);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    world_turn();
    world_drop_sent();
}

static void send(uint32_t to, size_t size_bytes)
{
    struct socket_address address = peer_at(to);
    assert_int_equal(net_udp_send(pcb, data, (u16_t)size_bytes, &address), ERR_OK);
    world_turn();
}

static void send_by_lwip(uint32_t to, size_t size_bytes)
{
    struct socket_address address = peer_at(to);
    struct pbuf *pbuf = pbuf_alloc(PBUF_TRANSPORT, (u16_t)size_bytes, PBUF_RAM);
    pbuf_take(pbuf, data, (u16_t)size_bytes);
    assert_int_equal(udp_sendto(pcb, pbuf, &address.ip, PEER_PORT), ERR_OK);
    pbuf_free(pbuf);
    world_turn();
}

// But for the number of the packet and what it adds to the header's sum, which has to be right.
static void assert_same_frame(void)
{
    assert_int_equal(sent.size_bytes, other.size_bytes);
    for (int i = 0; i < 2; i++) {
        uint8_t *ip = (i == 0 ? &sent : &other)->bytes + 14;
        assert_int_equal(world_fold(world_sum(ip, 20, 0)), 0xffff);
        memset(ip + 4, 0, 2);
        memset(ip + 10, 0, 2);
    }
    assert_memory_equal(sent.bytes, other.bytes, sent.size_bytes);
}

static void datagrams_leave_as_lwip_sends_them(void **unused)
{
    (void)unused;
    static const size_t sizes[] = {0, 1, 63, 64, 1472, 1473, 4000}; // the last two in fragments
    static const uint32_t hosts[] = {WORLD_PEER_IP, FAR_IP, 0x0a0002ffu, 0xffffffffu, 0xe0000005u};
    for (size_t host = 0; host < sizeof(hosts) / sizeof(hosts[0]); host++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct world_frame kept[4];
            size_t count = 0;
            send(hosts[host], sizes[i]);
            while (world_take(&kept[count]))
                count++;
            assert_int_equal(count, (sizes[i] + 8 + 1479) / 1480);
            send_by_lwip(hosts[host], sizes[i]);
            for (size_t k = 0; k < count; k++) {
                assert_true(world_take(&other));
                sent = kept[k];
                assert_same_frame();
            }
            assert_false(world_take(&other));
        }
    }
}

static void what_cannot_be_sent_is_told(void **unused)
{
    (void)unused;
    struct socket_address address = peer_at(WORLD_PEER_IP);
    netif_set_down(netif_default);
    assert_int_equal(net_udp_send(pcb, data, 64, &address), ERR_RTE);
    netif_set_up(netif_default);
    world_introduce_peer();
    world_drop_sent();
    world_tx_room = 0;
    assert_int_equal(net_udp_send(pcb, data, 64, &address), ERR_MEM);
    world_tx_room = 64;
    send(WORLD_PEER_IP, 64);
    assert_true(world_take(&sent));
    world_drop_sent();
}

static void assert_sent_to(const uint8_t mac[6])
{
    assert_true(world_take(&sent));
    assert_memory_equal(sent.bytes, mac, 6);
    assert_int_equal(world_get16(sent.bytes + 12), 0x0800);
}

// Its owner's ARP announcement.
static void announce(uint32_t ip, const uint8_t mac[6])
{
    size_t size_bytes = world_arp_request(frame, WORLD_OWN_IP);
    memcpy(frame + 6, mac, 6);
    memcpy(frame + 22, mac, 6);
    world_put32(frame + 28, ip);
    world_deliver(frame, size_bytes, false);
    world_turn();
    world_drop_sent();
}

static void a_neighbour_that_moves_is_followed(void **unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) {
        send(WORLD_PEER_IP, 64);
        assert_sent_to(world_peer_mac);
        send(FAR_IP, 64); // by the gateway, which is the peer
        assert_sent_to(world_peer_mac);
    }
    announce(WORLD_PEER_IP, new_mac);
    send(WORLD_PEER_IP, 64);
    assert_sent_to(new_mac);
    send(FAR_IP, 64);
    assert_sent_to(new_mac);
    announce(WORLD_PEER_IP, world_peer_mac);
    announce(BESIDE_IP, new_mac);
    for (int i = 0; i < 3; i++) {
        send(WORLD_PEER_IP, 64);
        assert_sent_to(world_peer_mac);
        send(BESIDE_IP, 64);
        assert_sent_to(new_mac);
    }
}

static void what_is_known_is_asked_for_again(void **unused)
{
    (void)unused;
    unsigned asked = 0;
    for (int s = 0; s < 400; s++) { // lwIP's entries last for 300 s
        send(WORLD_PEER_IP, 64);
        while (world_take(&sent))
            asked += world_get16(sent.bytes + 12) == 0x0806;
        if (asked > 0)
            break;
        world_pass_ms(1000);
    }
    assert_true(asked > 0);
    world_drop_sent();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_leave_as_lwip_sends_them),
        cmocka_unit_test(what_cannot_be_sent_is_told),
        cmocka_unit_test(a_neighbour_that_moves_is_followed),
        cmocka_unit_test(what_is_known_is_asked_for_again),
    };
    start(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

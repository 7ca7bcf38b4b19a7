// SPDX-License-Identifier: MIT
// Frames as a hostile network or device would send them: cut, lengthened, bits turned, lengths lied
// about, in buffers of odd sizes, on live connections. The sanitizers watch; in the end everything
// is given back and the stack still answers.
#include "fake_net_world6.h"

#include <stdlib.h>
#include <string.h>

#include "net/interface.h"
#include "net/net.h"

#include "lwip/dns.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/udp.h"

#define FRAMES 100000

static uint8_t frame[WORLD_FRAME_MAX];
static struct world_frame sent;
static unsigned received, datagrams;
// The peer's ends, kept near what the stack expects so that segments are acceptable.
static struct world_tcp peers[4];

static uint32_t random_below(uint32_t limit)
{
    return (uint32_t)random() % limit;
}

static void connection_failed(void *argument, err_t error)
{
    (void)argument;
    (void)error;
}

static err_t data_received(void *argument, struct tcp_pcb *pcb, struct pbuf *data, err_t error)
{
    (void)argument;
    (void)error;
    if (data == NULL)
        return tcp_close(pcb);
    received += data->tot_len;
    tcp_recved(pcb, data->tot_len);
    err_t result = ERR_OK;
    if (tcp_sndbuf(pcb) > 8000)
        result = tcp_write(pcb, "answer", 6, random_below(2) ? TCP_WRITE_FLAG_COPY : 0);
    pbuf_free(data);
    (void)result;
    return tcp_output(pcb);
}

static err_t connected(void *argument, struct tcp_pcb *pcb, err_t error)
{
    (void)argument;
    (void)error;
    tcp_recv(pcb, data_received);
    tcp_err(pcb, connection_failed);
    return ERR_OK;
}

static void datagram_received(void *argument, struct udp_pcb *pcb, struct pbuf *data,
                              const ip_addr_t *address, u16_t port)
{
    (void)argument;
    datagrams++;
    udp_sendto(pcb, data, address, port);
    pbuf_free(data);
}

static void name_found(const char *name, const ip_addr_t *address, void *argument)
{
    (void)name;
    (void)address;
    (void)argument;
}

// What the stack sent tells the peer where its connections are.
static void follow(void)
{
    while (world_take(&sent)) {
        const uint8_t *tcp = sent.bytes + 34;
        if (world_dhcp_type(&sent) == 1)
            world_deliver(frame,
                          world_dhcp(frame, WORLD_DHCP_OFFER, world_dhcp_transaction(&sent),
                                     WORLD_OWN_IP, 600),
                          false);
        else if (world_dhcp_type(&sent) == 3)
            world_deliver(
                frame,
                world_dhcp(frame, WORLD_DHCP_ACK, world_dhcp_transaction(&sent), WORLD_OWN_IP, 600),
                false);
        if (sent.bytes[12] != 8 || sent.bytes[13] != 0 || sent.bytes[23] != 6)
            continue;
        for (size_t i = 0; i < ARRAY_COUNT(peers); i++) {
            if (world_get16(tcp + 2) != peers[i].source_port || (tcp[13] & WORLD_RST))
                continue;
            size_t length = sent.size_bytes - 34 - (size_t)(tcp[12] >> 4) * 4;
            peers[i].acknowledged = world_get32(tcp + 4) + (uint32_t)length +
                                    ((tcp[13] & (WORLD_SYN | WORLD_FIN)) != 0);
            peers[i].sequence = world_get32(tcp + 8);
        }
    }
}

static size_t make_tcp(void)
{
    static const uint8_t kinds[] = {WORLD_ACK, WORLD_ACK | WORLD_PSH, WORLD_ACK | WORLD_PSH,
                                    WORLD_SYN, WORLD_FIN | WORLD_ACK, WORLD_RST | WORLD_ACK};
    struct world_tcp tcp = peers[random_below(ARRAY_COUNT(peers))];
    uint8_t flags = kinds[random_below(ARRAY_COUNT(kinds))];
    uint8_t data[1400];
    size_t size_bytes = flags & WORLD_PSH ? random_below(sizeof(data)) : 0;
    memset(data, 'x', sizeof(data));
    if (random_below(4) == 0)
        tcp.sequence += random_below(5000) - 2500; // earlier, later, overlapping
    if (random_below(8) == 0)
        tcp.acknowledged += random_below(5000) - 2500;
    if (random_below(8) == 0)
        tcp.window = (uint16_t)random();
    return world_tcp_segment(frame, &tcp, flags, data, size_bytes);
}

static size_t make_dns(void)
{
    uint8_t message[] = {0,  0, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0, 1, 'a', 0,    0,  1,
                         0,  1, 0xc0, 12,   0, 5, 0, 1, 0, 0, 0, 9, 0, 2,   0xc0, 12, 0xc0,
                         12, 0, 1,    0,    1, 0, 0, 0, 9, 0, 4, 1, 2, 3,   4};
    ip_addr_t address;
    dns_gethostbyname("a", &address, name_found, NULL);
    world_turn();
    uint16_t port = 0;
    while (world_take(&sent)) {
        if (sent.bytes[23] == 17 && world_get16(sent.bytes + 36) == 53) {
            port = world_get16(sent.bytes + 34);
            memcpy(message, sent.bytes + 42, 2);
        }
    }
    return world_udp(frame, 0x0a000203, 53, WORLD_OWN_IP, port, message, sizeof(message));
}

static size_t make_ip6(void)
{
    uint8_t data[600] = {random_below(2) ? 128 : (uint8_t)(130 + random_below(8))};
    const uint8_t *destination = random_below(2) ? world_own_global : world_all_nodes;
    switch (random_below(5)) {
    case 0:
        return world_advertisement(frame, (uint8_t)random(), random_below(10000));
    case 1:
        return world_solicitation(frame, world_router_link, world_own_global);
    case 2:
        return world_neighbour(frame, destination, world_router_link);
    case 3:
        return world_icmp6(frame, world_router_link, destination, data, 8 + random_below(500));
    default:
        return world_udp6(frame, world_router_link, 9, world_own_global, 7, data,
                          random_below(sizeof(data)));
    }
}

static void damage_ip6(size_t *size_bytes)
{
    static const uint8_t headers[] = {0, 43, 44, 60, 58, 17, 6, 59};
    frame[20] = headers[random_below(sizeof(headers))]; // options, fragments
    for (uint32_t count = random_below(8); count > 0; count--)
        frame[54 + random_below((uint32_t)*size_bytes - 54)] =
            random_below(2) ? headers[random_below(sizeof(headers))] : (uint8_t)random_below(8);
    if (random_below(2))
        world_put16(frame + 56, world_ip6_checksum(frame, 2));
}

static size_t make_frame(void)
{
    uint8_t data[600] = {1, 2, 3};
    switch (random_below(13)) {
    case 0:
        return world_arp_request(frame, WORLD_OWN_IP);
    case 1:
        return world_ping(frame, 1, random_below(1400));
    case 2:
        return world_udp(frame, WORLD_PEER_IP, 9, WORLD_OWN_IP, 7, data, random_below(600));
    case 3:
        return world_dhcp(frame, random_below(2) ? WORLD_DHCP_ACK : WORLD_DHCP_NAK,
                          world_dhcp_transaction(&sent), WORLD_OWN_IP + random_below(2), 600);
    case 4:
        return make_dns();
    case 5:
    case 6:
    case 7:
        return make_ip6();
    default:
        return make_tcp();
    }
}

static void damage(size_t *size_bytes)
{
    if (frame[12] == 0x86 && random_below(2)) {
        damage_ip6(size_bytes);
        return;
    }
    for (uint32_t count = random_below(4); count > 0; count--) {
        uint32_t reach = random_below(2) ? 60 : (uint32_t)*size_bytes;
        frame[random_below(reach)] = random_below(2) ? (uint8_t)random() : 0xff;
    }
    switch (random_below(8)) {
    case 0:
        *size_bytes = random_below((uint32_t)*size_bytes + 1);
        break;
    case 1:
        *size_bytes = *size_bytes + random_below(200);
        break;
    case 2: // a fragment, or a header with options
        frame[20 + random_below(2)] = (uint8_t)random();
        break;
    case 3:
        frame[14] = (uint8_t)(0x40 | (5 + random_below(11)));
        break;
    default:
        break;
    }
    if (random_below(8) != 0) { // past the first check
        size_t header_bytes = (size_t)(frame[14] & 15) * 4;
        world_put16(frame + 24, 0);
        if (header_bytes < 1000)
            world_put16(frame + 24, (uint16_t)~world_fold(world_sum(frame + 14, header_bytes, 0)));
    }
}

static void start(void **unused)
{
    (void)unused;
    world_set_option("ip6", "auto");
    world_add_device(false);
    world_peer = follow;
    net_start();
    assert_int_equal(net_wait_ready(world_now_ns + 10000000000), 0);
    world_peer = NULL;
    struct tcp_pcb *pcb = tcp_new();
    assert_int_equal(tcp_bind(pcb, IP_ANY_TYPE, 80), ERR_OK);
    tcp_accept(tcp_listen(pcb), connected);
    struct udp_pcb *udp = udp_new_ip_type(IPADDR_TYPE_ANY);
    assert_int_equal(udp_bind(udp, IP_ANY_TYPE, 7), ERR_OK);
    udp_recv(udp, datagram_received, NULL);
    for (size_t i = 0; i < ARRAY_COUNT(peers); i++)
        peers[i] = (struct world_tcp){(uint16_t)(5000 + i), 80, 100, 0, 60000};
}

static void damaged_frames_do_no_harm(void **unused)
{
    (void)unused;
    srandom(20240607);
    for (unsigned i = 0; i < FRAMES; i++) {
        memset(frame, 0, sizeof(frame));
        size_t size_bytes = make_frame();
        if (random_below(3) != 0)
            damage(&size_bytes);
        world_buffer_bytes = random_below(4) ? WORLD_FRAME_MAX : 1 + random_below(300);
        world_deliver(frame, size_bytes, random_below(4) != 0);
        world_turn();
        follow();
        if (i % 64 == 0)
            world_pass_ms(random_below(600));
        world_drop_sent();
    }
    world_buffer_bytes = WORLD_FRAME_MAX;
    assert_true(received > 100000 && datagrams > 1000); // it got behind the first checks
}

// A device that vouches for a fragment says nothing of the datagram's checksum.
static void vouched_fragments_are_still_summed(void **unused)
{
    (void)unused;
    uint8_t data[1000] = {7};
    for (int wrong = 0; wrong < 2; wrong++) {
        static uint8_t first[WORLD_FRAME_MAX], second[WORLD_FRAME_MAX];
        world_udp(frame, WORLD_PEER_IP, 9, WORLD_OWN_IP, 7, data, sizeof(data));
        frame[34 + 8] ^= (uint8_t)wrong;
        memcpy(first + 34, frame + 34, 512);
        memcpy(second + 34, frame + 34 + 512, 8 + sizeof(data) - 512);
        size_t first_bytes = world_ip_headers(first, 17, WORLD_PEER_IP, WORLD_OWN_IP, 512);
        size_t second_bytes =
            world_ip_headers(second, 17, WORLD_PEER_IP, WORLD_OWN_IP, 8 + sizeof(data) - 512);
        world_put16(first + 18, (uint16_t)(77 + wrong));
        world_put16(second + 18, (uint16_t)(77 + wrong));
        world_put16(first + 20, 0x2000);
        world_put16(second + 20, 512 / 8);
        world_ip_checksum(first);
        world_ip_checksum(second);
        unsigned before = datagrams;
        world_deliver(first, first_bytes, true);
        world_deliver(second, second_bytes, true);
        world_turn();
        world_drop_sent();
        assert_int_equal(datagrams, before + !wrong);
    }
}

static void frames_too_long_for_lwip_are_dropped(void **unused)
{
    (void)unused;
    static uint8_t longest[70000];
    uint64_t before = net_interface_stats_of(0, 0).rx_dropped;
    unsigned out_before = world_buffers_out;
    world_ping(longest, 1, 56);
    world_deliver(longest, sizeof(longest), true);
    world_deliver(longest, UINT16_MAX + 1, true);
    world_turn();
    assert_int_equal(net_interface_stats_of(0, 0).rx_dropped, before + 2);
    assert_int_equal(world_buffers_out, out_before);
    assert_false(world_take(&sent));
}

static void everything_is_given_back(void **unused)
{
    (void)unused;
    while (tcp_active_pcbs != NULL)
        tcp_abort(tcp_active_pcbs);
    world_device.link_up = false;
    world_pass_ms(600 * 1000);
    world_drop_sent();
    assert_int_equal(world_buffers_out, 0);
    assert_int_equal(net_interface_stats_of(0, 0).rx_held, 0);
    assert_int_equal(net_interface_stats_of(0, 0).tx_held, 0);
}

static void it_still_answers(void **unused)
{
    (void)unused;
    world_peer = follow;
    world_device.link_up = true;
    world_pass_ms(120 * 1000);
    world_peer = NULL;
    world_introduce_peer();
    world_deliver(frame, world_ping(frame, 3, 56), false);
    world_turn();
    assert_true(world_take(&sent));
    assert_int_equal(sent.bytes[34], 0);
    assert_memory_equal(sent.bytes + 38, frame + 38, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start),
        cmocka_unit_test(vouched_fragments_are_still_summed),
        cmocka_unit_test(frames_too_long_for_lwip_are_dropped),
        cmocka_unit_test(damaged_frames_do_no_harm),
        cmocka_unit_test(everything_is_given_back),
        cmocka_unit_test(it_still_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

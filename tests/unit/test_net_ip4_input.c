// SPDX-License-Identifier: MIT
// The short way in for usual IPv4 packets: it takes those, and what it takes comes out as it would
// from lwIP's own way.
#include "fake_net_world.h"

#include <string.h>

#include "net/ip4_input.h"
#include "net/net.h"
#include "seeded.h"

#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/udp.h"
#include "netif/ethernet.h"

#define PORT   7
#define ROUNDS 20000

struct arrival {
    unsigned count;
    uint32_t source, destination;
    uint16_t port, size_bytes;
    struct netif *netif;
    uint8_t data[WORLD_FRAME_MAX];
};
static struct arrival arrival;
static uint8_t frame[WORLD_FRAME_MAX];

static void arrived(void *argument, struct udp_pcb *pcb, struct pbuf *data,
                    const ip_addr_t *address, uint16_t port)
{
    (void)argument;
    (void)pcb;
    assert_true(IP_IS_V4(address) && !ip_current_is_v6());
    arrival.count++;
    arrival.source = ip_2_ip4(address)->addr;
    arrival.destination = ip4_current_dest_addr()->addr;
    arrival.port = port;
    arrival.size_bytes = data->tot_len;
    arrival.netif = ip_current_netif();
    pbuf_copy_partial(data, arrival.data, data->tot_len, 0);
    pbuf_free(data);
}

static struct pbuf *make_pbuf(size_t size_bytes, bool in_pieces)
{
    struct pbuf *whole = pbuf_alloc(PBUF_RAW, (u16_t)size_bytes, PBUF_RAM);
    pbuf_take(whole, frame, (u16_t)size_bytes);
    if (!in_pieces || size_bytes < 60)
        return whole;
    struct pbuf *head = pbuf_alloc(PBUF_RAW, 54, PBUF_RAM);
    struct pbuf *rest = pbuf_alloc(PBUF_RAW, (u16_t)(size_bytes - 54), PBUF_RAM);
    pbuf_cat(head, rest);
    pbuf_copy(head, whole);
    pbuf_free(whole);
    return head;
}

// Returns: whether the short way took the frame; then the other one has given the same.
static bool goes_both_ways(size_t size_bytes, bool in_pieces)
{
    memset(&arrival, 0, sizeof(arrival));
    struct pbuf *first = make_pbuf(size_bytes, in_pieces);
    if (!net_ip4_input(first, netif_default, false)) {
        assert_int_equal(arrival.count, 0);
        assert_int_equal(first->tot_len, size_bytes);
        assert_memory_equal(first->payload, frame, first->len);
        pbuf_free(first);
        return false;
    }
    assert_null(ip_current_netif());
    assert_true(ip4_addr_isany(ip4_current_src_addr()) && ip4_addr_isany(ip4_current_dest_addr()));
    struct arrival before = arrival;
    memset(&arrival, 0, sizeof(arrival));
    ethernet_input(make_pbuf(size_bytes, in_pieces), netif_default);
    assert_memory_equal(&before, &arrival, sizeof(arrival));
    world_turn();
    world_drop_sent();
    return true;
}

static size_t make_datagram(size_t data_bytes)
{
    static uint8_t data[1000];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)i;
    return world_udp(frame, WORLD_PEER_IP, 4000, WORLD_OWN_IP, PORT, data, data_bytes);
}

static void what_is_usual_is_taken(void **unused)
{
    (void)unused;
    world_set_option("ip", "10.0.2.15/24,gw=10.0.2.2");
    world_add_device(false);
    net_start();
    world_introduce_peer();
    struct udp_pcb *pcb = udp_new();
    assert_int_equal(udp_bind(pcb, IP_ANY_TYPE, PORT), ERR_OK);
    udp_recv(pcb, arrived, NULL);
    static const size_t sizes[] = {0, 1, 64, 999};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t size_bytes = make_datagram(sizes[i]);
        assert_true(goes_both_ways(size_bytes, false));
        assert_int_equal(arrival.count, 1);
        assert_int_equal(arrival.size_bytes, sizes[i]);
        assert_int_equal(arrival.port, 4000);
        assert_ptr_equal(arrival.netif, netif_default);
        assert_true(goes_both_ways(size_bytes, true));
    }
    assert_true(goes_both_ways(make_datagram(3) + 11, false)); // padded by the link
    assert_int_equal(arrival.size_bytes, 3);
}

static void change_ip(size_t offset, uint8_t value)
{
    frame[14 + offset] = value;
    world_ip_checksum(frame);
}

static void what_is_not_is_left(void **unused)
{
    (void)unused;
    static const struct {
        size_t offset;
        uint8_t value;
    } changes[] = {
        {0, 0x46}, {0, 0x65}, {0, 0x44},  // options, another version, too short a header
        {6, 0x20}, {7, 1},                // fragments: the first, the last
        {2, 5},    {3, 19},               // longer than the frame, shorter than a header
        {9, 1},                           // not TCP, not UDP
        {15, 255}, {12, 224}, {12, 0xff}, // sources: the network's broadcast, groups, reserved
        {19, 16},  {19, 255}, {16, 224},  // to others, to all, to a group
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        size_t size_bytes = make_datagram(64);
        change_ip(changes[i].offset, changes[i].value);
        assert_false(goes_both_ways(size_bytes, false));
    }
    size_t size_bytes = make_datagram(64);
    frame[24] ^= 1; // the checksum
    assert_false(goes_both_ways(size_bytes, false));
    size_bytes = make_datagram(64);
    frame[0] = 0xff; // the link's broadcast
    assert_false(goes_both_ways(size_bytes, false));
    make_datagram(64);
    assert_false(goes_both_ways(33, false));
    size_bytes = make_datagram(64);
    netif_set_down(netif_default);
    assert_false(goes_both_ways(size_bytes, false));
    netif_set_up(netif_default);
    assert_true(goes_both_ways(size_bytes, false));
}

static void what_is_taken_comes_out_the_same(void **unused)
{
    (void)unused;
    unsigned taken = 0;
    random_state = 1;
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t size_bytes = make_datagram(random_below(100));
        for (uint64_t changes = random_below(3); changes > 0; changes--)
            frame[random_below(42)] ^= (uint8_t)(1u << random_below(8));
        if (random_below(4) != 0)
            world_ip_checksum(frame);
        size_bytes -= random_below(8) == 0 ? random_below(20) : 0;
        taken += goes_both_ways(size_bytes, random_below(2) != 0);
    }
    assert_in_range(taken, ROUNDS / 10, ROUNDS - ROUNDS / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_usual_is_taken),
        cmocka_unit_test(what_is_not_is_left),
        cmocka_unit_test(what_is_taken_comes_out_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// Between the card and the stack: whose a buffer is, and for how long; queues that are full;
// checksums.
#include "net_echo.h"

#include "net/net.h"
#include "net/netif.h"

#include "lwip/udp.h"

static void wrong_checksums_are_dropped_unless_the_device_vouches(void **unused)
{
    (void)unused;
    struct world_tcp peer = shake_hands(40001);
    unsigned before = received_bytes;
    size_t size = world_tcp_segment(frame, &peer, WORLD_ACK | WORLD_PSH, "data", 4);
    frame[50] ^= 1;
    world_deliver(frame, size, false);
    world_turn();
    assert_int_equal(received_bytes, before);
    world_deliver(frame, size, true);
    world_turn();
    assert_int_equal(received_bytes, before + 4);
    // What is vouched for is the transport's checksum, not IP's.
    peer.sequence += 4;
    size = world_tcp_segment(frame, &peer, WORLD_ACK | WORLD_PSH, "data", 4);
    frame[24] ^= 1;
    world_deliver(frame, size, true);
    world_turn();
    assert_int_equal(received_bytes, before + 4);
    struct net_facts facts;
    assert_true(net_facts(&facts));
    assert_true(facts.checksum_errors >= 2);
    send_segment(&peer, WORLD_RST, NULL, 0);
    world_drop_sent();
    check_nothing_is_held();
}

// The answer cannot be queued; when there is room, it is sent without waiting for a timer.
static void full_queue_is_tried_again(void **unused)
{
    (void)unused;
    struct world_tcp peer = shake_hands(40002);
    uint64_t full_before = net_interface_stats_of(0, 0).tx_queue_full;
    world_tx_room = 0;
    world_deliver(frame, world_tcp_segment(frame, &peer, WORLD_ACK | WORLD_PSH, "abc", 3), false);
    net_netif_poll();
    assert_false(net_netif_arm()); // the core halts; the device will tell when there is room
    assert_false(world_take(&answer));
    assert_true(net_interface_stats_of(0, 0).tx_queue_full > full_before);
    world_tx_room = 1;
    world_hold_sent = true;
    world_deliver(frame, world_ping(frame, 1, 8), false); // takes the only room
    net_netif_poll();
    assert_true(world_take(&answer));
    assert_false(net_netif_arm());
    world_hold_sent = false;
    world_tx_room = UINT32_MAX;
    net_netif_poll();
    peer.sequence += 3;
    const uint8_t *header = take_segment();
    assert_memory_equal(header + 20, "abc", 3);
    peer.acknowledged += 3;
    send_segment(&peer, WORLD_ACK, NULL, 0);
    close_from_peer(&peer);
    check_nothing_is_held();
}

// A segment the device still holds is neither changed nor freed, whatever TCP does meanwhile.
static void sent_memory_is_left_alone_until_the_device_is_done(void **unused)
{
    (void)unused;
    struct world_tcp peer = shake_hands(40003);
    world_hold_sent = true;
    send_segment(&peer, WORLD_ACK | WORLD_PSH, "payload", 7);
    peer.sequence += 7;
    assert_memory_equal(take_segment() + 20, "payload", 7);
    world_pass_ms(3000); // retransmission time passes: the device has not even sent the first
    assert_int_equal(net_interface_stats_of(0, 0).tx_held, 1);
    send_segment(&peer, WORLD_RST, NULL, 0); // the connection goes, the memory stays
    assert_null(tcp_active_pcbs);
    world_hold_sent = false;
    world_turn(); // the fake device compares what it was given
    world_drop_sent();
    check_nothing_is_held();
}

// An app that keeps data cannot keep the device's buffers beyond a number.
static void held_buffers_are_bounded(void **unused)
{
    (void)unused;
    struct world_tcp peer = shake_hands(40005);
    uint64_t copied_before = net_interface_stats_of(0, 0).rx_copied;
    unsigned before = received_bytes;
    keep_data = true;
    for (int i = 0; i < 150; i++) {
        send_segment(&peer, WORLD_ACK | WORLD_PSH, "0123456789", 10);
        peer.sequence += 10;
        assert_true(world_buffers_out <= 64);
    }
    keep_data = false;
    assert_int_equal(received_bytes - before, 1500);
    assert_true(net_interface_stats_of(0, 0).rx_copied - copied_before >= 150 - 64);
    for (uint16_t i = 0; i < 1500; i++)
        assert_int_equal(pbuf_get_at(kept, i), '0' + i % 10);
    tcp_recved(connection, kept->tot_len);
    pbuf_free(kept);
    kept = NULL;
    world_drop_sent();
    close_from_peer(&peer);
    check_nothing_is_held();
}

static void many_pieces_become_one(void **unused)
{
    (void)unused;
    struct udp_pcb *pcb = udp_new();
    struct pbuf *data = NULL;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    for (int i = 0; i < 26; i++) {
        struct pbuf *piece = pbuf_alloc(PBUF_RAW, 1, PBUF_ROM);
        ((struct pbuf_rom *)piece)->payload = letters + i;
        if (data == NULL)
            data = piece;
        else
            pbuf_cat(data, piece);
    }
    ip_addr_t peer = IPADDR4_INIT_BYTES(10, 0, 2, 2);
    world_introduce_peer();
    assert_int_equal(udp_sendto(pcb, data, &peer, 5000), ERR_OK);
    assert_true(world_take(&answer));
    assert_int_equal(answer.segment_count, 1);
    assert_memory_equal(answer.bytes + 42, letters, 26);
    assert_int_equal(world_transport_checksum(answer.bytes, 6), world_get16(answer.bytes + 40));
    pbuf_free(data);
    udp_remove(pcb);
    world_turn();
    check_nothing_is_held();
}

// Asserted on the host's device: lwIP leaves the checksum, the device gets the pseudo header's sum.
static void checksums_are_left_to_a_device_that_makes_them(void **unused)
{
    (void)unused;
    world_device.checksum_offload = true;
    netif_default->chksum_flags &= (u16_t) ~(NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP);
    struct world_tcp peer = shake_hands(40010);
    assert_true(answer.checksum_needed);
    assert_int_equal(answer.checksum_start, 34);
    assert_int_equal(answer.checksum_offset, 16);
    check_echo(&peer, "offload", 7);
    assert_true(answer.checksum_needed);
    close_from_peer(&peer);

    struct udp_pcb *pcb = udp_new();
    struct pbuf *data = pbuf_alloc(PBUF_TRANSPORT, 3, PBUF_RAM);
    memcpy(data->payload, "udp", 3);
    ip_addr_t to = IPADDR4_INIT_BYTES(10, 0, 2, 2);
    assert_int_equal(udp_sendto(pcb, data, &to, 5000), ERR_OK);
    assert_true(world_take(&answer));
    assert_true(answer.checksum_needed);
    assert_int_equal(answer.checksum_offset, 6);
    assert_int_equal(world_transport_checksum(answer.bytes, 6), world_get16(answer.bytes + 40));
    pbuf_free(data);

    data = pbuf_alloc(PBUF_TRANSPORT, 3000, PBUF_RAM); // fragments: no checksum is asked for
    memset(data->payload, 1, 3000);
    assert_int_equal(udp_sendto(pcb, data, &to, 5000), ERR_OK);
    pbuf_free(data);
    for (int i = 0; i < 3; i++) {
        assert_true(world_take(&answer));
        assert_false(answer.checksum_needed);
    }
    // The same to a neighbour still to be found: lwIP keeps copies in one piece each.
    data = pbuf_alloc(PBUF_TRANSPORT, 3000, PBUF_RAM);
    memset(data->payload, 2, 3000);
    IP_ADDR4(&to, 10, 0, 2, 77);
    assert_int_equal(udp_sendto(pcb, data, &to, 5000), ERR_OK);
    pbuf_free(data);
    assert_true(world_take(&answer)); // the ARP request
    size_t arp_bytes = world_arp_request(frame, WORLD_OWN_IP);
    world_put32(frame + 28, 0x0a00024d);
    world_deliver(frame, arp_bytes, false);
    world_turn();
    unsigned fragments = 0;
    while (world_take(&answer)) {
        assert_false(answer.checksum_needed);
        if (world_get16(answer.bytes + 12) != 0x0800)
            continue;
        for (size_t i = 34 + 8; i < answer.size_bytes; i++)
            assert_int_equal(answer.bytes[i], 2);
        fragments++;
    }
    assert_int_equal(fragments, 3);
    udp_remove(pcb);
    check_ping(56);
    assert_false(answer.checksum_needed);
    world_turn();
    check_nothing_is_held();
}

static void one_batch_is_one_flush(void **unused)
{
    (void)unused;
    world_turn();
    unsigned before = world_flushes;
    for (uint16_t i = 0; i < 20; i++)
        world_deliver(frame, world_ping(frame, i, 32), false);
    net_netif_poll();
    assert_int_equal(world_flushes, before + 1);
    net_netif_poll();
    net_netif_arm();
    assert_int_equal(world_flushes, before + 1); // nothing new to tell the device
    world_drop_sent();
    world_turn();
}

static int start(void **state)
{
    (void)state;
    world_set_option("ip", "10.0.2.15/24,gw=10.0.2.2");
    world_add_device(false);
    net_start();
    world_turn();
    world_drop_sent();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_checksums_are_dropped_unless_the_device_vouches),
        cmocka_unit_test(full_queue_is_tried_again),
        cmocka_unit_test(sent_memory_is_left_alone_until_the_device_is_done),
        cmocka_unit_test(held_buffers_are_bounded),
        cmocka_unit_test(many_pieces_become_one),
        cmocka_unit_test(checksums_are_left_to_a_device_that_makes_them),
        cmocka_unit_test(one_batch_is_one_flush),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}

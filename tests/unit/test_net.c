// SPDX-License-Identifier: MIT
// The stack on a static address, frame by frame: ARP, ping, TCP, checksums, ownership of buffers.
#include "test_net_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/pci.h"
#include "net/net.h"
#include "net/netif.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"

static struct pci_device *pci_devices;
static uint8_t frame[WORLD_FRAME_MAX];
static struct world_frame answer;

struct pci_device *pci_first(void)
{
    return pci_devices;
}

const char *pci_name(const struct pci_device *device, char text[PCI_NAME_BYTES])
{
    snprintf(text, PCI_NAME_BYTES, "%02x:%02x.%x", device->bus, device->slot, device->function);
    return text;
}

// ---- no device ----------------------------------------------------------------------------------

static void without_a_card_it_says_so(void **unused)
{
    (void)unused;
    struct net_facts facts;
    host_log_clear();
    net_start();
    assert_true(host_log_has("there is no network card on the PCI bus"));
    assert_int_equal(net_wait_ready(UINT64_MAX), -ENODEV);
    assert_false(net_facts(&facts));
    assert_false(facts.present);
}

static void unusable_cards_are_named(void **unused)
{
    (void)unused;
    struct pci_device disk = {.class_code = 1, .vendor_id = 0x1af4, .device_id = 0x1042};
    struct pci_device broken = {.class_code = 2,
                                .slot = 4,
                                .vendor_id = 0x1af4,
                                .device_id = 0x1041,
                                .driver = "virtio-net",
                                .next = &disk};
    struct pci_device intel = {
        .class_code = 2, .slot = 3, .vendor_id = 0x8086, .device_id = 0x100e, .next = &broken};
    pci_devices = &intel;
    host_log_clear();
    net_start();
    assert_true(host_log_has("network card 8086:100e at 00:03.0: there is no driver for it"));
    assert_true(host_log_has("1af4:1041 at 00:04.0: driver virtio-net could not start it"));
    assert_true(host_log_has("none of 2 network cards is usable"));
    assert_false(host_log_has("1042"));
    pci_devices = NULL;
}

static void use_on_a_core_without_stack_panics(void **unused)
{
    (void)unused;
    if (!host_panicked()) {
        tcp_new();
        fail();
    }
    assert_non_null(strstr(host_panic_text, "core that has none"));
}

// ---- ARP and ping -------------------------------------------------------------------------------

static void start_with_static_address(void **unused)
{
    (void)unused;
    world_set_option("ip", "10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3");
    world_add_device(false);
    host_log_clear();
    net_start();
    world_turn();
    assert_true(host_log_has("net: 10.0.2.15/24 by option ip, gateway 10.0.2.2, DNS 10.0.2.3, "
                             "virtio-net at 00:02.0 52:54:00:12:34:56"));
    assert_int_equal(net_wait_ready(0), 0);
    // It announces itself and asks for the gateway.
    assert_true(world_take(&answer));
    assert_int_equal(world_get16(answer.bytes + 12), 0x0806);
    assert_int_equal(world_get32(answer.bytes + 38), WORLD_OWN_IP);
    assert_true(world_take(&answer));
    assert_int_equal(world_get32(answer.bytes + 38), WORLD_PEER_IP);
    assert_false(world_take(&answer));
}

static void arp_requests_are_answered(void **unused)
{
    (void)unused;
    world_deliver(frame, world_arp_request(frame, WORLD_OWN_IP), false);
    world_deliver(frame, world_arp_request(frame, WORLD_OWN_IP + 1), false);
    world_turn();
    assert_true(world_take(&answer));
    assert_memory_equal(answer.bytes, world_peer_mac, 6);
    assert_memory_equal(answer.bytes + 6, world_own_mac, 6);
    assert_int_equal(world_get16(answer.bytes + 20), 2);
    assert_memory_equal(answer.bytes + 22, world_own_mac, 6);
    assert_int_equal(world_get32(answer.bytes + 28), WORLD_OWN_IP);
    assert_int_equal(world_get32(answer.bytes + 38), WORLD_PEER_IP);
    assert_false(world_take(&answer));
    assert_int_equal(world_buffers_out, 0);
}

static void check_ping(size_t data_bytes)
{
    size_t size_bytes = world_ping(frame, 7, data_bytes);
    world_deliver(frame, size_bytes, false);
    world_turn();
    assert_true(world_take(&answer));
    assert_int_equal(answer.size_bytes, size_bytes);
    assert_int_equal(answer.bytes[34], 0);
    assert_int_equal(world_get32(answer.bytes + 30), WORLD_PEER_IP);
    assert_int_equal(world_fold(world_sum(answer.bytes + 14, 20, 0)), 0xffff);
    assert_int_equal(world_fold(world_sum(answer.bytes + 34, 8 + data_bytes, 0)), 0xffff);
    assert_memory_equal(answer.bytes + 38, frame + 38, 4 + data_bytes);
    assert_false(world_take(&answer));
    assert_int_equal(world_buffers_out, 0);
}

static void ping_is_answered(void **unused)
{
    (void)unused;
    check_ping(0);
    check_ping(56);
    check_ping(1472);
    world_buffer_bytes = 200; // the same as a chain of buffers
    check_ping(1001);
    world_buffer_bytes = WORLD_FRAME_MAX;
}

// The datagram comes in fragments, and the answer is as long.
static void fragments_are_put_together(void **unused)
{
    (void)unused;
    static uint8_t icmp[8 + 2000], fragments[2][WORLD_FRAME_MAX];
    memset(icmp, 0x5a, sizeof(icmp));
    memset(icmp, 0, 8);
    icmp[0] = 8;
    world_put16(icmp + 2, (uint16_t)~world_fold(world_sum(icmp, sizeof(icmp), 0)));
    memcpy(fragments[0] + 34, icmp, 1480);
    memcpy(fragments[1] + 34, icmp + 1480, sizeof(icmp) - 1480);
    size_t first = world_ip_headers(fragments[0], 1, WORLD_PEER_IP, WORLD_OWN_IP, 1480);
    size_t second =
        world_ip_headers(fragments[1], 1, WORLD_PEER_IP, WORLD_OWN_IP, sizeof(icmp) - 1480);
    world_put16(fragments[0] + 20, 0x2000);
    world_put16(fragments[1] + 20, 1480 / 8);
    world_ip_checksum(fragments[0]);
    world_ip_checksum(fragments[1]);
    world_deliver(fragments[1], second, true);
    world_deliver(fragments[0], first, true);
    world_turn();
    assert_true(world_take(&answer));
    assert_int_equal(answer.size_bytes, 1514);
    assert_true(world_take(&answer));
    assert_int_equal(world_get16(answer.bytes + 20), 1480 / 8);
    assert_int_equal(answer.size_bytes, 34 + sizeof(icmp) - 1480);
    assert_int_equal(world_buffers_out, 0);

    world_deliver(fragments[1], second, true); // alone: kept, then given up
    world_pass_ms(2000);
    assert_int_equal(world_buffers_out, 1);
    world_pass_ms(20000);
    assert_int_equal(world_buffers_out, 0);
    world_drop_sent();
}

// ---- TCP ----------------------------------------------------------------------------------------

static struct tcp_pcb *listener, *connection;
static struct pbuf *kept; // data the app does not give back yet
static bool keep_data;
static unsigned accepted, received_bytes;

static err_t echo_received(void *argument, struct tcp_pcb *pcb, struct pbuf *data, err_t error)
{
    (void)argument;
    assert_int_equal(error, ERR_OK);
    if (data == NULL) {
        connection = NULL;
        return tcp_close(pcb);
    }
    received_bytes += data->tot_len;
    if (keep_data) {
        if (kept == NULL)
            kept = data;
        else
            pbuf_cat(kept, data);
        return ERR_OK;
    }
    for (struct pbuf *part = data; part != NULL; part = part->next)
        assert_int_equal(tcp_write(pcb, part->payload, part->len, TCP_WRITE_FLAG_COPY), ERR_OK);
    tcp_recved(pcb, data->tot_len);
    pbuf_free(data);
    return tcp_output(pcb);
}

static err_t echo_accepted(void *argument, struct tcp_pcb *pcb, err_t error)
{
    (void)argument;
    assert_int_equal(error, ERR_OK);
    accepted++;
    connection = pcb;
    tcp_recv(pcb, echo_received);
    return ERR_OK;
}

static void listen_on_port_80(void)
{
    if (listener != NULL)
        return;
    struct tcp_pcb *pcb = tcp_new();
    assert_int_equal(tcp_bind(pcb, IP_ANY_TYPE, 80), ERR_OK);
    listener = tcp_listen(pcb);
    tcp_accept(listener, echo_accepted);
}

static void send_segment(const struct world_tcp *tcp, uint8_t flags, const void *data, size_t size)
{
    world_deliver(frame, world_tcp_segment(frame, tcp, flags, data, size), false);
    world_turn();
}

// The next TCP segment sent, its checksum right.
static const uint8_t *take_segment(void)
{
    assert_true(world_take(&answer));
    assert_int_equal(answer.bytes[23], 6);
    assert_int_equal(world_transport_checksum(answer.bytes, 16), world_get16(answer.bytes + 50));
    return answer.bytes + 34;
}

static struct world_tcp shake_hands(uint16_t source_port)
{
    struct world_tcp peer = {source_port, 80, 1000, 0, 64000};
    listen_on_port_80();
    world_introduce_peer();
    send_segment(&peer, WORLD_SYN, NULL, 0);
    const uint8_t *header = take_segment();
    assert_int_equal(header[13], WORLD_SYN | WORLD_ACK);
    assert_int_equal(world_get32(header + 8), 1001);
    peer.sequence = 1001;
    peer.acknowledged = world_get32(header + 4) + 1;
    send_segment(&peer, WORLD_ACK, NULL, 0);
    assert_false(world_take(&answer));
    return peer;
}

static void check_echo(struct world_tcp *peer, const void *data, size_t size)
{
    send_segment(peer, WORLD_ACK | WORLD_PSH, data, size);
    peer->sequence += (uint32_t)size;
    size_t back = 0;
    while (back < size) {
        const uint8_t *header = take_segment();
        size_t header_bytes = (size_t)(header[12] >> 4) * 4;
        size_t part = answer.size_bytes - 34 - header_bytes;
        assert_true(part > 0 && back + part <= size);
        assert_int_equal(world_get32(header + 4), peer->acknowledged);
        assert_memory_equal(header + header_bytes, (const uint8_t *)data + back, part);
        assert_int_equal(world_get32(header + 8), peer->sequence);
        peer->acknowledged += (uint32_t)part;
        back += part;
    }
    send_segment(peer, WORLD_ACK, NULL, 0);
    assert_false(world_take(&answer));
}

static void close_from_peer(struct world_tcp *peer)
{
    send_segment(peer, WORLD_FIN | WORLD_ACK, NULL, 0);
    peer->sequence++;
    uint8_t flags = 0;
    while (world_take(&answer))
        flags |= answer.bytes[47];
    assert_true(flags & WORLD_FIN);
    peer->acknowledged++;
    send_segment(peer, WORLD_ACK, NULL, 0);
    assert_null(tcp_active_pcbs);
}

static void check_nothing_is_held(void)
{
    struct net_netif_stats stats = net_netif_stats_of(0, 0);
    assert_int_equal(world_buffers_out, 0);
    assert_int_equal(stats.rx_held, 0);
    assert_int_equal(stats.tx_held, 0);
}

static void tcp_echoes(void **unused)
{
    (void)unused;
    static uint8_t data[1460];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 13);
    unsigned before = accepted;
    struct world_tcp peer = shake_hands(40000);
    check_echo(&peer, "hello", 5);
    check_echo(&peer, data, sizeof(data));
    check_echo(&peer, data, 1);
    world_buffer_bytes = 100; // header and data in several buffers
    check_echo(&peer, data, 999);
    world_buffer_bytes = WORLD_FRAME_MAX;
    assert_int_equal(accepted, before + 1);
    close_from_peer(&peer);
    check_nothing_is_held();
}

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
    uint64_t full_before = net_netif_stats_of(0, 0).tx_queue_full;
    world_tx_room = 0;
    world_deliver(frame, world_tcp_segment(frame, &peer, WORLD_ACK | WORLD_PSH, "abc", 3), false);
    net_netif_poll();
    assert_false(net_netif_arm()); // the core halts; the device will tell when there is room
    assert_false(world_take(&answer));
    assert_true(net_netif_stats_of(0, 0).tx_queue_full > full_before);
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
    assert_int_equal(net_netif_stats_of(0, 0).tx_held, 1);
    send_segment(&peer, WORLD_RST, NULL, 0); // the connection goes, the memory stays
    assert_null(tcp_active_pcbs);
    world_hold_sent = false;
    world_turn(); // the fake device compares what it was given
    world_drop_sent();
    check_nothing_is_held();
}

static void lost_answer_is_sent_again(void **unused)
{
    (void)unused;
    struct world_tcp peer = shake_hands(40004);
    send_segment(&peer, WORLD_ACK | WORLD_PSH, "again", 5);
    peer.sequence += 5;
    uint32_t sequence = world_get32(take_segment() + 4);
    world_pass_ms(2500);
    const uint8_t *header = take_segment();
    assert_int_equal(world_get32(header + 4), sequence);
    assert_memory_equal(header + 20, "again", 5);
    peer.acknowledged += 5;
    send_segment(&peer, WORLD_ACK, NULL, 0);
    world_drop_sent();
    close_from_peer(&peer);
    check_nothing_is_held();
}

// An app that keeps data cannot keep the device's buffers beyond a number.
static void held_buffers_are_bounded(void **unused)
{
    (void)unused;
    struct world_tcp peer = shake_hands(40005);
    uint64_t copied_before = net_netif_stats_of(0, 0).rx_copied;
    unsigned before = received_bytes;
    keep_data = true;
    for (int i = 0; i < 150; i++) {
        send_segment(&peer, WORLD_ACK | WORLD_PSH, "0123456789", 10);
        peer.sequence += 10;
        assert_true(world_buffers_out <= 64);
    }
    keep_data = false;
    assert_int_equal(received_bytes - before, 1500);
    assert_true(net_netif_stats_of(0, 0).rx_copied - copied_before >= 150 - 64);
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

static void initial_sequence_numbers_differ(void **unused)
{
    (void)unused;
    struct world_tcp first = shake_hands(40006);
    struct world_tcp second = shake_hands(40007);
    uint32_t apart = second.acknowledged - first.acknowledged;
    assert_true(apart > 65536 && apart < UINT32_MAX - 65536);
    send_segment(&first, WORLD_RST, NULL, 0);
    send_segment(&second, WORLD_RST, NULL, 0);
    assert_null(tcp_active_pcbs);
    check_nothing_is_held();
}

// ---- offload ------------------------------------------------------------------------------------

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

// ---- the loop -----------------------------------------------------------------------------------

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

static void idle_machine_wakes_once_a_second(void **unused)
{
    (void)unused;
    world_pass_ms(60000); // ended connections are forgotten, neighbours too
    unsigned before = world_wakeups;
    world_pass_ms(100000);
    assert_true(world_wakeups - before <= 100);
    // An idle connection costs nothing more, but each time something is under way for a while.
    struct world_tcp peer = shake_hands(40020);
    world_pass_ms(1000);
    before = world_wakeups;
    world_pass_ms(100000);
    assert_true(world_wakeups - before <= 101);
    send_segment(&peer, WORLD_ACK, "x", 1); // echoed, but that is not acknowledged
    peer.sequence++;
    before = world_wakeups;
    world_pass_ms(10000);
    assert_true(world_wakeups - before >= 190);
    send_segment(&peer, WORLD_RST, NULL, 0);
    world_pass_ms(1000);
    before = world_wakeups;
    world_pass_ms(10000);
    assert_true(world_wakeups - before <= 10);
    check_nothing_is_held();
}

static void facts_say_what_happened(void **unused)
{
    (void)unused;
    struct net_facts facts;
    struct world_tcp peer = shake_hands(40030);
    assert_true(net_facts(&facts));
    assert_true(facts.present && facts.link_up && facts.has_address && !facts.by_dhcp);
    assert_string_equal(facts.address, "10.0.2.15");
    assert_int_equal(facts.prefix_bits, 24);
    assert_string_equal(facts.gateway, "10.0.2.2");
    assert_string_equal(facts.dns[0], "10.0.2.3");
    assert_string_equal(facts.dns[1], "0.0.0.0");
    assert_int_equal(facts.tcp_connections, 1);
    assert_true(facts.tcp_received > 10 && facts.tcp_sent > 10 && facts.icmp_received > 4);
    assert_int_equal(facts.frames.tx_frames, world_device.stats.tx_frames);
    send_segment(&peer, WORLD_RST, NULL, 0);
    assert_true(net_facts(&facts));
    assert_int_equal(facts.tcp_connections, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_card_it_says_so),
        cmocka_unit_test(unusable_cards_are_named),
        cmocka_unit_test(use_on_a_core_without_stack_panics),
        cmocka_unit_test(start_with_static_address),
        cmocka_unit_test(arp_requests_are_answered),
        cmocka_unit_test(ping_is_answered),
        cmocka_unit_test(fragments_are_put_together),
        cmocka_unit_test(tcp_echoes),
        cmocka_unit_test(wrong_checksums_are_dropped_unless_the_device_vouches),
        cmocka_unit_test(full_queue_is_tried_again),
        cmocka_unit_test(sent_memory_is_left_alone_until_the_device_is_done),
        cmocka_unit_test(lost_answer_is_sent_again),
        cmocka_unit_test(held_buffers_are_bounded),
        cmocka_unit_test(many_pieces_become_one),
        cmocka_unit_test(initial_sequence_numbers_differ),
        cmocka_unit_test(checksums_are_left_to_a_device_that_makes_them),
        cmocka_unit_test(one_batch_is_one_flush),
        cmocka_unit_test(idle_machine_wakes_once_a_second),
        cmocka_unit_test(facts_say_what_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// The stack on a static address, frame by frame: ARP, ping, TCP, when it wakes, what it says of
// itself.
#include "net_echo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/pci.h"
#include "net/interface.h"
#include "net/net.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"

static struct pci_device *pci_devices;

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

// What was sent last comes again after this time, then it is acknowledged.
static void check_taken_again_between(struct world_tcp *peer, uint32_t from_ms, uint32_t to_ms)
{
    uint32_t sequence = world_get32(take_segment() + 4);
    world_pass_ms(from_ms - 100);
    assert_false(world_take(&answer));
    world_pass_ms(to_ms - from_ms + 100);
    const uint8_t *header = take_segment();
    assert_int_equal(world_get32(header + 4), sequence);
    assert_memory_equal(header + 20, "again", 5);
    peer->acknowledged += 5;
    send_segment(peer, WORLD_ACK, NULL, 0);
    assert_false(world_take(&answer));
}

static void check_sent_again_between(struct world_tcp *peer, uint32_t from_ms, uint32_t to_ms)
{
    send_segment(peer, WORLD_ACK | WORLD_PSH, "again", 5);
    peer->sequence += 5;
    check_taken_again_between(peer, from_ms, to_ms);
}

static void lost_answer_is_sent_again(void **unused)
{
    (void)unused;
    struct world_tcp peer = shake_hands(40004);
    check_sent_again_between(&peer, 200, 300);
    close_from_peer(&peer);
    check_nothing_is_held();
}

static void lost_confirmation_is_sent_again(void **unused)
{
    (void)unused;
    struct world_tcp peer = {40008, 80, 1000, 0, 64000};
    send_segment(&peer, WORLD_SYN, NULL, 0);
    peer.acknowledged = world_get32(take_segment() + 4) + 1;
    peer.sequence++;
    uint32_t waits_ms[] = {1000, 2000, 4000, 8000};
    for (size_t i = 0; i < ARRAY_COUNT(waits_ms); i++) {
        world_pass_ms(waits_ms[i] - 100);
        assert_false(world_take(&answer));
        world_pass_ms(100);
        assert_int_equal(take_segment()[13], WORLD_SYN | WORLD_ACK);
    }
    send_segment(&peer, WORLD_ACK, NULL, 0);
    check_sent_again_between(&peer, 2900, 3000); // which one was answered is not known
    close_from_peer(&peer);
    check_nothing_is_held();
}

static err_t client_result;

static err_t client_connected(void *argument, struct tcp_pcb *pcb, err_t error)
{
    (void)argument;
    (void)pcb;
    client_result = error;
    return ERR_OK;
}

static void client_failed(void *argument, err_t error)
{
    (void)argument;
    client_result = error;
}

static struct tcp_pcb *connect_to_peer(uint16_t port)
{
    struct tcp_pcb *pcb = tcp_new();
    ip_addr_t peer = IPADDR4_INIT_BYTES(10, 0, 2, 2);
    tcp_err(pcb, client_failed);
    client_result = ERR_INPROGRESS;
    world_introduce_peer();
    assert_int_equal(tcp_connect(pcb, &peer, port, client_connected), ERR_OK);
    assert_int_equal(take_segment()[13], WORLD_SYN);
    return pcb;
}

static void client_tries_for_half_a_minute(void **unused)
{
    (void)unused;
    (void)connect_to_peer(90);
    uint32_t waits_ms[] = {1000, 2000, 4000, 8000, 16000};
    for (size_t i = 0; i < ARRAY_COUNT(waits_ms); i++) {
        world_pass_ms(waits_ms[i] - 100);
        world_introduce_peer(); // and what was sent for that is dropped
        assert_int_equal(client_result, ERR_INPROGRESS);
        world_pass_ms(100);
        assert_int_equal(take_segment()[13], WORLD_SYN);
    }
    world_pass_ms(200);
    assert_int_equal(client_result, ERR_ABRT);
    world_drop_sent();
    check_nothing_is_held();
}

// The time until it sends something says nothing of the line.
static void client_that_waits_sends_again_as_soon(void **unused)
{
    (void)unused;
    struct tcp_pcb *pcb = connect_to_peer(91);
    struct world_tcp peer = {91, pcb->local_port, 5000, pcb->snd_nxt, 64000};
    send_segment(&peer, WORLD_SYN | WORLD_ACK, NULL, 0);
    peer.sequence++;
    assert_int_equal(client_result, ERR_OK);
    assert_int_equal(take_segment()[13], WORLD_ACK);
    world_pass_ms(20000);
    send_segment(&peer, WORLD_ACK, NULL, 0);
    world_introduce_peer();
    assert_int_equal(tcp_write(pcb, "again", 5, TCP_WRITE_FLAG_COPY), ERR_OK);
    assert_int_equal(tcp_output(pcb), ERR_OK);
    check_taken_again_between(&peer, 200, 300);
    tcp_abort(pcb);
    world_turn();
    world_drop_sent();
    check_nothing_is_held();
}

// Who knows the ends of a connection, but not its numbers, sends in the peer's name.
static void guesses_change_nothing(void **unused)
{
    (void)unused;
    struct world_tcp peer = shake_hands(41000);
    check_echo(&peer, "before", 6);
    uint32_t window = connection->snd_wnd;
    unsigned received = received_bytes;
    static const struct {
        uint32_t sequence, acknowledged; // from the right ones
        uint8_t flags;
        bool is_answered;
    } table[] = {
        {1u << 30, 0, WORLD_ACK, true},    {1u << 30, 0, WORLD_ACK | WORLD_FIN, true},
        {0x80000000, 0, WORLD_ACK, true},  {0xc0000000, 0, WORLD_ACK, true},
        {0, 1, WORLD_ACK, true},           {0, 1u << 30, WORLD_ACK | WORLD_PSH, true},
        {0, 0xc0000000, WORLD_ACK, true},  {3, 0xc0000000, WORLD_ACK, true},
        {0, 0xc0000000, WORLD_PSH, false}, {3, 0xc0000000, WORLD_PSH, false},
        {1u << 30, 0, WORLD_RST, false},   {1u << 30, 0, WORLD_RST | WORLD_ACK, false},
        {1u << 30, 0, WORLD_SYN, true},    {0, 0, WORLD_SYN, true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        struct world_tcp guess = peer;
        guess.sequence += table[i].sequence;
        guess.acknowledged += table[i].acknowledged;
        guess.window = 0;
        send_segment(&guess, table[i].flags, "guess", (table[i].flags & WORLD_PSH) != 0 ? 5 : 0);
        assert_int_equal(world_take(&answer), table[i].is_answered);
        if (table[i].is_answered) {
            assert_int_equal(world_get32(answer.bytes + 42), peer.sequence);
            assert_int_equal(answer.bytes[47], WORLD_ACK);
        }
        assert_false(world_take(&answer));
        assert_int_equal(connection->snd_wnd, window);
        assert_int_equal(received_bytes, received);
        assert_null(connection->ooseq);
    }
    check_echo(&peer, "after", 5);
    close_from_peer(&peer);
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

// ---- the loop -----------------------------------------------------------------------------------

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
        cmocka_unit_test(lost_answer_is_sent_again),
        cmocka_unit_test(lost_confirmation_is_sent_again),
        cmocka_unit_test(client_tries_for_half_a_minute),
        cmocka_unit_test(client_that_waits_sends_again_as_soon),
        cmocka_unit_test(guesses_change_nothing),
        cmocka_unit_test(initial_sequence_numbers_differ),
        cmocka_unit_test(idle_machine_wakes_once_a_second),
        cmocka_unit_test(facts_say_what_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

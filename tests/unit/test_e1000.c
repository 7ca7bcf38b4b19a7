// SPDX-License-Identifier: MIT
// The driver of the e1000 family against a fake card.
#include "host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/e1000.h"
#include "fake_driver.h"
#include "fake_e1000.h"
#include "kernel/heap.h"
#include "seeded.h"

#define CHIP_82540 0x100e
#define CHIP_82574 0x10d3
#define RX_ROOM    255 // buffers that the card has when it has all

static const uint16_t chips[] = {CHIP_82540, CHIP_82574};

// ---- fixture ------------------------------------------------------------------------------------

static void prepare(uint16_t chip)
{
    fake_e1000_init(chip);
    fake_driver_reset();
    absent_core = 1;
}

static struct net_device *start_prepared(void)
{
    struct net_device *before = last_net();
    assert_true(e1000_probe(&fake_e1000.pci));
    struct net_device *net = last_net();
    assert_ptr_not_equal(net, before);
    net->received = keep_frame;
    net->transmitted = keep_token;
    net->ops->flush(net);
    return net;
}

static struct net_device *start(uint16_t chip)
{
    prepare(chip);
    return start_prepared();
}

static uint8_t data[FAKE_E1000_FRAME_MAX + 4096];

static void receive(uint8_t fill, size_t size_bytes, uint32_t status)
{
    memset(data, fill, size_bytes);
    assert_true(fake_e1000_receive(data, size_bytes, status));
}

static int transmit(struct net_device *net, uint32_t segments, uint32_t bytes_each, void *token)
{
    static uint8_t memory[NET_TX_SEGMENTS_MAX][1024];
    struct net_tx_frame frame = {.segment_count = segments, .token = token};
    for (uint32_t i = 0; i < segments; i++) {
        memset(memory[i], (int)i + 1, sizeof(memory[i]));
        frame.segments[i].data = memory[i];
        frame.segments[i].length = bytes_each;
    }
    return net->ops->transmit(net, &frame);
}

static void expect_shut_off(struct net_device *net, const char *line)
{
    assert_true(host_log_has(line));
    assert_false(fake_e1000.is_enabled);
    assert_false(net->link_up);
    assert_null(pending_timer);
    size_t count = frame_count;
    assert_int_equal(net->ops->poll(net, 100), 0);
    net->ops->flush(net);
    assert_false(net->ops->arm(net));
    assert_int_equal(transmit(net, 1, 100, &fake_e1000), -EIO);
    assert_int_equal(frame_count, count);
    release_frames(net); // what was lent still comes home
}

// ---- start --------------------------------------------------------------------------------------

static void test_start(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82540);
    assert_true(host_log_has("e1000: e1000 at 00:02.0: 82540EM, mac 52:54:00:12:34:56, mtu 1500, "
                             "link up, 1 pair of queues of 256 and 512, looked at by a timer\n"));
    assert_string_equal(net->name, "e1000 at 00:02.0");
    assert_string_equal(fake_e1000.pci.driver, "e1000");
    net = start(CHIP_82574);
    assert_true(host_log_has("e1000: e1000e at 00:02.0: 82574L, mac 52:54:00:12:34:56, mtu 1500, "
                             "link up, 1 pair of queues of 256 and 512, MSI-X\n"));
    assert_string_equal(net->name, "e1000e at 00:02.0");
    assert_int_equal(net->mtu, 1500);
    assert_true(net->link_up && net->checksum_offload);
    assert_int_equal(fake_e1000.resets, 1);
    assert_int_equal(fake_e1000_rx_room(0), RX_ROOM);
    assert_int_equal(fake_e1000.writes_of_rdt, 1);
    assert_false(host_log_has("warning"));

    fake_e1000_init(0x10d4); // others are not touched
    assert_false(e1000_probe(&fake_e1000.pci));
    fake_e1000_init(CHIP_82574);
    fake_e1000.pci.vendor_id = 0x1af4;
    assert_false(e1000_probe(&fake_e1000.pci));
    assert_null(fake_e1000.pci.driver);
}

static void test_mac(void **state)
{
    (void)state;
    static const uint8_t from_eeprom[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    for (size_t i = 0; i < ARRAY_COUNT(chips); i++) {
        prepare(chips[i]);
        fake_e1000.has_no_address = true;
        struct net_device *net = start_prepared();
        assert_memory_equal(net->mac, from_eeprom, 6);
        assert_true(host_log_has("its address is from its EEPROM"));
        assert_true(*fake_e1000_register(E1000_RAL) == 0x12005452);
        assert_true(*fake_e1000_register(E1000_RAH) == (0x5634 | E1000_RAH_VALID));

        prepare(chips[i]);
        fake_e1000.has_no_address = fake_e1000.has_no_eeprom = true;
        net = start_prepared();
        assert_int_equal(net->mac[0] & 3, 2);
        assert_true(host_log_has("made up"));

        prepare(chips[i]);
        fake_e1000.eeprom[0] |= 1; // a group's address
        net = start_prepared();
        assert_int_equal(net->mac[0] & 3, 2);
    }
}

static void expect_refused(const char *why)
{
    struct net_device *before = last_net();
    assert_true(e1000_probe(&fake_e1000.pci));
    assert_ptr_equal(last_net(), before);
    assert_true(host_log_has("is not usable: "));
    assert_true(host_log_has(why));
    assert_false(fake_e1000.is_enabled);
    assert_non_null(fake_e1000.pci.driver);
}

static void test_refused_cards(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(chips); i++) {
        prepare(chips[i]);
        fake_e1000.bar_bytes = 0;
        expect_refused("firmware gave its registers no address");
        prepare(chips[i]);
        fake_e1000.bar_bytes = 0x10000;
        expect_refused("firmware gave its registers no address");
        prepare(chips[i]);
        fake_e1000.is_gone = true;
        expect_refused("its registers read as nothing but ones");
        prepare(chips[i]);
        fake_e1000.stays_in_reset = true;
        uint64_t before_ns = now_ns;
        expect_refused("it does not come out of reset");
        assert_true(now_ns - before_ns < 200 * NS_PER_MS);
        static const uint32_t deaf[] = {E1000_RDBAL, E1000_RDLEN, E1000_TDBAL, E1000_TDLEN};
        for (size_t j = 0; j < ARRAY_COUNT(deaf); j++) {
            prepare(chips[i]);
            fake_e1000.deaf_register = deaf[j];
            expect_refused("its registers do not hold what is written to them");
        }
        for (int pages = 0; pages < 3; pages++) {
            prepare(chips[i]);
            pages_left = pages;
            expect_refused("out of memory");
        }
    }
}

// Without MSI-X the 82574 is looked at by a timer, too.
static void test_no_msix(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        prepare(CHIP_82574);
        if (i == 0)
            fake_e1000.msix_error = -ENODEV;
        else
            fake_e1000.msix_entries = 1;
        struct net_device *net = start_prepared();
        assert_true(host_log_has("warning: e1000: e1000e at 00:02.0: no MSI-X"));
        receive(1, 60, 0);
        assert_int_equal(net->ops->poll(net, 10), 1);
        release_frames(net);
        assert_false(net->ops->arm(net));
        assert_int_equal(fake_e1000.writes_of_ims, 0);
        assert_non_null(pending_timer);
    }
}

// ---- receive ------------------------------------------------------------------------------------

static void test_receive(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(chips); i++) {
        struct net_device *net = start(chips[i]);
        receive(0xaa, 60, E1000_RX_IGNORE_CHECKSUM | E1000_RX_TRANSPORT_CHECKED);
        receive(0xbb, 1514, E1000_RX_TRANSPORT_CHECKED);
        receive(0xcc, 64, E1000_RX_TRANSPORT_CHECKED | E1000_RX_TRANSPORT_WRONG);
        receive(0xdd, 64, 0);
        assert_int_equal(net->ops->poll(net, 3), 3);
        assert_int_equal(net->ops->poll(net, 3), 1);
        assert_int_equal(net->ops->poll(net, 3), 0);
        static const uint32_t lengths[] = {60, 1514, 64, 64};
        for (size_t n = 0; n < 4; n++) {
            assert_null(frames[n]->next);
            assert_int_equal(frames[n]->length, lengths[n]);
            assert_int_equal(frames[n]->data[lengths[n] - 1], 0xaa + 0x11 * n);
            assert_int_equal(frames[n]->checksum_valid, n == 1);
        }
        assert_int_equal(net->stats.rx_frames, 4);
        assert_int_equal(net->stats.rx_bytes, 60 + 1514 + 64 + 64);
        release_frames(net);
    }
}

static void test_receive_in_pieces(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82540);
    for (size_t i = 0; i < 9000; i++)
        data[i] = (uint8_t)(i / 7);
    assert_true(fake_e1000_receive(data, 9000, E1000_RX_TRANSPORT_CHECKED));
    assert_int_equal(net->ops->poll(net, 10), 1);
    size_t at = 0, count = 0;
    for (struct net_rx_buffer *buffer = frames[0]; buffer != NULL; buffer = buffer->next) {
        assert_memory_equal(buffer->data, data + at, buffer->length);
        at += buffer->length;
        count++;
    }
    assert_int_equal(at, 9000);
    assert_int_equal(count, 5);
    assert_true(frames[0]->checksum_valid);
    assert_int_equal(net->stats.rx_frames, 1);
    assert_int_equal(net->stats.rx_bytes, 9000);
    release_frames(net);
}

// Of a frame only the first buffers have come when the driver looks.
static void test_receive_half(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82574);
    memset(data, 7, 5000);
    assert_true(fake_e1000_receive(data, 5000, 0));
    struct e1000_rx_descriptor *last = fake_e1000_rx_next(0) - 1;
    uint32_t status = last->words[0];
    last->words[0] = 0;
    assert_int_equal(net->ops->poll(net, 10), 0);
    assert_int_equal(net->ops->poll(net, 10), 0);
    last->words[0] = status;
    assert_int_equal(net->ops->poll(net, 10), 1);
    assert_int_equal(net->stats.rx_bytes, 5000);
    assert_int_equal(frames[0]->next->next->length, 5000 - 4096);
    release_frames(net);
}

// Longer than the rings and the buffers: everything is used again and again, and kept a while.
static void test_receive_many(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82540);
    uint32_t total = 0;
    for (uint32_t round = 0; round < 1000; round++) {
        uint32_t count = 1 + round % 200;
        for (uint32_t i = 0; i < count; i++)
            receive((uint8_t)(round + i), 60 + i, 0);
        assert_int_equal(net->ops->poll(net, 1000), count);
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(frames[i]->data[59], (uint8_t)(round + i));
        if (round % 2) // the ring is refilled while the network layer still holds these
            release_frames(net);
        net->ops->flush(net);
        release_frames(net);
        net->ops->flush(net);
        total += count;
        assert_true(fake_e1000_rx_room(0) >= RX_ROOM - 31);
    }
    assert_int_equal(net->stats.rx_frames, total);
    assert_int_equal(net->stats.rx_errors, 0);
    assert_true(fake_e1000.writes_of_rdt < total / 32 + 1000);
}

static void test_network_layer_keeps_all_buffers(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82540);
    for (uint32_t i = 0; i < 512; i++) {
        receive((uint8_t)i, 60, 0);
        assert_int_equal(net->ops->poll(net, 10), 1);
        net->ops->flush(net);
    }
    assert_int_equal(fake_e1000_rx_room(0), 0);
    assert_false(fake_e1000_receive(data, 60, 0));
    for (uint32_t i = 0; i < 512; i++)
        assert_int_equal(frames[i]->data[30], (uint8_t)i);
    net->ops->rx_release(net, frames[511]); // one alone is told at once: the card has none
    frame_count = 511;
    net->ops->flush(net);
    assert_int_equal(fake_e1000_rx_room(0), 1);
    receive(1, 60, 0);
    assert_int_equal(net->ops->poll(net, 10), 1);
    release_frames(net);
    net->ops->flush(net);
    assert_int_equal(fake_e1000_rx_room(0), RX_ROOM);
}

static void test_released_twice(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82540);
    receive(1, 60, 0);
    assert_int_equal(net->ops->poll(net, 10), 1);
    net->ops->rx_release(net, frames[0]);
    if (!host_panicked()) {
        net->ops->rx_release(net, frames[0]);
        fail();
    }
}

static void test_bad_frames_are_counted(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82574);
    receive(1, 13, 0); // no Ethernet header
    static const uint32_t damages[] = {1u << 24, 1u << 25, 1u << 26, 1u << 28, 1u << 31};
    for (size_t i = 0; i < ARRAY_COUNT(damages); i++)
        receive(1, 3000, damages[i]);
    receive(2, 60, 0);
    assert_int_equal(net->ops->poll(net, 10), 7);
    assert_int_equal(net->stats.rx_errors, 6);
    assert_int_equal(frame_count, 1);
    release_frames(net);
    net->ops->flush(net);
}

// ---- transmit -----------------------------------------------------------------------------------

static void test_transmit(void **state)
{
    (void)state;
    static uint8_t sent[FAKE_E1000_FRAME_MAX];
    for (size_t i = 0; i < ARRAY_COUNT(chips); i++) {
        struct net_device *net = start(chips[i]);
        assert_int_equal(transmit(net, 16, 90, &sent), 0);
        assert_int_equal(transmit(net, 1, 42, &fake_e1000), 0);
        assert_int_equal(fake_e1000_send(0, sent), 0); // not told yet
        net->ops->flush(net);
        assert_int_equal(fake_e1000.writes_of_tdt, 1); // once for both
        assert_int_equal(fake_e1000_send(0, sent), 16 * 90);
        for (size_t n = 0; n < 16 * 90; n++)
            assert_int_equal(sent[n], n / 90 + 1);
        assert_int_equal(net->ops->poll(net, 10), 0);
        assert_int_equal(token_count, 1);
        assert_ptr_equal(tokens[0], &sent);
        assert_int_equal(fake_e1000_send(0, sent), chips[i] == CHIP_82540 ? 60 : 42);
        assert_int_equal(net->ops->poll(net, 10), 0);
        assert_ptr_equal(tokens[1], &fake_e1000);
        assert_int_equal(net->stats.tx_frames, 2);
        assert_int_equal(net->stats.tx_bytes, 16 * 90 + 42);
        net->ops->flush(net);
        assert_int_equal(fake_e1000.writes_of_tdt, 1);
    }
}

static void test_transmit_checksum(void **state)
{
    (void)state;
    static uint8_t packet[64], sent[FAKE_E1000_FRAME_MAX];
    struct net_device *net = start(CHIP_82540);
    for (uint16_t round = 0; round < 6; round++) {
        memset(packet, 0, sizeof(packet));
        packet[34] = 0x12, packet[35] = 0x34, packet[53] = 9; // data, of an odd length
        uint16_t offset = round / 2 == 1 ? 6 : 16;
        packet[34 + offset] = 0x10; // the pseudo header's sum
        struct net_tx_frame frame = {.segments = {{packet, 40}, {packet + 40, 15}},
                                     .segment_count = 2,
                                     .checksum_needed = true,
                                     .checksum_start = 34,
                                     .checksum_offset = offset};
        assert_int_equal(net->ops->transmit(net, &frame), 0);
        net->ops->flush(net);
        assert_int_equal(fake_e1000_send(0, sent), 60);
        uint16_t sum = (uint16_t) ~(0x1234 + 0x1000 + 9);
        assert_int_equal(sent[34 + offset], sum >> 8);
        assert_int_equal(sent[35 + offset], sum & 0xff);
        net->ops->poll(net, 10);
    }
    assert_int_equal(token_count, 6);
}

static void test_transmit_queue_full(void **state)
{
    (void)state;
    static uint8_t sent_frame[FAKE_E1000_FRAME_MAX];
    for (size_t i = 0; i < ARRAY_COUNT(chips); i++) {
        struct net_device *net = start(chips[i]);
        uintptr_t sent = 0;
        for (int round = 0; round < 300; round++) {
            int error;
            while ((error = transmit(net, 1 + (uint32_t)sent % 16, 60, (void *)(sent + 1))) == 0)
                sent++;
            assert_int_equal(error, -ENOBUFS);
            net->ops->flush(net);
            assert_false(net->ops->arm(net));
            net->ops->poll(net, 10);          // what came while it was masked
            assert_false(net->ops->arm(net)); // now something ends the halt when there is room
            uint64_t interrupts = net->stats.interrupts;
            for (int n = 0; n < 40; n++)
                assert_true(fake_e1000_send(0, sent_frame) > 0);
            if (chips[i] == CHIP_82574)
                assert_true(net->stats.interrupts > interrupts);
            else
                assert_true(pending_timer->deadline_ns - now_ns <= 50 * NS_PER_US);
            assert_int_equal(net->ops->poll(net, 10), 0);
            assert_int_equal(token_count, 40);
            token_count = 0;
        }
        while (fake_e1000_send(0, sent_frame) > 0)
            continue;
        net->ops->poll(net, 10);
        assert_int_equal((uintptr_t)tokens[token_count - 1], sent);
    }
}

// ---- arming, the timer --------------------------------------------------------------------------

static void test_arm(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82574);
    assert_false(net->ops->arm(net));
    unsigned writes = fake_e1000.writes_of_ims;
    assert_false(net->ops->arm(net)); // still allowed: nothing to write
    assert_int_equal(fake_e1000.writes_of_ims, writes);
    receive(1, 60, 0);
    assert_int_equal(net->stats.interrupts, 1);
    assert_true(net->ops->arm(net));
    receive(1, 60, 0); // it is polled: the card has masked itself
    assert_int_equal(net->stats.interrupts, 1);
    assert_int_equal(net->ops->poll(net, 10), 2);
    release_frames(net);
    assert_false(net->ops->arm(net));
    // The second frame had raised its cause while that was masked.
    assert_int_equal(net->stats.interrupts, 2);
    assert_int_equal(net->ops->poll(net, 10), 0);
    assert_false(net->ops->arm(net));
    assert_int_equal(net->stats.interrupts, 2);
    receive(1, 60, 0);
    assert_int_equal(net->stats.interrupts, 3);
    assert_int_equal(net->ops->poll(net, 10), 1);
    assert_int_equal(net->stats.lost_interrupts, 0);
    release_frames(net);
}

static void test_lost_interrupt(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82574);
    assert_int_equal(transmit(net, 1, 60, &fake_e1000), 0);
    net->ops->flush(net);
    for (int i = 0; i < 2; i++) {
        assert_false(net->ops->arm(net));
        assert_non_null(pending_timer);
        assert_true(pending_timer->deadline_ns == now_ns + 10 * NS_PER_MS);
        fake_e1000.loses_interrupts = true;
        receive(1, 60, 0);
        fake_e1000.loses_interrupts = false;
        expire_timer();
        clock_step_ns = 1000;
        assert_int_equal(net->ops->poll(net, 10), 1);
        clock_step_ns = 0;
        release_frames(net);
        assert_int_equal(net->stats.lost_interrupts, i + 1);
        // Said once.
        assert_int_equal(host_log_has("warning: e1000: e1000e at 00:02.0: an interrupt was lost"),
                         i == 0);
        host_log_clear();
    }
    // Then it is allowed anew. And an idle machine is left alone once all is sent.
    static uint8_t sent[FAKE_E1000_FRAME_MAX];
    assert_true(fake_e1000_send(0, sent) > 0);
    assert_int_equal(net->ops->poll(net, 10), 0);
    assert_false(net->ops->arm(net));
    receive(1, 60, 0);
    assert_int_equal(net->ops->poll(net, 10), 1);
    assert_int_equal(net->stats.lost_interrupts, 2);
    release_frames(net);
    assert_false(net->ops->arm(net));
    net->ops->poll(net, 10);
    expire_timer();
    assert_false(net->ops->arm(net));
    assert_null(pending_timer);
}

// The longer the silence, the later the next look.
static void test_look_backs_off(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82540);
    receive(1, 60, 0);
    assert_true(net->ops->arm(net));
    assert_int_equal(net->ops->poll(net, 10), 1);
    release_frames(net);
    uint64_t began_ns = now_ns, looks = 0;
    while (now_ns - began_ns < 100 * NS_PER_MS) {
        assert_false(net->ops->arm(net));
        uint64_t wait_ns = pending_timer->deadline_ns - now_ns, silent_ns = now_ns - began_ns;
        assert_true(wait_ns >= 50 * NS_PER_US && wait_ns <= 10 * NS_PER_MS);
        assert_true(wait_ns <= 50 * NS_PER_US || wait_ns <= silent_ns / 4);
        expire_timer();
        assert_int_equal(net->ops->poll(net, 10), 0);
        looks++;
    }
    assert_in_range(looks, 20, 50);
    assert_false(net->ops->arm(net));
    assert_true(pending_timer->deadline_ns - now_ns == 10 * NS_PER_MS);
    assert_int_equal(fake_e1000.writes_of_ims, 0);
    receive(1, 60, 0);
    expire_timer();
    assert_int_equal(net->ops->poll(net, 10), 1);
    assert_false(net->ops->arm(net));
    assert_true(pending_timer->deadline_ns - now_ns == 50 * NS_PER_US);
    assert_int_equal(net->stats.lost_interrupts, 0); // none was to come
    release_frames(net);
}

static void test_link_change(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82574);
    for (int i = 0; i < 6; i++) {
        assert_false(net->ops->arm(net));
        fake_e1000_set_link(i % 2);
        assert_true(net->ops->arm(net));
        assert_int_equal(net->ops->poll(net, 10), 0);
        assert_int_equal(net->link_up, i % 2);
    }
    net = start(CHIP_82540);
    fake_e1000_set_link(false);
    uint64_t began_ns = now_ns;
    while (net->link_up) {
        assert_true(now_ns - began_ns < 600 * NS_PER_MS);
        assert_false(net->ops->arm(net));
        expire_timer();
        net->ops->poll(net, 10);
    }
}

static void test_losses_are_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(chips); i++) {
        struct net_device *net = start(chips[i]);
        *fake_e1000_register(E1000_MPC) = 3;
        *fake_e1000_register(E1000_CRCERRS) = 5;
        *fake_e1000_register(E1000_RXERRC) = 1;
        now_ns += NS_PER_S;
        receive(1, 60, 0);
        assert_int_equal(net->ops->poll(net, 10), 1);
        release_frames(net);
        assert_false(net->ops->arm(net));
        expire_timer();
        assert_int_equal(net->stats.rx_dropped, 3);
        assert_int_equal(net->stats.rx_errors, 6);
    }
}

// ---- two pairs ----------------------------------------------------------------------------------

static struct net_device *start_two(void)
{
    prepare(CHIP_82574);
    core_slot_count = 4; // 0, 2 and 3 run
    struct net_device *net = start_prepared();
    assert_int_equal(net->of_card_count, 2);
    assert_ptr_equal(net->of_card[0], net);
    net->of_card[1]->received = keep_frame;
    net->of_card[1]->transmitted = keep_token;
    return net;
}

static void test_two_pairs(void **state)
{
    (void)state;
    static uint8_t sent[FAKE_E1000_FRAME_MAX];
    struct net_device *net = start_two(), *other = net->of_card[1];
    assert_true(host_log_has("2 pairs of queues"));
    assert_int_equal(net->core, 0);
    assert_int_equal(other->core, 2);
    assert_memory_equal(other->mac, net->mac, 6);
    assert_true(other->link_up);
    assert_int_equal(fake_e1000_rx_room(0), RX_ROOM);
    assert_int_equal(fake_e1000_rx_room(1), RX_ROOM);
    for (fake_e1000.hash = 0; fake_e1000.hash < 128; fake_e1000.hash++)
        receive(1, 60, 0); // until they are spread all go to the first
    assert_int_equal(net->ops->poll(net, 200), 128);
    release_frames(net);
    net->ops->flush(net);
    assert_int_equal(net->ops->spread(net, 2), 0);
    assert_true(host_log_has("e1000: e1000e at 00:02.0: frames go to 2 cores by hash (RSS)"));
    for (fake_e1000.hash = 1; fake_e1000.hash <= 128; fake_e1000.hash++)
        receive(1, 60, 0);
    assert_int_equal(net->ops->poll(net, 200), 64);
    release_frames(net);
    assert_int_equal(other->ops->poll(other, 200), 64);
    release_frames(other);

    net->ops->arm(net);
    net->ops->poll(net, 10);
    net->ops->arm(net);
    other->ops->arm(other);
    other->ops->poll(other, 10);
    other->ops->arm(other);
    uint64_t interrupts[] = {net->stats.interrupts, other->stats.interrupts};
    fake_e1000.hash = 1;
    receive(1, 60, 0); // each is told of its own frames only
    assert_int_equal(net->stats.interrupts, interrupts[0]);
    assert_int_equal(other->stats.interrupts, interrupts[1] + 1);
    assert_int_equal(other->ops->poll(other, 10), 1);
    release_frames(other);

    // Checksums at different places, in turn: the card knows one place.
    for (int i = 0; i < 10; i++) {
        struct net_device *sender = i % 2 ? other : net;
        uint8_t packet[64] = {[34] = 0x11};
        struct net_tx_frame frame = {.segments = {{packet, 64}},
                                     .segment_count = 1,
                                     .checksum_needed = true,
                                     .checksum_start = 34,
                                     .checksum_offset = i % 2 ? 6 : 16};
        assert_int_equal(sender->ops->transmit(sender, &frame), 0);
        sender->ops->flush(sender);
        assert_int_equal(fake_e1000_send(i % 2, sent), 64);
        assert_int_equal(sent[i % 2 ? 40 : 50], 0xee);
        sender->ops->poll(sender, 10);
    }
    assert_int_equal(token_count, 10);

    fake_e1000_set_link(false); // heard by the first, known to both
    net->ops->poll(net, 10);
    assert_false(net->link_up || other->link_up);
}

// What one core finds ends the card for both.
static void test_two_pairs_shut_off(void **state)
{
    (void)state;
    struct net_device *net = start_two(), *other = net->of_card[1];
    assert_int_equal(net->ops->spread(net, 2), 0);
    assert_int_equal(transmit(net, 1, 60, &fake_e1000), 0);
    assert_int_equal(transmit(other, 1, 60, &fake_e1000), 0);
    fake_e1000_write_rx(fake_e1000_rx_next(1), 5000, E1000_RX_DONE);
    assert_int_equal(other->ops->poll(other, 10), 0);
    assert_int_equal(token_count, 1);
    assert_int_equal(transmit(net, 1, 60, &fake_e1000), -EIO);
    assert_int_equal(net->ops->poll(net, 10), 0);
    assert_int_equal(token_count, 2);
    assert_int_equal(net->ops->spread(net, 1), -EIO);
    expect_shut_off(net, "is shut off: more was received than a buffer holds: 0x1388");
    expect_shut_off(other, "is shut off");
}

static void test_no_second_pair(void **state)
{
    (void)state;
    prepare(CHIP_82574);
    core_slot_count = 3;
    pages_left = 4;
    struct net_device *net = start_prepared();
    assert_true(host_log_has("no queues for core 2: out of memory"));
    assert_int_equal(net->of_card_count, 1);

    prepare(CHIP_82574);
    core_slot_count = 3;
    fake_e1000.route_error = -ERANGE;
    net = start_prepared();
    assert_true(host_log_has("no queues for core 2: its interrupts do not reach the core"));
    assert_int_equal(net->of_card_count, 1);
    assert_int_equal(net->ops->spread(net, 1), 0);
    fake_e1000.hash = 1;
    receive(1, 60, 0);
    assert_int_equal(net->ops->poll(net, 10), 1);
    release_frames(net);
}

// ---- hostile cards ------------------------------------------------------------------------------

static void test_shut_off_gives_all_back(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82574);
    for (uintptr_t i = 0; i < 20; i++)
        assert_int_equal(transmit(net, 1 + (uint32_t)i % 5, 60, (void *)(i + 1)), 0);
    net->ops->flush(net);
    assert_int_equal(transmit(net, 1, 60, (void *)(uintptr_t)21), 0); // the card was not told
    receive(1, 60, 0);
    fake_e1000_write_rx(fake_e1000_rx_next(0), 2049, E1000_RX_DONE);
    assert_int_equal(net->ops->poll(net, 10), 1);
    assert_int_equal(frame_count, 1); // what came before was good
    expect_shut_off(net, "error: e1000: e1000e at 00:02.0 is shut off: more was received than a "
                         "buffer holds: 0x801\n");
    assert_int_equal(token_count, 21);
    uintptr_t sum = 0;
    for (size_t i = 0; i < 21; i++)
        sum += (uintptr_t)tokens[i];
    assert_int_equal(sum, 21 * 22 / 2);
    assert_int_equal(net->stats.tx_dropped, 21);
}

static void test_giant_frame(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82540);
    assert_true(fake_e1000_receive(data, FAKE_E1000_FRAME_MAX, 0)); // as long as one can be
    assert_int_equal(net->ops->poll(net, 10), 1);
    release_frames(net);
    net->ops->flush(net);
    assert_true(fake_e1000_receive(data, FAKE_E1000_FRAME_MAX + 1, 0));
    assert_int_equal(net->ops->poll(net, 10), 0);
    expect_shut_off(net, "is shut off: a frame is longer than any: 0x4001");
}

static void test_frames_not_given(void **state)
{
    (void)state;
    struct net_device *net = start(CHIP_82540);
    assert_int_equal(transmit(net, 1, 60, &fake_e1000), 0);
    fake_e1000_tx_ring(0)->status_options |= E1000_TX_DONE;
    assert_int_equal(net->ops->poll(net, 10), 0);
    expect_shut_off(net, "is shut off: a frame is sent that it was not given: 0");
    assert_int_equal(token_count, 1);
}

// The card is pulled out.
static void test_gone(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(chips); i++) {
        struct net_device *net = start(chips[i]);
        assert_int_equal(transmit(net, 3, 60, &fake_e1000), 0);
        net->ops->flush(net);
        fake_e1000.is_gone = true;
        uint64_t began_ns = now_ns;
        while (net->link_up) {
            assert_true(now_ns - began_ns < 6 * NS_PER_S);
            assert_false(net->ops->arm(net));
            expire_timer();
            net->ops->poll(net, 10);
        }
        expect_shut_off(net, "is shut off: its registers read as nothing but ones: 0xffffffff");
        assert_int_equal(token_count, 1);
    }
}

// It takes frames and does not send them.
static void test_stuck(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(chips); i++) {
        for (uint32_t head = 3; head <= 0x1234; head += 0x1231) {
            struct net_device *net = start(chips[i]);
            fake_e1000_set_link(false); // without a link it is not to blame
            net->ops->poll(net, 10);
            assert_int_equal(transmit(net, 3, 60, &fake_e1000), 0);
            net->ops->flush(net);
            for (uint64_t began_ns = now_ns; now_ns - began_ns < 20 * NS_PER_S;) {
                assert_false(net->ops->arm(net));
                if (pending_timer == NULL)
                    now_ns += NS_PER_S;
                else
                    expire_timer();
                net->ops->poll(net, 10);
            }
            assert_false(host_log_has("shut off"));
            net->ops->arm(net); // allows the link's interrupt
            fake_e1000_set_link(true);
            uint64_t began_ns = now_ns;
            *fake_e1000_register(E1000_TDH) = head;
            net->ops->poll(net, 10);
            assert_int_equal(transmit(net, 1, 60, &fake_e1000), 0);
            net->ops->flush(net);
            while (!host_log_has("shut off")) {
                assert_true(now_ns - began_ns < 7 * NS_PER_S);
                assert_false(net->ops->arm(net));
                expire_timer();
                net->ops->poll(net, 10);
            }
            assert_true(now_ns - began_ns > 4 * NS_PER_S);
            expect_shut_off(net, head == 3 ? "it has not sent for 5 s; its transmit head is at: 0x3"
                                           : "its transmit head is out of range: 0x1234");
            assert_int_equal(token_count, 2);
        }
    }
}

// Any bytes where the card may write, with frames and sending going on.
static void test_hostile_random(void **state)
{
    (void)state;
    static uint8_t sent[FAKE_E1000_FRAME_MAX];
    unsigned shut = 0;
    for (unsigned seed = 1; seed <= 200; seed++) {
        random_state = seed;
        struct net_device *net = start(chips[seed % 2]);
        for (int step = 0; step < 80; step++) {
            if (fake_e1000.is_enabled && random_below(2) && fake_e1000_rx_room(0) > 9)
                fake_e1000_receive(data, 1 + random_below(9000),
                                   (uint32_t)random_below(1ull << 32));
            if (fake_e1000.is_enabled && random_below(40) == 0)
                fake_e1000_write_rx(fake_e1000_rx_next(0), (uint32_t)random_below(1 << 12),
                                    (uint32_t)random_below(1ull << 32));
            if (fake_e1000.is_enabled && random_below(2))
                fake_e1000_send(0, sent);
            (void)transmit(net, 1 + (uint32_t)random_below(16), 60, &fake_e1000);
            net->ops->poll(net, (uint32_t)random_below(8));
            if (random_below(2))
                release_frames(net);
            net->ops->flush(net);
            if (random_below(4) == 0)
                net->ops->arm(net);
            if (pending_timer != NULL && random_below(8) == 0)
                expire_timer();
        }
        bool is_shut_off = !fake_e1000.is_enabled;
        shut += is_shut_off;
        assert_int_equal(is_shut_off, host_log_has("is shut off"));
        if (is_shut_off)
            assert_int_equal(net->stats.tx_frames, token_count);
        assert_true(net->stats.tx_frames >= token_count);
        release_frames(net);
    }
    assert_in_range(shut, 20, 180);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_mac),
        cmocka_unit_test(test_refused_cards),
        cmocka_unit_test(test_no_msix),
        cmocka_unit_test(test_receive),
        cmocka_unit_test(test_receive_in_pieces),
        cmocka_unit_test(test_receive_half),
        cmocka_unit_test(test_receive_many),
        cmocka_unit_test(test_network_layer_keeps_all_buffers),
        cmocka_unit_test(test_released_twice),
        cmocka_unit_test(test_bad_frames_are_counted),
        cmocka_unit_test(test_transmit),
        cmocka_unit_test(test_transmit_checksum),
        cmocka_unit_test(test_transmit_queue_full),
        cmocka_unit_test(test_arm),
        cmocka_unit_test(test_lost_interrupt),
        cmocka_unit_test(test_look_backs_off),
        cmocka_unit_test(test_link_change),
        cmocka_unit_test(test_losses_are_counted),
        cmocka_unit_test(test_two_pairs),
        cmocka_unit_test(test_two_pairs_shut_off),
        cmocka_unit_test(test_no_second_pair),
        cmocka_unit_test(test_shut_off_gives_all_back),
        cmocka_unit_test(test_giant_frame),
        cmocka_unit_test(test_frames_not_given),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_hostile_random),
    };
    return cmocka_run_group_tests_name("e1000", tests, NULL, NULL);
}

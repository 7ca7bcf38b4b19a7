// SPDX-License-Identifier: MIT
// The driver of the e1000 family against a fake card.
#include "e1000_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/heap.h"

// ---- start -------------------------------------------------------------------------------------

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

// ---- receive -----------------------------------------------------------------------------------

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

// ---- transmit ----------------------------------------------------------------------------------

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
    };
    return cmocka_run_group_tests_name("e1000", tests, NULL, NULL);
}

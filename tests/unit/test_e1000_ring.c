// SPDX-License-Identifier: MIT
// The descriptor rings of the e1000 family, with the test as the card.
#include "host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/e1000_ring.h"
#include "seeded.h"

#define RX_SIZE 8u
#define TX_SIZE 64u

static struct e1000_rx_descriptor rx_descriptors[RX_SIZE];
static void *rx_tokens[RX_SIZE];
static struct e1000_rx_ring rx;
static struct e1000_tx_descriptor tx_descriptors[TX_SIZE];
static struct e1000_tx_slot tx_slots[TX_SIZE];
static struct e1000_tx_ring tx;

static int prepare(void **state)
{
    (void)state;
    e1000_rx_init(&rx, RX_SIZE, false, rx_descriptors, rx_tokens);
    e1000_tx_init(&tx, TX_SIZE, tx_descriptors, tx_slots, 60, true);
    return 0;
}

static int prepare_extended(void **state)
{
    (void)state;
    e1000_rx_init(&rx, RX_SIZE, true, rx_descriptors, rx_tokens);
    return 0;
}

// ---- receive ------------------------------------------------------------------------------------

// As the card writes it; what lies above the length is not looked at. Spec: SDM 3.2.3; 82574 7.1.5.
static void fill(uint32_t index, uint32_t length, uint32_t status)
{
    if (rx.is_extended) {
        rx_descriptors[index].address_phys = 0x1234567812345678;
        rx_descriptors[index].words[0] = status;
        rx_descriptors[index].words[1] = 0xabcd0000 | length;
    } else {
        rx_descriptors[index].words[0] = 0xabcd0000 | length;
        rx_descriptors[index].words[1] = (status & 0xff) | (status >> 24) << 8 | 0xabcd0000;
    }
}

static void test_rx_in_order(void **state)
{
    (void)state;
    uint32_t filled = 0, taken = 0;
    for (uintptr_t i = 1; i <= 1000; i++) {
        while (e1000_rx_add(&rx, 0x1000 * rx.added, (void *)(uintptr_t)(rx.added + 1)))
            continue;
        assert_int_equal(rx.added - rx.taken, RX_SIZE - 1); // one stays free
        assert_int_equal(e1000_rx_publish(&rx), rx.added % RX_SIZE);
        struct e1000_rx_done done;
        assert_int_equal(e1000_rx_take(&rx, &done), 0);
        assert_false(e1000_rx_has_done(&rx));
        for (uint32_t n = 0; n < i % RX_SIZE; n++, filled++) {
            assert_true(rx_descriptors[filled % RX_SIZE].address_phys == 0x1000ull * filled);
            fill(filled % RX_SIZE, 60 + n, 0x21000003);
        }
        for (uint32_t n = 0; n < i % RX_SIZE; n++, taken++) {
            assert_true(e1000_rx_has_done(&rx));
            assert_int_equal(e1000_rx_take(&rx, &done), 1);
            assert_ptr_equal(done.token, (void *)(uintptr_t)(taken + 1));
            assert_int_equal(done.length, 60 + n);
            assert_int_equal(done.status, 0x21000003);
        }
    }
    assert_true(taken > 3000);
}

static void expect_rx_broken(const char *reason, uint32_t value, unsigned count)
{
    struct e1000_rx_done done;
    for (int i = 0; i < 2; i++) { // and it stays so
        assert_int_equal(e1000_rx_take(&rx, &done), -EIO);
        assert_true(e1000_rx_has_done(&rx));
        assert_string_equal(rx.broken, reason);
        assert_int_equal(rx.broken_value, value);
        assert_false(e1000_rx_add(&rx, 0x1000, &rx));
    }
    for (unsigned i = 0; i < count; i++)
        assert_non_null(e1000_rx_reclaim(&rx));
    assert_null(e1000_rx_reclaim(&rx));
    assert_string_equal(rx.broken, reason);
}

static void test_rx_hostile(void **state)
{
    (void)state;
    assert_true(e1000_rx_add(&rx, 0x1000, &rx));
    assert_true(e1000_rx_add(&rx, 0x2000, &rx));
    e1000_rx_publish(&rx);
    fill(0, E1000_RX_BUFFER_BYTES + 1, E1000_RX_DONE);
    expect_rx_broken("more was received than a buffer holds", E1000_RX_BUFFER_BYTES + 1, 2);

    bool is_extended = rx.is_extended;
    e1000_rx_init(&rx, RX_SIZE, is_extended, rx_descriptors, rx_tokens);
    assert_true(e1000_rx_add(&rx, 0x1000, &rx));
    fill(0, 60, E1000_RX_DONE); // added, but the card was not told
    expect_rx_broken("a buffer is filled that it was not given", 0, 1);

    e1000_rx_init(&rx, RX_SIZE, is_extended, rx_descriptors, rx_tokens);
    memset(rx_descriptors, 0xff, sizeof(rx_descriptors)); // nothing was added: not looked at
    struct e1000_rx_done done;
    assert_int_equal(e1000_rx_take(&rx, &done), 0);
    assert_false(e1000_rx_has_done(&rx));
}

// ---- transmit -----------------------------------------------------------------------------------

static uint8_t memory[NET_TX_SEGMENTS_MAX][2048];

static int add(uint32_t segments, uint32_t bytes_each, uint16_t checksum_start, void *token)
{
    struct net_tx_frame frame = {.segment_count = segments,
                                 .checksum_needed = checksum_start != 0,
                                 .checksum_start = checksum_start,
                                 .checksum_offset = 16,
                                 .token = token};
    for (uint32_t i = 0; i < segments; i++) {
        frame.segments[i].data = memory[i];
        frame.segments[i].length = bytes_each;
    }
    return e1000_tx_add(&tx, &frame);
}

static void test_tx_descriptors(void **state)
{
    (void)state;
    assert_int_equal(add(3, 100, 34, &tx), 0);
    assert_int_equal(tx.added, 4);
    // The context: sum from byte 34, put at byte 50, up to the end. Spec: SDM 3.3.6.
    assert_true(tx_descriptors[0].address_phys == 0x0000322200000000);
    assert_int_equal(tx_descriptors[0].command, 0x20000000);
    for (uint32_t i = 1; i < 4; i++) {
        assert_true(tx_descriptors[i].address_phys == (uintptr_t)memory[i - 1]);
        assert_int_equal(tx_descriptors[i].command, i < 3 ? 0x22100064 : 0x2b100064);
        assert_int_equal(tx_descriptors[i].status_options, 0x200);
    }
    assert_int_equal(add(1, 60, 34, &tx), 0); // the same place: no context
    assert_int_equal(tx.added, 5);
    assert_int_equal(add(1, 60, 0, &tx), 0); // no checksum
    assert_int_equal(tx.added, 6);
    assert_int_equal(tx_descriptors[5].status_options, 0);
    assert_int_equal(add(1, 60, 34, &tx), 0); // the card still knows it
    assert_int_equal(tx.added, 7);
    assert_int_equal(add(1, 60, 54, &tx), 0);
    assert_int_equal(tx.added, 9);
    assert_int_equal(add(1, 42, 0, &tx), 0); // made up to 60 bytes
    assert_int_equal(tx.added, 11);
    assert_int_equal(tx_descriptors[9].command, 0x2210002a);
    assert_int_equal(tx_descriptors[10].command, 0x2b100012);
    static const uint8_t zeros[18];
    assert_memory_equal((void *)(uintptr_t)tx_descriptors[10].address_phys, zeros, 18);
    assert_int_equal(e1000_tx_publish(&tx), 11);

    // With another queue the card may have forgotten it.
    e1000_tx_init(&tx, TX_SIZE, tx_descriptors, tx_slots, 17, false);
    assert_int_equal(add(1, 42, 34, &tx), 0);
    assert_int_equal(add(1, 42, 34, &tx), 0);
    assert_int_equal(tx.added, 4);
}

static void test_tx_full(void **state)
{
    (void)state;
    uintptr_t sent = 0, done = 0;
    uint32_t card = 0; // descriptors that it has read
    random_state = 7;
    for (int round = 0; round < 3000; round++) {
        uint32_t segments;
        int error;
        do {
            segments = 1 + (uint32_t)random_below(NET_TX_SEGMENTS_MAX);
            error = add(segments, 100, random_below(2) ? 34 : 0, (void *)(sent + 1));
            sent += error == 0;
        } while (error == 0);
        assert_int_equal(error, -ENOBUFS);
        assert_true(e1000_tx_in_flight(&tx) <= TX_SIZE - 1);
        assert_true(e1000_tx_in_flight(&tx) + segments + 1 > TX_SIZE - 1);
        uint32_t tail = e1000_tx_publish(&tx);
        void *token;
        for (uint64_t n = random_below(TX_SIZE); n > 0 && card % TX_SIZE != tail; n--, card++)
            if (tx_descriptors[card % TX_SIZE].command & E1000_TX_REPORT)
                tx_descriptors[card % TX_SIZE].status_options |= E1000_TX_DONE;
        while (e1000_tx_take(&tx, &token) == 1)
            assert_ptr_equal(token, (void *)++done);
    }
    void *token;
    while (e1000_tx_reclaim(&tx, &token))
        assert_ptr_equal(token, (void *)++done);
    assert_int_equal(done, sent);
    assert_true(sent > 5000);
    assert_int_equal(add(1, 100, 0, &tx), -EIO);
}

static void test_tx_hostile(void **state)
{
    void *token;
    memset(tx_descriptors, 0xff, sizeof(tx_descriptors));
    assert_int_equal(e1000_tx_take(&tx, &token), 0); // nothing was added: not looked at
    assert_int_equal(add(1, 100, 0, &tx), 0);
    assert_int_equal(e1000_tx_take(&tx, &token), 0);
    tx_descriptors[0].status_options |= E1000_TX_DONE; // the card was not told of it
    for (int i = 0; i < 2; i++) {
        assert_int_equal(e1000_tx_take(&tx, &token), -EIO);
        assert_string_equal(tx.broken, "a frame is sent that it was not given");
    }
    assert_true(e1000_tx_reclaim(&tx, &token));
    assert_ptr_equal(token, &tx);
    assert_false(e1000_tx_reclaim(&tx, &token));

    prepare(state);
    assert_int_equal(add(3, 100, 34, &tx), 0);
    e1000_tx_publish(&tx);
    for (uint32_t i = 0; i < 3; i++) // of the frame's last descriptor alone it counts
        tx_descriptors[i].status_options |= E1000_TX_DONE;
    assert_int_equal(e1000_tx_take(&tx, &token), 0);
}

static void test_callers_bugs(void **state)
{
    (void)state;
    if (!host_panicked()) {
        (void)add(1, 100, 250, &tx); // its place does not fit into the context
        fail();
    }
    if (!host_panicked()) {
        (void)add(16, 1020, 0, &tx); // more than the card sends
        fail();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_rx_in_order, prepare),
        cmocka_unit_test_setup(test_rx_in_order, prepare_extended),
        cmocka_unit_test_setup(test_rx_hostile, prepare),
        cmocka_unit_test_setup(test_rx_hostile, prepare_extended),
        cmocka_unit_test_setup(test_tx_descriptors, prepare),
        cmocka_unit_test_setup(test_tx_full, prepare),
        cmocka_unit_test_setup(test_tx_hostile, prepare),
        cmocka_unit_test_setup(test_callers_bugs, prepare),
    };
    return cmocka_run_group_tests_name("e1000_ring", tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// Which core a frame goes to: the same answer wherever it arrives, and none for what is cut short.
#include "host.h"

#include <stdlib.h>
#include <string.h>

#include "net/steer.h"
#include "seeded.h"

#define TCP 6
#define UDP 17

static uint8_t frame[128];

static void put16(size_t at, unsigned value)
{
    frame[at] = (uint8_t)(value >> 8);
    frame[at + 1] = (uint8_t)value;
}

static uint32_t ipv4(uint8_t protocol, uint32_t source, unsigned from, unsigned to)
{
    memset(frame, 0, sizeof(frame));
    put16(12, 0x0800);
    frame[14] = 0x45;
    frame[23] = protocol;
    put16(26, source >> 16);
    put16(28, source & 0xffff);
    put16(34, from);
    put16(36, to);
    return 54;
}

static uint32_t ipv6(uint8_t protocol, uint8_t source, unsigned from, unsigned to)
{
    memset(frame, 0, sizeof(frame));
    put16(12, 0x86dd);
    frame[14] = 0x60;
    frame[20] = protocol;
    frame[37] = source;
    put16(54, from);
    put16(56, to);
    return 74;
}

static unsigned steer(unsigned count, unsigned pairs, unsigned own, uint32_t length)
{
    struct net_steer_map map = {count, pairs};
    unsigned position = net_steer(&map, own, frame, length);
    if (net_steer_is_own(&map, frame, length))
        assert_int_equal(position, own);
    return position;
}

static void test_short_way(void **state)
{
    (void)state;
    struct net_steer_map map = {4, 4}, shared = {4, 2};
    uint32_t length = ipv4(TCP, 1, 50000, 80);
    assert_true(net_steer_is_own(&map, frame, length));
    assert_false(net_steer_is_own(&shared, frame, length));
    assert_false(net_steer_is_own(&map, frame, length - 1));
    frame[14] = 0x46;
    assert_false(net_steer_is_own(&map, frame, length));
    assert_false(net_steer_is_own(&map, frame, ipv4(TCP, 1, 80, NET_STEER_PORT_FIRST)));
    assert_false(net_steer_is_own(&map, frame, ipv4(UDP, 1, 80, 68)));
    length = ipv4(TCP, 1, 50000, 80);
    put16(20, 0x2000);
    assert_false(net_steer_is_own(&map, frame, length));
    assert_false(net_steer_is_own(&map, frame, ipv6(TCP, 1, 50000, 80)));
}

static void test_one_core_takes_all(void **state)
{
    (void)state;
    assert_int_equal(steer(1, 1, 0, ipv4(TCP, 1, 2, 60000)), 0);
    memset(frame, 0, sizeof(frame));
    put16(12, 0x0806);
    assert_int_equal(steer(1, 1, 0, 42), 0);
}

static void test_neighbours_are_everybodys(void **state)
{
    (void)state;
    memset(frame, 0, sizeof(frame));
    put16(12, 0x0806);
    assert_int_equal(steer(4, 4, 2, 42), NET_STEER_ALL);
    static const struct {
        uint8_t type;
        bool all;
    } messages[] = {{2, true},    {128, false}, {133, false}, {134, true},
                    {135, false}, {136, true},  {137, true}};
    for (size_t i = 0; i < ARRAY_COUNT(messages); i++) {
        uint32_t length = ipv6(58, 1, 0, 0);
        frame[54] = messages[i].type;
        assert_int_equal(steer(4, 1, 0, length), messages[i].all ? NET_STEER_ALL : 0);
    }
    assert_int_equal(steer(4, 4, 2, ipv6(0, 1, 0, 0)), NET_STEER_ALL); // who listens to groups?
    uint32_t length = ipv6(58, 1, 0, 0);
    frame[54] = 135; // who has this machine's address?
    assert_int_equal(steer(4, 4, 2, length), 0);
    frame[54] = 128;
    assert_int_equal(steer(4, 4, 2, length), 2);
}

static void test_groups(void **state)
{
    (void)state;
    uint32_t length = ipv4(UDP, 1, 5353, 5353);
    frame[30] = 239;
    assert_int_equal(steer(4, 4, 2, length), NET_STEER_GROUP);
    assert_int_equal(steer(1, 1, 0, length), 0);
    frame[23] = 2; // IGMP
    assert_int_equal(steer(4, 4, 2, length), NET_STEER_ALL);
    length = ipv6(UDP, 1, 5353, 5353);
    frame[38] = 0xff;
    assert_int_equal(steer(4, 4, 2, length), NET_STEER_GROUP);
}

static void test_core_0_asks(void **state)
{
    (void)state;
    assert_int_equal(steer(4, 4, 3, ipv4(UDP, 1, 67, 68)), 0);
    assert_int_equal(steer(4, 4, 3, ipv4(UDP, 1, 53, 60000)), 2); // each core asks by itself
    assert_int_equal(steer(4, 4, 3, ipv6(UDP, 1, 547, 546)), 0);
    assert_int_equal(steer(4, 4, 3, ipv4(TCP, 1, 53, 80)), 3);
}

// Every dynamic port is one position's, and the parts do not meet.
static void test_ports(void **state)
{
    (void)state;
    for (unsigned count = 2; count <= 64; count++) {
        struct net_steer_map map = {count, 1};
        unsigned next = 49152;
        for (unsigned position = 0; position < count; position++) {
            unsigned first = net_steer_port_first(&map, position);
            unsigned last = net_steer_port_last(&map, position);
            assert_int_equal(first, next);
            assert_true(last >= first);
            next = last + 1;
            assert_int_equal(steer(count, 1, 0, ipv4(TCP, 7, 80, first)), position);
            assert_int_equal(steer(count, count, 1, ipv4(UDP, 7, 80, last)), position);
            assert_int_equal(steer(count, count, 1, ipv6(TCP, 7, 80, last)), position);
        }
        assert_true(next <= 65536);
        if (next < 65536) // what is left over is whose it came to
            assert_int_equal(steer(count, count, 1, ipv4(TCP, 7, 80, next)), 1);
    }
}

static void test_card_with_a_pair_for_each(void **state)
{
    (void)state;
    for (unsigned own = 0; own < 4; own++)
        for (unsigned from = 1024; from < 1100; from++)
            assert_int_equal(steer(4, 4, own, ipv4(TCP, 0x0a000001, from, 80)), own);
}

// The hash spreads, evenly enough, and a connection's frames agree.
static void test_hash(void **state)
{
    (void)state;
    random_state = 1;
    for (unsigned count = 2; count <= 9; count++) {
        for (unsigned pairs = 1; pairs < count; pairs++) {
            unsigned seen[9] = {0};
            unsigned own = pairs - 1;
            for (unsigned i = 0; i < 3000; i++) {
                uint32_t source = (uint32_t)random_below(UINT32_MAX);
                unsigned from = (unsigned)random_below(65536);
                uint32_t length =
                    i % 2 ? ipv4(TCP, source, from, 80) : ipv6(TCP, (uint8_t)source, from, 80);
                unsigned position = steer(count, pairs, own, length);
                assert_true(position < count && position % pairs == own);
                seen[position]++;
                frame[i % 2 ? 22 : 21] ^= 0x55; // how long a frame may live does not matter
                assert_int_equal(steer(count, pairs, own, length), position);
            }
            unsigned sharing = (count - own + pairs - 1) / pairs;
            for (unsigned position = own; position < count; position += pairs)
                assert_in_range(seen[position], 3000 / sharing * 7 / 10, 3000 / sharing * 13 / 10);
        }
    }
}

static void test_fragments_stay(void **state)
{
    (void)state;
    uint32_t length = ipv4(UDP, 1, 67, 68);
    put16(20, 0x2000);
    assert_int_equal(steer(4, 1, 0, length), 0);
    put16(20, 0x0001);
    assert_int_equal(steer(4, 2, 1, length), 1);
}

// Bytes that are not there are not read (the sanitizer watches), and nobody else gets the frame.
static void test_short_frames(void **state)
{
    (void)state;
    random_state = 2;
    struct net_steer_map map = {7, 3};
    for (unsigned i = 0; i < 200000; i++) {
        uint32_t length = (uint32_t)random_below(80);
        uint8_t *bytes = malloc(length + (length == 0));
        for (uint32_t k = 0; k < length; k++)
            bytes[k] = (uint8_t)random_below(256);
        static const uint8_t types[][2] = {{8, 0}, {8, 6}, {0x86, 0xdd}};
        if (length > 14)
            memcpy(bytes + 12, types[i % 3], 2);
        if (length > 23 && i % 2)
            bytes[23] = UDP;
        unsigned position = net_steer(&map, 1, bytes, length);
        assert_true(position < 7 || position >= NET_STEER_GROUP);
        if (length < 15)
            assert_int_equal(position, 1);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_core_takes_all),
        cmocka_unit_test(test_short_way),
        cmocka_unit_test(test_neighbours_are_everybodys),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_core_0_asks),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_card_with_a_pair_for_each),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_fragments_stay),
        cmocka_unit_test(test_short_frames),
    };
    return cmocka_run_group_tests_name("net_steer", tests, NULL, NULL);
}

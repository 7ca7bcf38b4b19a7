// SPDX-License-Identifier: MIT
// What a line about a packet says, and that no packet makes it read or write too far.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/packet_text.h"
#include "seeded.h"

static uint8_t frame[256];
static uint32_t used;

static void put(const char *hex)
{
    unsigned byte;
    int length;
    for (; sscanf(hex, " %2x%n", &byte, &length) == 1; hex += length)
        frame[used++] = (uint8_t)byte;
}

static void begin(const char *ethernet_type)
{
    used = 0;
    put("525400123456 525400654321");
    put(ethernet_type);
}

static const char *text_of(uint32_t length)
{
    static char text[NET_PACKET_TEXT_BYTES];
    uint8_t *exact = exact_copy(frame, length);
    net_packet_text(text, exact, length, used);
    free(exact);
    return text;
}

static void test_ipv4(void **state)
{
    (void)state;
    begin("0800");
    put("45000034 00004000 40060000 0a000202 0a00020f");
    put("1388 0050 00000007 00000009 8012 ffff 00000000 020405b4 01010101 48454c4f");
    assert_string_equal(text_of(used), "10.0.2.2:5000 > 10.0.2.15:80 tcp SA seq 7 ack 9 win 65535, "
                                       "0 bytes");
    begin("0800");
    put("45000020 00000000 40110000 0a000202 e00000fb 14e9 14e9 000c 0000 61626364");
    assert_string_equal(text_of(used), "10.0.2.2:5353 > 224.0.0.251:5353 udp 4 bytes");
    begin("0800");
    put("4500001c 00000000 40010000 0a000202 0a00020f 0800 0000 00010002");
    assert_string_equal(text_of(used), "10.0.2.2 > 10.0.2.15 icmp echo request 8/0, 8 bytes");
    begin("0800");
    put("4500001c 000700b9 40110000 0a000202 0a00020f 0011223344556677");
    assert_string_equal(text_of(used),
                        "10.0.2.2 > 10.0.2.15 protocol 17, 8 bytes, fragment 7 at 1480, the last");
}

static void test_ipv6(void **state)
{
    (void)state;
    begin("86dd");
    put("60000000 0014 06 40 fe80000000000000 0000000000000001 20010db8000000000001000000000001");
    put("1388 0050 00000007 00000009 5004 0000 00000000");
    assert_string_equal(text_of(used),
                        "[fe80::1]:5000 > [2001:db8::1:0:0:1]:80 tcp R seq 7 win 0, 0 bytes");
    begin("86dd");
    put("60000000 0008 3a ff 00000000000000000000000000000000 ff0200000000000000000000 00010000");
    put("8700 0000 00000000");
    assert_string_equal(text_of(used),
                        ":: > ff02::1:0 icmpv6 neighbour solicitation 135/0, 8 bytes");
}

static void test_below_ip(void **state)
{
    (void)state;
    begin("0806");
    put("0001 0800 06 04 0001 525400123456 0a00020f 000000000000 0a000202");
    assert_string_equal(text_of(used), "arp who has 10.0.2.2, tell 10.0.2.15");
    begin("8100 0064 0806");
    put("0001 0800 06 04 0002 525400123456 0a00020f 525400654321 0a000202");
    assert_string_equal(text_of(used),
                        "vlan 100 arp 10.0.2.15 is at 52:54:00:12:34:56, to 10.0.2.2");
    begin("88cc");
    put("0011");
    assert_string_equal(text_of(used), "ethernet type 88cc, 16 bytes");
}

static void test_cut_short(void **state)
{
    (void)state;
    begin("0800");
    put("45000034 00004000 40060000 0a000202 0a00020f 1388 0050 00000007 00000009 8012 ffff");
    assert_string_equal(text_of(9), "frame of 50 bytes, too short");
    assert_string_equal(text_of(20), "ipv4 cut short");
    assert_string_equal(text_of(40), "10.0.2.2 > 10.0.2.15 tcp cut short");
}

static void test_any_bytes(void **state)
{
    (void)state;
    static const char *const types[] = {"0800 45", "0806", "86dd 60", "8100 0001 0800 46", "1234"};
    random_state = 1;
    for (unsigned i = 0; i < 50000; i++) {
        begin(types[random_below(ARRAY_COUNT(types))]);
        while (used < 120)
            frame[used++] = (uint8_t)random_below(256);
        if (i % 2) // a protocol that is read
            frame[23] = (uint8_t[]){1, 6, 17, 58}[random_below(4)];
        assert_true(strlen(text_of(random_below(121))) < NET_PACKET_TEXT_BYTES - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ipv4),      cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_below_ip),  cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests_name("net_packet_text", tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// The texts of options ip and ip6, and the checksum against its definition.
#include "host.h"

#include <stdlib.h>
#include <string.h>

#include "net/address6.h"
#include "net/arch/cc.h"

uint32_t random_u32(void)
{
    return (uint32_t)random();
}

static const struct {
    const char *text;
    const char *wrong; // part of the message, NULL: it is right
    struct net_static_address means;
} table[] = {
    {"10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3", NULL, {0x0a00020f, 24, 0x0a000202, {0x0a000203}}},
    {"10.0.2.15/24", NULL, {0x0a00020f, 24, 0, {0}}},
    {"10.0.2.15/24,dns=1.1.1.1,gw=10.0.2.2,dns=8.8.8.8",
     NULL,
     {0x0a00020f, 24, 0x0a000202, {0x01010101, 0x08080808}}},
    {"172.44.0.2/30,gw=172.44.0.1", NULL, {0xac2c0002, 30, 0xac2c0001, {0}}},
    {"10.128.0.5/32,gw=10.128.0.1", NULL, {0x0a800005, 32, 0x0a800001, {0}}},
    {"223.255.255.254/1", NULL, {0xdffffffe, 1, 0, {0}}},
    {"", "begin with an IPv4", {0}},
    {"dhpc", "begin with an IPv4", {0}},
    {" 10.0.2.15/24", "begin with an IPv4", {0}},
    {"10.0.2/24", "begin with an IPv4", {0}},
    {"10.0.2.256/24", "begin with an IPv4", {0}},
    {"10.0.02.15/24", "begin with an IPv4", {0}},
    {"10.0.2.4294967301/24", "begin with an IPv4", {0}},
    {"-1.0.2.15/24", "begin with an IPv4", {0}},
    {"10.0.2.15", "no /PREFIX", {0}},
    {"10.0.2.15.1/24", "no /PREFIX", {0}},
    {"10.0.2.15,gw=10.0.2.2", "no /PREFIX", {0}},
    {"10.0.2.15/", "prefix", {0}},
    {"10.0.2.15/0", "prefix", {0}},
    {"10.0.2.15/31", "prefix", {0}},
    {"10.0.2.15/33", "prefix", {0}},
    {"10.0.2.15/255.255.255.0", "prefix", {0}},
    {"10.0.2.15/24 ", "something else", {0}},
    {"10.0.2.15/24,", "only gw= and dns=", {0}},
    {"10.0.2.15/24,mtu=9000", "only gw= and dns=", {0}},
    {"10.0.2.15/24,gw=", "gw= needs", {0}},
    {"10.0.2.15/24,gw=0.0.0.0", "gw= needs", {0}},
    {"10.0.2.15/24,gw=10.0.2.2,gw=10.0.2.3", "gw= is given twice", {0}},
    {"10.0.2.15/24,gw=10.0.2.2;dns=10.0.2.3", "something else", {0}},
    {"10.0.2.15/24,dns=example", "dns= needs", {0}},
    {"10.0.2.15/24,dns=1.1.1.1,dns=2.2.2.2,dns=3.3.3.3", "more than twice", {0}},
    {"0.0.0.0/24", "not one a machine can have", {0}},
    {"127.0.0.1/8", "not one a machine can have", {0}},
    {"224.0.0.1/24", "not one a machine can have", {0}},
    {"255.255.255.255/32", "not one a machine can have", {0}},
    {"10.0.2.0/24", "broadcast address", {0}},
    {"10.0.2.255/24", "broadcast address", {0}},
    {"10.0.2.15/24,gw=10.0.2.15", "own address", {0}},
    {"10.0.2.15/24,gw=10.0.3.2", "not in the address's network", {0}},
    {"10.0.2.15/24,gw=10.0.2.255", "gateway is the network's own", {0}},
};

static void addresses_are_read_strictly(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        // exactly sized, so that reading past the end is seen
        char *text = strdup(table[i].text);
        struct net_static_address parsed;
        const char *wrong = net_static_address_parse(text, &parsed);
        free(text);
        if (table[i].wrong != NULL) {
            if (wrong == NULL || strstr(wrong, table[i].wrong) == NULL)
                fail_msg("\"%s\": %s", table[i].text, wrong == NULL ? "accepted" : wrong);
            continue;
        }
        if (wrong != NULL)
            fail_msg("\"%s\": %s", table[i].text, wrong);
        const struct net_static_address *means = &table[i].means;
        assert_int_equal(parsed.address, means->address);
        assert_int_equal(parsed.prefix_bits, means->prefix_bits);
        assert_int_equal(parsed.gateway, means->gateway);
        assert_int_equal(parsed.dns[0], means->dns[0]);
        assert_int_equal(parsed.dns[1], means->dns[1]);
    }
}

static void every_cut_of_an_address_is_safe(void **unused)
{
    (void)unused;
    const char *whole = "10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3,dns=10.0.2.4";
    for (size_t length = 0; length <= strlen(whole); length++) {
        char *text = strndup(whole, length);
        struct net_static_address parsed;
        const char *wrong = net_static_address_parse(text, &parsed);
        assert_true(wrong == NULL || wrong[0] != '\0');
        free(text);
    }
}

static const struct {
    const char *text;
    const char *wrong; // part of the message, NULL: it is right
} table6[] = {
    {"2001:db8::2/64", NULL},
    {"2001:db8::2/128,gw=fe80::1", NULL},
    {"fd00::2/64,gw=fd00::1,dns=fd00::53,dns=2001:db8::53", NULL},
    {"", "begin with an IPv6"},
    {"auto6", "begin with an IPv6"},
    {"10.0.2.15/24", "begin with an IPv6"},
    {"2001:db8::2::/64", "begin with an IPv6"},
    {"2001:db8:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:2/64", "begin with an IPv6"},
    {" 2001:db8::2/64", "begin with an IPv6"},
    {"2001:db8::2", "no /PREFIX"},
    {"2001:db8::2,gw=fe80::1", "no /PREFIX"},
    {"2001:db8::2/", "neither 64 nor 128"},
    {"2001:db8::2/48", "neither 64 nor 128"},
    {"2001:db8::2/640", "something else"},
    {"2001:db8::2/64,mtu=9000", "only gw= and dns="},
    {"2001:db8::2/64,gw=", "gw= needs"},
    {"2001:db8::2/64,gw=::", "gw= needs"},
    {"2001:db8::2/64,gw=ff02::2", "gw= needs"},
    {"2001:db8::2/64,gw=fe80::1,gw=fe80::2", "gw= is given twice"},
    {"2001:db8::2/64,dns=1.1.1.1", "dns= needs"},
    {"2001:db8::2/64,dns=fd00::1,dns=fd00::2,dns=fd00::3", "more than twice"},
    {"::/64", "not one a machine can have"},
    {"::1/128", "not one a machine can have"},
    {"::ffff:10.0.2.15/128", "not one a machine can have"},
    {"ff02::1/64", "not one a machine can have"},
    {"fe80::5/64", "link-local address itself"},
    {"2001:db8::2/64,gw=2001:db8::2", "own address"},
    {"2001:db8::2/64,gw=2001:db8:1::1", "neither in the address's network"},
    {"2001:db8::2/128,gw=2001:db8::1", "neither in the address's network"},
};

static void addresses6_are_read_strictly(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(table6); i++) {
        char *text = strdup(table6[i].text);
        struct net_static_address6 parsed;
        const char *wrong = net_static_address6_parse(text, &parsed);
        free(text);
        if ((wrong == NULL) != (table6[i].wrong == NULL) ||
            (wrong != NULL && strstr(wrong, table6[i].wrong) == NULL))
            fail_msg("\"%s\": %s", table6[i].text, wrong == NULL ? "accepted" : wrong);
    }
    struct net_static_address6 parsed;
    assert_null(net_static_address6_parse("fd00::2/64,dns=fd00::53,gw=fe80::1", &parsed));
    assert_true(parsed.address[0] == 0xfd && parsed.address[15] == 2);
    assert_int_equal(parsed.prefix_bits, 64);
    assert_true(parsed.has_gateway && parsed.gateway[0] == 0xfe && parsed.gateway[15] == 1);
    assert_int_equal(parsed.dns_count, 1);
    assert_int_equal(parsed.dns[0][15], 0x53);
}

static uint16_t checksum_by_the_book(const uint8_t *bytes, int size_bytes)
{
    uint32_t sum = 0;
    for (int i = 0; i < size_bytes; i++)
        sum += i % 2 == 0 ? bytes[i] : (uint32_t)bytes[i] << 8;
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static void checksum_equals_its_definition(void **unused)
{
    (void)unused;
    srandom(7);
    for (int size_bytes = 0; size_bytes <= 300; size_bytes++) {
        for (int offset = 0; offset < 8; offset++) {
            uint8_t *block = malloc((size_t)(offset + size_bytes) + 1);
            for (int i = 0; i < offset + size_bytes; i++)
                block[i] = (uint8_t)(offset % 3 == 0 ? 0xff : random());
            uint8_t *exact = realloc(block, (size_t)(offset + size_bytes) + (offset == 0));
            assert_int_equal(net_checksum(exact + offset, size_bytes),
                             checksum_by_the_book(exact + offset, size_bytes));
            free(exact);
        }
    }
    static uint8_t longest[65535];
    memset(longest, 0xff, sizeof(longest));
    assert_int_equal(net_checksum(longest, sizeof(longest)),
                     checksum_by_the_book(longest, sizeof(longest)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_strictly),
        cmocka_unit_test(addresses6_are_read_strictly),
        cmocka_unit_test(every_cut_of_an_address_is_safe),
        cmocka_unit_test(checksum_equals_its_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

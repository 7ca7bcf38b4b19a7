// SPDX-License-Identifier: MIT
// Questions as they are written, answers good, bad and malformed; nothing is read beyond an answer.
#include "host.h"
#include "seeded.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/dns_message.h"

#define ID 0x1234

static uint8_t query[DNS_QUERY_BYTES_MAX];
static size_t query_bytes;
static uint8_t message[1024];
static size_t size_bytes;

static void ask(const char *name, enum dns_type type)
{
    query_bytes = dns_query_write(query, ID, name, type);
    assert_true(query_bytes > 0);
}

static void put(const void *bytes, size_t count)
{
    memcpy(message + size_bytes, bytes, count);
    size_bytes += count;
}

// The beginning of an answer: the question again, and how many records follow.
static void begin(uint16_t flags, uint8_t records)
{
    memcpy(message, query, query_bytes);
    message[2] = (uint8_t)(flags >> 8);
    message[3] = (uint8_t)flags;
    message[7] = records;
    size_bytes = query_bytes;
}

// A record of the name that is at `owner` in the message.
static void record(uint8_t owner, uint8_t type, uint32_t ttl_s, const void *data, uint8_t count)
{
    const uint8_t head[] = {0xc0,
                            owner,
                            0,
                            type,
                            0,
                            1,
                            (uint8_t)(ttl_s >> 24),
                            (uint8_t)(ttl_s >> 16),
                            (uint8_t)(ttl_s >> 8),
                            (uint8_t)ttl_s,
                            0,
                            count};
    put(head, sizeof(head));
    put(data, count);
}

// Reads it from a block of its exact size.
static int read_answer(struct dns_answer *answer)
{
    uint8_t *exact = exact_copy(message, size_bytes);
    int result = dns_answer_read(query, query_bytes, exact, size_bytes, answer);
    free(exact);
    return result;
}

static void test_query(void **state)
{
    (void)state;
    static const uint8_t expected[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7example\3org\0\0\x1c\0\1";
    for (int dot = 0; dot < 2; dot++) {
        ask(dot ? "www.example.org." : "www.example.org", DNS_TYPE_AAAA);
        assert_int_equal(query_bytes, sizeof(expected) - 1);
        assert_memory_equal(query, expected, query_bytes);
    }
    char name[300];
    memset(name, 'a', sizeof(name));
    name[63] = '\0';
    ask(name, DNS_TYPE_A);
    name[63] = 'a';
    for (int i = 63; i < 253; i += 64)
        name[i] = '.';
    name[253] = '\0';
    ask(name, DNS_TYPE_A);
    assert_int_equal(query_bytes, DNS_QUERY_BYTES_MAX); // as long as can be
    name[253] = 'a';
    name[254] = '\0';
    const char *wrong[] = {"", ".", "..", "a..b", ".a", "a b", "a.b..", name, "\xc3\xa4.org"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(dns_query_write(query, ID, wrong[i], DNS_TYPE_A), 0);
    memset(name, 'a', 64);
    name[64] = '\0';
    assert_int_equal(dns_query_write(query, ID, name, DNS_TYPE_A), 0);
}

static void test_addresses(void **state)
{
    (void)state;
    struct dns_answer answer;
    ask("Host.org", DNS_TYPE_A);
    begin(0x8180, 4);
    record(12, 1, 300, "\1\2\3\4", 4);
    record(12, 16, 1, "text", 4); // of another type
    record(12, 1, 200, "\5\6\7\10", 4);
    record(12, 1, 100, "\1\2\3", 3); // of a wrong length
    message[13] = 'h';               // servers may change capitals
    assert_int_equal(read_answer(&answer), 0);
    assert_int_equal(answer.count, 2);
    assert_memory_equal(answer.addresses[0], "\1\2\3\4", 4);
    assert_memory_equal(answer.addresses[1], "\5\6\7\10", 4);
    assert_int_equal(answer.ttl_s, 200);

    begin(0x8180, 20);
    for (int i = 0; i < 20; i++)
        record(12, 1, 0x80000000, "\1\2\3\4", 4);
    assert_int_equal(read_answer(&answer), 0);
    assert_int_equal(answer.count, DNS_ADDRESSES_MAX);
    assert_int_equal(answer.ttl_s, 0);

    ask("host.org", DNS_TYPE_AAAA);
    begin(0x8180, 1);
    record(12, 28, 9, "0123456789abcdef", 16);
    assert_int_equal(read_answer(&answer), 0);
    assert_memory_equal(answer.addresses[0], "0123456789abcdef", 16);
}

static void test_alias(void **state)
{
    (void)state;
    struct dns_answer answer;
    ask("www.a.org", DNS_TYPE_A);
    begin(0x8180, 3);
    uint8_t alias = (uint8_t)(size_bytes + 12), there = 0;
    record(12, 5, 60, "\3cdn\300\020", 6); // cdn.a.org
    there = (uint8_t)(size_bytes + 12);
    record(alias, 5, 50, "\1x\0", 3);
    record(there, 1, 70, "\1\2\3\4", 4);
    assert_int_equal(read_answer(&answer), 0);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.ttl_s, 50);

    // An address of something else is none; nor is an alias without one.
    begin(0x8180, 2);
    record(12, 5, 60, "\3cdn\300\020", 6);
    record(16, 1, 60, "\1\2\3\4", 4);
    assert_int_equal(read_answer(&answer), -ENODATA);
    // A circle.
    begin(0x8180, 1);
    record(12, 5, 60, "\300\014", 2);
    assert_int_equal(read_answer(&answer), -EBADMSG);
}

static void test_refusals(void **state)
{
    (void)state;
    struct dns_answer answer;
    ask("host.org", DNS_TYPE_A);
    begin(0x8183, 0);
    assert_int_equal(read_answer(&answer), -ENOENT);
    begin(0x8180, 0);
    assert_int_equal(read_answer(&answer), -ENODATA);
    begin(0x8380, 0);
    assert_int_equal(read_answer(&answer), -EMSGSIZE);
    begin(0x8182, 0);
    assert_int_equal(read_answer(&answer), -EREMOTEIO);
    begin(0x8185, 0);
    assert_int_equal(read_answer(&answer), -EREMOTEIO);

    // What is no answer to it: a question, another number, another name, none, cut off.
    begin(0x0100, 0);
    assert_int_equal(read_answer(&answer), -EAGAIN);
    begin(0x8180, 0);
    message[1] ^= 1;
    assert_int_equal(read_answer(&answer), -EAGAIN);
    begin(0x8180, 0);
    message[14] ^= 1;
    assert_int_equal(read_answer(&answer), -EAGAIN);
    begin(0x8180, 0);
    message[5] = 0;
    assert_int_equal(read_answer(&answer), -EAGAIN);
    for (size_bytes = 0; size_bytes < query_bytes; size_bytes++)
        assert_int_equal(read_answer(&answer), -EAGAIN);
}

static void test_malformed(void **state)
{
    (void)state;
    struct dns_answer answer;
    ask("host.org", DNS_TYPE_A);
    begin(0x8180, 1);
    record(12, 1, 300, "\1\2\3\4", 4);
    size_t whole = size_bytes;
    for (size_bytes = query_bytes; size_bytes < whole; size_bytes++)
        assert_int_equal(read_answer(&answer), -EBADMSG);
    // Names that point to themselves, forwards, or at one another.
    static const uint8_t names[][4] = {{0xc0, 26}, {0xc0, 28}, {0xc3, 0xff}, {0x80, 0}, {0x40, 0}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        begin(0x8180, 1);
        put(names[i], 2);
        put("\0\1\0\1\0\0\0\1\0\4\1\2\3\4", 14);
        assert_int_equal(read_answer(&answer), -EBADMSG);
    }
}

// Whatever bytes are changed, added or taken away: it ends, within the message.
static void test_mutations(void **state)
{
    (void)state;
    random_state = 3;
    for (int round = 0; round < 200000; round++) {
        struct dns_answer answer;
        ask(round % 2 ? "www.a.org" : "host.example.org", round % 3 ? DNS_TYPE_A : DNS_TYPE_AAAA);
        begin(0x8180, (uint8_t)random_below(6));
        for (int i = 0; i < 4; i++) {
            static const uint8_t types[] = {1, 5, 28, 16};
            uint8_t data[32];
            for (size_t k = 0; k < sizeof(data); k++)
                data[k] = (uint8_t)(random_below(3) == 0 ? 0xc0 : random_below(80));
            record((uint8_t)(random_below(2) ? 12 : random_below(100)), types[random_below(4)], 60,
                   data, (uint8_t)(random_below(2) ? 4 : random_below(32)));
        }
        for (uint64_t i = random_below(4); i > 0; i--)
            message[query_bytes + random_below(size_bytes - query_bytes)] =
                (uint8_t)random_below(256);
        if (random_below(3) == 0)
            size_bytes -= random_below(size_bytes - query_bytes);
        int result = read_answer(&answer);
        assert_true(result == 0 || result == -ENODATA || result == -EBADMSG);
        assert_true((result == 0) == (answer.count > 0) || result == -EBADMSG);
        assert_true(answer.count <= DNS_ADDRESSES_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query),     cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_alias),     cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests_name("dns_message", tests, NULL, NULL);
}

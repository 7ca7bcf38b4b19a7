// SPDX-License-Identifier: MIT
// What a time server may say, and what is not believed.
#include "host.h"

#include <string.h>

#include "kernel/time.h"
#include "net/sntp_message.h"

#define NONCE   0x0123456789abcdefull
#define SENT_NS (5 * NS_PER_S)
#define DATE_S  1800000000ll // 2027-01-15 08:00:00

static uint8_t answer[SNTP_BYTES];

static void put(unsigned at, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--, value >>= 8)
        answer[at + (unsigned)i] = (uint8_t)value;
}

// A good answer: the server held the question for 1/4 s and sent half a second after DATE_S.
static void good(void)
{
    memset(answer, 0, sizeof(answer));
    answer[0] = 0x24;
    answer[1] = 2;
    put(24, NONCE, 8);
    put(32, (uint64_t)(DATE_S + 2208988800ll) << 32 | 0x40000000, 8);
    put(40, (uint64_t)(DATE_S + 2208988800ll) << 32 | 0x80000000, 8);
}

// Of an answer that came 350 ms after the question. Returns: what sntp_read() does.
static const char *read(struct sntp_time *time)
{
    return sntp_read(answer, sizeof(answer), NONCE, SENT_NS, SENT_NS + 350 * NS_PER_MS, time);
}

static void test_request(void **state)
{
    (void)state;
    uint8_t request[SNTP_BYTES];
    sntp_write(request, NONCE);
    assert_int_equal(request[0], 0x23);
    for (int i = 1; i < 40; i++)
        assert_int_equal(request[i], 0);
    assert_memory_equal(request + 40, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
}

static void test_date(void **state)
{
    (void)state;
    struct sntp_time time;
    good();
    assert_null(read(&time));
    assert_int_equal(time.stratum, 2);
    assert_int_equal(time.round_trip_ns, 100 * NS_PER_MS);
    assert_int_equal(time.wall_ns, DATE_S * (int64_t)NS_PER_S + 550 * (int64_t)NS_PER_MS);
    // From 2036-02-07 06:28:16 on, seconds count from 0 again.
    put(32, 0x40000000, 8);
    put(40, 0x80000000, 8);
    assert_null(read(&time));
    assert_int_equal(time.wall_ns, 2085978496ll * (int64_t)NS_PER_S + 550 * (int64_t)NS_PER_MS);
}

static void test_wrong(void **state)
{
    (void)state;
    struct sntp_time time;
    static const struct {
        unsigned at;
        uint64_t value;
        int bytes;
        const char *says;
    } changes[] = {
        {0, 0x23, 1, ""},                                         // a question
        {0, 0x25, 1, ""},                                         // a broadcast
        {24, NONCE + 1, 8, ""},                                   // to another question
        {1, 0, 1, "it asks to be left alone"},                    //
        {0, 0xe4, 1, "its own clock is not set"},                 //
        {1, 16, 1, "its own clock is not set"},                   //
        {4, 0x30000, 4, "it does not know the time well enough"}, //
        {8, 0x18000, 4, "it does not know the time well enough"}, //
        {8, 0xffffffff, 4, "it does not know the time well enough"},
        {32, 0, 8, "its times contradict each other"},
        {40, 0, 8, "its times contradict each other"},
        {32, (uint64_t)(DATE_S + 2208988800ll - 5) << 32, 8, "its times contradict each other"},
        {32, (uint64_t)(DATE_S + 2208988800ll + 5) << 32, 8, "its times contradict each other"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
        good();
        put(changes[i].at, changes[i].value, changes[i].bytes);
        const char *says = read(&time);
        assert_non_null(says);
        assert_string_equal(says, changes[i].says);
    }
    good();
    assert_string_equal(sntp_read(answer, sizeof(answer) - 1, NONCE, 0, 0, &time), "");
    put(32, 0xd000000040000000, 8); // 2010
    put(40, 0xd000000080000000, 8);
    assert_string_equal(read(&time), "its date is in the past");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_date),
        cmocka_unit_test(test_wrong),
    };
    return cmocka_run_group_tests_name("sntp", tests, NULL, NULL);
}

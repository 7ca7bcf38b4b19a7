// SPDX-License-Identifier: MIT
// http/ranges.c: which bytes a field Range asks for.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/ranges.h"
#include "kernel/compiler.h"

// What was read, as "first-last first-last", "all" or "none".
static void ranges_describe(const char *value, uint32_t size_bytes, char text[512])
{
    struct http_range ranges[HTTP_RANGES_MAX];
    char *copy = exact_copy(value, strlen(value));
    int count = http_ranges_read(copy, strlen(value), size_bytes, ranges);
    free(copy);
    size_t used = 0;
    strcpy(text, count == 0 ? "all" : "none");
    for (int i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, 512 - used, "%s%u-%u", i ? " " : "", ranges[i].first,
                                 ranges[i].last);
}

static void ranges_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *value, *ranges; // of 1000 bytes
    } table[] = {
        {"bytes=0-0", "0-0"},
        {"bytes=0-499", "0-499"},
        {"Bytes=500-999", "500-999"},
        {"bytes=500-", "500-999"},
        {"bytes=0-", "0-999"},
        {"bytes=-1", "999-999"},
        {"bytes=-1000", "0-999"},
        {"bytes=-5000", "0-999"},
        {"bytes=990-5000", "990-999"},
        {"bytes=999-99999999999999999999999999", "999-999"},
        {"bytes= 1-2 , ", "1-2"},
        {"bytes=,,1-2", "1-2"},
        {"bytes=0-1,500-501", "0-1 500-501"},
        {"bytes=500-501, 0-1 ,-1", "500-501 0-1 999-999"},
        {"bytes=0-1,2000-3000", "0-1"},
        // near ones become one, in the place of the first
        {"bytes=0-1,2-3", "0-3"},
        {"bytes=0-100,50-60", "0-100"},
        {"bytes=0-1,100-101", "0-101"},
        {"bytes=900-901,0-1,2-3,895-905", "895-905 0-3"},
        {"bytes=0-1,400-401,200-201,100-300", "0-401"},
        {"bytes=0-,1-,2-,3-,4-,5-,6-,7-", "0-999"},
        {"bytes=1000-", "none"},
        {"bytes=1000-1001,5000-", "none"},
        {"bytes=99999999999999999999999999-", "none"},
        {"bytes=-0", "none"},
        {"bytes=-0,1-1", "1-1"},
        // ignored
        {"bytes=", "all"},
        {"bytes=,", "all"},
        {"bytes=-", "all"},
        {"bytes=2-1", "all"},
        {"bytes=0-1,2-1", "all"},
        {"bytes=a-b", "all"},
        {"bytes=1", "all"},
        {"bytes=1-2x", "all"},
        {"bytes=1-2;3-4", "all"},
        {"bytes=1 - 2", "all"},
        {"bytes 1-2", "all"},
        {"bytes", "all"},
        {"", "all"},
        {"items=1-2", "all"},
        {"bytes=0-0,bytes=1-1", "all"},
    };
    char text[512];
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        ranges_describe(table[i].value, 1000, text);
        if (strcmp(text, table[i].ranges) != 0)
            fail_msg("%s => %s, not %s", table[i].value, text, table[i].ranges);
    }
    ranges_describe("bytes=0-", 0, text);
    assert_string_equal(text, "none");
    ranges_describe("bytes=0-4294967294,-1", UINT32_MAX, text);
    assert_string_equal(text, "0-4294967294");
}

static void ranges_are_bounded_in_number(void **state)
{
    (void)state;
    char value[1024] = "bytes=0-0", text[512];
    for (int i = 1; i < HTTP_RANGES_MAX; i++)
        sprintf(value + strlen(value), ",%d-%d", i * 1000, i * 1000);
    ranges_describe(value, 1000000, text);
    assert_non_null(strstr(text, " 15000-15000"));
    strcat(value, ",500000-");
    ranges_describe(value, 1000000, text);
    assert_string_equal(text, "all");
}

// Whatever is asked for, what comes out lies inside, apart, and covers what was asked for.
static void ranges_cover_what_was_asked_for(void **state)
{
    (void)state;
    srand(3);
    for (int round = 0; round < 20000; round++) {
        char value[512] = "bytes=";
        bool asked[2000] = {false};
        uint32_t size = 1 + (uint32_t)rand() % 2000;
        int count = 1 + rand() % HTTP_RANGES_MAX;
        for (int i = 0; i < count; i++) {
            uint32_t first = (uint32_t)rand() % size, last = first + (uint32_t)rand() % 300;
            sprintf(value + strlen(value), "%s%u-%u", i ? "," : "", first, last);
            for (uint32_t at = first; at <= last && at < size; at++)
                asked[at] = true;
        }
        struct http_range ranges[HTTP_RANGES_MAX];
        int found = http_ranges_read(value, strlen(value), size, ranges);
        assert_in_range(found, 1, count);
        for (int i = 0; i < found; i++) {
            assert_true(ranges[i].first <= ranges[i].last && ranges[i].last < size);
            memset(asked + ranges[i].first, 0, ranges[i].last - ranges[i].first + 1);
            for (int k = 0; k < i; k++)
                assert_true(ranges[i].first > ranges[k].last + 1 ||
                            ranges[k].first > ranges[i].last + 1);
        }
        for (uint32_t at = 0; at < size; at++)
            assert_false(asked[at]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_read),
        cmocka_unit_test(ranges_are_bounded_in_number),
        cmocka_unit_test(ranges_cover_what_was_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

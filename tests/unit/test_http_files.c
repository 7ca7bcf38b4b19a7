// SPDX-License-Identifier: MIT
// How files are answered: conditions, ranges, and what of a request they follow from.
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "apps/http/site.h"
#include "http/conditions.h"
#include "http/date.h"
#include "http/encoding.h"
#include "http/ranges.h"
#include "http_client.h"
#include "http_machine.h"

#define HOST "Host: toril\r\n"

// Text on the heap, of its exact size: reading past it is an error.
static char *exact(const char *text)
{
    size_t size = strlen(text);
    char *copy = malloc(size ? size : 1);
    memcpy(copy, text, size);
    return copy;
}

// ---- fields -------------------------------------------------------------------------------------

static void field_names_are_known(void **state)
{
    (void)state;
    assert_int_equal(http_field_named("Host", 4), HTTP_FIELD_HOST);
    assert_int_equal(http_field_named("IF-UNMODIFIED-since", 19), HTTP_FIELD_IF_UNMODIFIED_SINCE);
    assert_int_equal(http_field_named("range", 5), HTTP_FIELD_RANGE);
    assert_int_equal(http_field_named("rang", 4), HTTP_FIELD_OTHER);
    assert_int_equal(http_field_named("ranges", 6), HTTP_FIELD_OTHER);
    assert_int_equal(http_field_named("", 0), HTTP_FIELD_OTHER);
    assert_int_equal(http_field_named("if-unmodified-since2", 20), HTTP_FIELD_OTHER);
}

static void check_field(const struct http_known_fields *fields, enum http_field field,
                        const char *value)
{
    struct http_slice slice = http_known_fields_get(fields, field);
    assert_non_null(slice.at);
    assert_int_equal(slice.length, strlen(value));
    assert_memory_equal(slice.at, value, slice.length);
}

static void fields_that_come_again_are_lists(void **state)
{
    (void)state;
    struct http_known_fields *fields = NULL;
    assert_null(http_known_fields_get(fields, HTTP_FIELD_RANGE).at);
    assert_int_equal(http_known_fields_keep(&fields, HTTP_FIELD_RANGE, "", 0), 0);
    assert_int_equal(http_known_fields_keep(&fields, HTTP_FIELD_IF_MATCH, "\"a\"", 3), 0);
    assert_int_equal(http_known_fields_keep(&fields, HTTP_FIELD_IF_RANGE, "x", 1), 0);
    check_field(fields, HTTP_FIELD_RANGE, "");
    assert_int_equal(http_known_fields_keep(&fields, HTTP_FIELD_RANGE, "r", 1), 0);
    assert_int_equal(http_known_fields_keep(&fields, HTTP_FIELD_IF_MATCH, "\"b\"", 3), 0);
    check_field(fields, HTTP_FIELD_IF_MATCH, "\"a\", \"b\"");
    check_field(fields, HTTP_FIELD_IF_RANGE, "x");
    check_field(fields, HTTP_FIELD_RANGE, ", r");
    assert_null(http_known_fields_get(fields, HTTP_FIELD_HOST).at);
    char much[4000];
    memset(much, 'm', sizeof(much));
    assert_int_equal(http_known_fields_keep(&fields, HTTP_FIELD_IF_MATCH, much, sizeof(much)), 0);
    assert_int_equal(http_known_fields_get(fields, HTTP_FIELD_IF_MATCH).length,
                     8 + 2 + sizeof(much));
    check_field(fields, HTTP_FIELD_IF_RANGE, "x");
    free(fields);
}

// ---- entity tags and dates ----------------------------------------------------------------------

static void entity_tags_are_found_in_lists(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        bool weakly, strongly;
    } table[] = {
        {"\"abc\"", true, true},
        {"W/\"abc\"", true, false},
        {"*", true, true},
        {" * ", true, true},
        {"\"x\", \"abc\"", true, true},
        {"\"x\",W/\"y\" ,\t\"abc\"", true, true},
        {"W/\"abc\", \"abc\"", true, true},
        {",,\"abc\",", true, true},
        {"\"a,bc\", \"abc\"", true, true},
        {"\"\", \"abc\"", true, true},
        {"", false, false},
        {"\"ab\"", false, false},
        {"\"abcd\"", false, false},
        {"abc", false, false},
        {"\"abc", false, false},
        {"\"x\" y \"abc\"", false, false},
        {"W/", false, false},
        {"W", false, false},
        {"w/\"abc\"", false, false},
        {"\"", false, false},
        {"\"x,\"abc\"", false, false},
        {"\"ABC\"", false, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        char *list = exact(table[i].list);
        size_t size = strlen(table[i].list);
        if (http_etag_listed(list, size, "\"abc\"", true) != table[i].weakly ||
            http_etag_listed(list, size, "\"abc\"", false) != table[i].strongly ||
            http_etag_listed(list, size, NULL, true) != (strchr(table[i].list, '*') != NULL))
            fail_msg("%s", table[i].list);
        free(list);
    }
}

static void dates_have_three_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t seconds; // 0: no date
    } table[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Thu, 29 Feb 2024 23:59:59 GMT", 1709251199},
        {"Sun, 06 Nov 1994 08:49:37", 0},
        {"Sun, 06 Nov 1994 08:49:37 CET", 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", 0},
        {"Sun, 06 Nov 1994 08:49:37 GMTx", 0},
        {"Sun, 06 Nov 1964 08:49:37 GMT", 0},
        {"784111777", 0},
        {"", 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        uint64_t seconds = 0;
        char *text = exact(table[i].text);
        bool is_date = http_date_read(text, strlen(table[i].text), &seconds);
        free(text);
        if (is_date != (table[i].seconds != 0) || seconds != table[i].seconds)
            fail_msg("%s: %llu", table[i].text, (unsigned long long)seconds);
    }
}

// ---- codings ------------------------------------------------------------------------------------

static void the_coding_of_greatest_weight_is_chosen(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int with_gzip, without;
    } table[] = {
        {"gzip", HTTP_GZIP, HTTP_IDENTITY},
        {"GZip", HTTP_GZIP, HTTP_IDENTITY},
        {"x-gzip", HTTP_GZIP, HTTP_IDENTITY},
        {"gzip, deflate, br, zstd", HTTP_GZIP, HTTP_IDENTITY},
        {"deflate,\tgzip ; q=0.1", HTTP_GZIP, HTTP_IDENTITY},
        {"gzip;q=1.000", HTTP_GZIP, HTTP_IDENTITY},
        {"gzip;q=0.001", HTTP_GZIP, HTTP_IDENTITY},
        {"*", HTTP_GZIP, HTTP_IDENTITY},
        {"*;q=0.5", HTTP_GZIP, HTTP_IDENTITY},
        {"identity;q=0.5, *", HTTP_GZIP, HTTP_IDENTITY},
        {"identity, gzip;q=0.9", HTTP_IDENTITY, HTTP_IDENTITY},
        {"identity;q=0.9, gzip;Q=0.9", HTTP_GZIP, HTTP_IDENTITY},
        {"gzip;q=0", HTTP_IDENTITY, HTTP_IDENTITY},
        {"gzip;q=0.000", HTTP_IDENTITY, HTTP_IDENTITY},
        {"gzip;q=0, *", HTTP_IDENTITY, HTTP_IDENTITY},
        {"br", HTTP_IDENTITY, HTTP_IDENTITY},
        {"", HTTP_IDENTITY, HTTP_IDENTITY},
        {" , ,", HTTP_IDENTITY, HTTP_IDENTITY},
        {"gzipp", HTTP_IDENTITY, HTTP_IDENTITY},
        {"gzip;q=2", HTTP_IDENTITY, HTTP_IDENTITY},
        {"gzip;q=1.001", HTTP_IDENTITY, HTTP_IDENTITY},
        {"gzip;q=", HTTP_IDENTITY, HTTP_IDENTITY},
        {"gzip;q=0.5x", HTTP_IDENTITY, HTTP_IDENTITY},
        {"gzip;x=1", HTTP_IDENTITY, HTTP_IDENTITY},
        {";q=1", HTTP_IDENTITY, HTTP_IDENTITY},
        {"identity;q=0", -ENOENT, -ENOENT},
        {"gzip, identity;q=0", HTTP_GZIP, -ENOENT},
        {"*;q=0", -ENOENT, -ENOENT},
        {"*;q=0, gzip", HTTP_GZIP, -ENOENT},
        {"br, *;q=0", -ENOENT, -ENOENT},
        {"identity;q=0.1, *;q=0", HTTP_IDENTITY, HTTP_IDENTITY},
    };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        char *value = exact(table[i].value);
        size_t size = strlen(table[i].value);
        if (http_encoding_choose(value, size, true) != table[i].with_gzip ||
            http_encoding_choose(value, size, false) != table[i].without)
            fail_msg("%s", table[i].value);
        free(value);
    }
    assert_int_equal(http_encoding_choose(NULL, 0, true), HTTP_IDENTITY);
}

static void the_form_follows_the_coding(void **state)
{
    (void)state;
    const struct http_form *forms = http_find("/style.css", 10)->forms;
    assert_non_null(forms[HTTP_GZIP].etag);
    assert_string_not_equal(forms[HTTP_GZIP].etag, forms[HTTP_IDENTITY].etag);
    assert_true(forms[HTTP_GZIP].full.total_bytes < forms[HTTP_IDENTITY].full.total_bytes);
    static const struct {
        const char *path, *fields;
        unsigned status;
        bool is_encoded, varies;
    } asked[] = {
        {"/style.css", "", 200, false, true},
        {"/style.css", "Accept-Encoding: gzip, br\r\n", 200, true, true},
        {"/style.css", "Accept-Encoding: gzip;q=0\r\n", 200, false, true},
        {"/style.css", "Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n", 200, true, true},
        {"/style.css", "Accept-Encoding: identity;q=0, br\r\n", 406, false, true},
        {"/style.css", "Accept-Encoding: gzip\r\nRange: bytes=0-3\r\n", 206, true, true},
        {"/style.css", "Range: bytes=0-3\r\n", 206, false, true},
        {"/style.css", "If-None-Match: *\r\n", 304, false, true},
        {"/hello.txt", "Accept-Encoding: gzip\r\n", 200, false, false},
        {"/hello.txt", "Accept-Encoding: identity;q=0, gzip\r\n", 406, false, true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(asked); i++) {
        char request[256];
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" HOST "%s\r\n", asked[i].path,
                 asked[i].fields);
        exchange(request);
        if (status_of(client.output) != asked[i].status ||
            (strstr(client.output, "\r\nContent-Encoding: gzip\r\n") != NULL) !=
                asked[i].is_encoded ||
            (strstr(client.output, "\r\nVary: Accept-Encoding\r\n") != NULL) != asked[i].varies)
            fail_msg("%s => %s", request, client.output);
        if (asked[i].status == 206 && asked[i].is_encoded) // how gzip begins: RFC 1952, 2.3
            assert_memory_equal(strstr(client.output, "\r\n\r\n") + 4, "\x1f\x8b\x08", 4);
        client_close();
    }
    // each form has its own tag
    for (int known = HTTP_IDENTITY; known <= HTTP_GZIP; known++) {
        char request[256];
        snprintf(request, sizeof(request),
                 "GET /style.css HTTP/1.1\r\n" HOST
                 "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n\r\n",
                 forms[known].etag);
        exchange(request);
        assert_int_equal(status_of(client.output), known == HTTP_GZIP ? 304 : 200);
        client_close();
    }
}

// ---- ranges -------------------------------------------------------------------------------------

// What was read, as "first-last first-last", "all" or "none".
static void ranges_describe(const char *value, uint32_t size_bytes, char text[512])
{
    struct http_range ranges[HTTP_RANGES_MAX];
    char *copy = exact(value);
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

// ---- requests -----------------------------------------------------------------------------------

static const struct http_resource *hello(void)
{
    return http_find("/hello.txt", 10);
}

static const char *etag(void)
{
    return hello()->forms[HTTP_IDENTITY].etag;
}

static const char *body_of(const struct http_resource *file)
{
    return file->forms[HTTP_IDENTITY].full.data + file->forms[HTTP_IDENTITY].full.head_bytes;
}

// In `text`: %E becomes the tag of hello.txt, %D its date, %B the day before, %A the day after.
static void expand(char *out, size_t size_bytes, const char *text)
{
    size_t used = 0;
    for (; *text; text++) {
        const char *put = NULL;
        char date[40];
        if (text[0] == '%' && text[1] == 'E')
            put = etag();
        if (text[0] == '%' && strchr("DBA", text[1])) {
            int days = text[1] == 'B' ? -1 : text[1] == 'A' ? 1 : 0;
            time_t seconds = (time_t)hello()->modified_unix_seconds + days * 86400;
            strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime(&seconds));
            put = date;
        }
        used += (size_t)(put ? snprintf(out + used, size_bytes - used, "%s", put)
                             : snprintf(out + used, size_bytes - used, "%c", *text));
        text += put != NULL;
    }
}

static const struct {
    const char *method, *fields;
    unsigned status;
    const char *expected; // a line of the head, or NULL
} table[] = {
    {"GET", "If-None-Match: %E\r\n", 304, "ETag: %E"},
    {"HEAD", "If-None-Match: %E\r\n", 304, "ETag: %E"},
    {"GET", "If-None-Match: W/%E\r\n", 304, "Last-Modified: %D"},
    {"GET", "If-None-Match: \"a\" , W/\"b,\",%E\r\n", 304, NULL},
    {"GET", "if-none-match:\"a\"\r\nIF-NONE-MATCH:%E \t\r\n", 304, NULL},
    {"GET", "If-None-Match: *\r\n", 304, NULL},
    {"GET", "If-None-Match: \"other\"\r\n", 200, "ETag: %E"},
    {"GET", "If-None-Match: \"x%E\r\n", 200, NULL},
    {"GET", "If-None-Match:\r\n", 200, NULL},
    {"GET", "X-If-None-Match: %E\r\n", 200, NULL},
    {"GET", "If-Modified-Since: %D\r\n", 304, NULL},
    {"GET", "If-Modified-Since: %A\r\n", 304, NULL},
    {"GET", "If-Modified-Since: %B\r\n", 200, "Last-Modified: %D"},
    {"GET", "If-Modified-Since: yesterday\r\n", 200, NULL},
    {"GET", "If-Modified-Since: %D\r\nIf-Modified-Since: %D\r\n", 200, NULL},
    {"GET", "If-Match: %E\r\n", 200, NULL},
    {"GET", "If-Match: \"a\", %E\r\n", 200, NULL},
    {"GET", "If-Match: *\r\n", 200, NULL},
    {"GET", "If-Match: W/%E\r\n", 412, NULL},
    {"GET", "If-Match: \"other\"\r\n", 412, "Content-Type: text/html; charset=utf-8"},
    {"HEAD", "If-Match: \"other\"\r\n", 412, NULL},
    {"GET", "If-Match:\r\n", 412, NULL},
    {"GET", "If-Unmodified-Since: %D\r\n", 200, NULL},
    {"GET", "If-Unmodified-Since: %A\r\n", 200, NULL},
    {"GET", "If-Unmodified-Since: %B\r\n", 412, NULL},
    {"GET", "If-Unmodified-Since: never\r\n", 200, NULL},
    // which one counts: RFC 9110, 13.2.2
    {"GET", "If-Match: %E\r\nIf-Unmodified-Since: %B\r\n", 200, NULL},
    {"GET", "If-Unmodified-Since: %A\r\nIf-Match: \"other\"\r\n", 412, NULL},
    {"GET", "If-None-Match: \"other\"\r\nIf-Modified-Since: %A\r\n", 200, NULL},
    {"GET", "If-Modified-Since: %B\r\nIf-None-Match: %E\r\n", 304, NULL},
    {"GET", "If-Match: %E\r\nIf-None-Match: %E\r\n", 304, NULL},
    {"GET", "If-Match: \"other\"\r\nIf-None-Match: %E\r\n", 412, NULL},
    {"GET", "Range: bytes=0-1\r\nIf-None-Match: %E\r\n", 304, NULL},
    {"GET", "Range: bytes=0-1\r\nIf-Match: \"other\"\r\n", 412, NULL},
    {"DELETE", "If-Match: \"other\"\r\n", 405, NULL},
    // ranges
    {"GET", "Range: bytes=0-9\r\n", 206, "Content-Range: bytes 0-9/128"},
    {"GET", "Range: bytes=0-9\r\n", 206, "Content-Length: 10"},
    {"GET", "Range: bytes=0-9\r\n", 206, "Content-Type: text/plain; charset=utf-8"},
    {"GET", "Range: bytes=0-9\r\n", 206, "ETag: %E"},
    {"GET", "Range: bytes=0-9\r\n", 206, "Last-Modified: %D"},
    {"GET", "Range: bytes=-28\r\n", 206, "Content-Range: bytes 100-127/128"},
    {"GET", "Range: bytes=0-\r\n", 206, "Content-Range: bytes 0-127/128"},
    {"GET", "Range: bytes=128-\r\n", 416, "Content-Range: bytes */128"},
    {"GET", "Range: bytes=128-\r\n", 416, "Content-Length: 0"},
    {"GET", "Range: bytes=x\r\n", 200, "Accept-Ranges: bytes"},
    {"GET", "Range: lines=1-2\r\n", 200, "Content-Length: 128"},
    {"GET", "Range: bytes=0-1\r\nRange: bytes=5-6\r\n", 200, "Content-Length: 128"},
    {"HEAD", "Range: bytes=0-9\r\n", 200, "Content-Length: 128"},
    {"HEAD", "Range: bytes=128-\r\n", 200, "Content-Length: 128"},
    {"GET", "Range: bytes=0-9\r\nIf-Range: %E\r\n", 206, NULL},
    {"GET", "Range: bytes=0-9\r\nIf-Range: %D\r\n", 206, NULL},
    {"GET", "If-Range: \"other\"\r\nRange: bytes=0-9\r\n", 200, NULL},
    {"GET", "If-Range: W/%E\r\nRange: bytes=0-9\r\n", 200, NULL},
    {"GET", "If-Range: %A\r\nRange: bytes=0-9\r\n", 200, NULL},
    {"GET", "If-Range: %B\r\nRange: bytes=0-9\r\n", 200, NULL},
    {"GET", "If-Range: *\r\nRange: bytes=0-9\r\n", 200, NULL},
    {"GET", "If-Range: \"other\"\r\nRange: bytes=128-\r\n", 200, NULL},
    {"GET", "If-Range: %E\r\n", 200, NULL},
};

static bool has_line(const char *output, const char *line)
{
    const char *at = strstr(output, line), *end = strstr(output, "\r\n\r\n");
    return at && at[-1] == '\n' && at < end && strncmp(at + strlen(line), "\r\n", 2) == 0;
}

static void files_are_answered_as_the_fields_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        char request[1024], fields[512], line[128] = "";
        expand(fields, sizeof(fields), table[i].fields);
        if (table[i].expected)
            expand(line, sizeof(line), table[i].expected);
        snprintf(request, sizeof(request), "%s /hello.txt HTTP/1.1\r\n" HOST "%s\r\n",
                 table[i].method, fields);
        exchange(request);
        if (status_of(client.output) != table[i].status ||
            (table[i].expected && !has_line(client.output, line)))
            fail_msg("%s => %s", request, client.output);
        assert_int_equal(http_connection_state(&client.http), HTTP_IDLE);
        const char *body = strstr(client.output, "\r\n\r\n") + 4;
        if (table[i].status == 304 || strcmp(table[i].method, "HEAD") == 0)
            assert_string_equal(body, "");
        char *whole = strdup(client.output);
        client.used = 0; // again, and then in pieces
        client_send(request, strlen(request));
        assert_string_equal(client.output, whole);
        client_close();
        client_open();
        for (const char *at = request; *at; at++)
            client_send(at, 1);
        assert_string_equal(client.output, whole);
        client_close();
        free(whole);
    }
}

static void conditions_count_for_rendered_pages(void **state)
{
    (void)state;
    exchange("GET /healthz HTTP/1.1\r\n" HOST "If-Match: *\r\n\r\n");
    assert_int_equal(status_of(client.output), 200);
    client_close();
    exchange("GET /healthz HTTP/1.1\r\n" HOST "If-Match: \"a\"\r\n\r\n");
    assert_int_equal(status_of(client.output), 412);
    client_close();
    exchange("GET /healthz HTTP/1.1\r\n" HOST "If-None-Match: *\r\n\r\n");
    assert_int_equal(status_of(client.output), 304);
    assert_int_equal(strlen(strstr(client.output, "\r\n\r\n")), 4);
    client_close();
    exchange("GET /healthz HTTP/1.1\r\n" HOST "Range: bytes=0-0\r\nIf-Modified-Since: "
             "Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
    assert_int_equal(status_of(client.output), 200);
    client_close();
}

static void one_range_is_a_slice_of_the_file(void **state)
{
    (void)state;
    exchange("GET /hello.txt HTTP/1.1\r\n" HOST "Range: bytes=7-20\r\n\r\n"
             "GET /hello.txt HTTP/1.0\r\nRange: bytes=-1\r\n\r\n");
    const char *body = strstr(client.output, "\r\n\r\n") + 4;
    assert_memory_equal(body, body_of(hello()) + 7, 14);
    assert_memory_equal(body + 14, "HTTP/1.1 206 Partial Content\r\nConnection: close\r\n", 49);
    assert_memory_equal(client.output + client.used - 1, body_of(hello()) + 127, 1);
    assert_true(client.lent_memory_is_static);
    client_close();
}

static void several_ranges_are_parts(void **state)
{
    (void)state;
    const struct http_resource *style = http_find("/style.css", 10);
    const char *file = body_of(style);
    exchange("GET /style.css HTTP/1.1\r\n" HOST "Range: bytes=1000-1009, 0-4, -3\r\n\r\n");
    assert_int_equal(status_of(client.output), 206);
    char expected[2048], boundary[64], line[128];
    snprintf(boundary, sizeof(boundary), "%s", style->forms[HTTP_IDENTITY].etag + 1);
    *strchr(boundary, '"') = '\0';
    unsigned size =
        style->forms[HTTP_IDENTITY].full.total_bytes - style->forms[HTTP_IDENTITY].full.head_bytes;
    static const char type[] = "Content-Type: text/css; charset=utf-8";
    snprintf(expected, sizeof(expected),
             "\r\n--%s\r\n%s\r\nContent-Range: bytes 1000-1009/%u\r\n\r\n%.10s"
             "\r\n--%s\r\n%s\r\nContent-Range: bytes 0-4/%u\r\n\r\n%.5s"
             "\r\n--%s\r\n%s\r\nContent-Range: bytes %u-%u/%u\r\n\r\n%.3s"
             "\r\n--%s--\r\n",
             boundary, type, size, file + 1000, boundary, type, size, file, boundary, type,
             size - 3, size - 1, size, file + size - 3, boundary);
    assert_string_equal(strstr(client.output, "\r\n\r\n") + 4, expected);
    snprintf(line, sizeof(line), "Content-Type: multipart/byteranges; boundary=%s", boundary);
    assert_true(has_line(client.output, line));
    snprintf(line, sizeof(line), "Content-Length: %zu", strlen(expected));
    assert_true(has_line(client.output, line));
    assert_false(has_line(client.output, "Content-Range: bytes 1000-1009/4483"));
    client_close();
}

// Wherever the network is full, and wherever the connection ends, the bytes are right and none
// leaks.
static void parts_survive_a_full_network(void **state)
{
    (void)state;
    static const char request[] =
        "GET /style.css HTTP/1.1\r\n" HOST "Range: bytes=1000-1009, 0-4, -3\r\n\r\n"
        "GET /style.css HTTP/1.1\r\n" HOST "Range: bytes=5-1005\r\n\r\n"
        "GET /hello.txt HTTP/1.1\r\n" HOST "\r\n";
    char *whole = strdup(exchange(request));
    client_close();
    for (size_t room = 1; room < 1200; room += room < 80 ? 1 : 31) {
        client_open();
        client.room = room;
        size_t read = 0;
        while (read < sizeof(request) - 1 || http_connection_state(&client.http) == HTTP_WRITING) {
            read +=
                http_connection_receive(&client.http, request + read, sizeof(request) - 1 - read);
            client.room = room;
            http_connection_resume(&client.http);
        }
        assert_string_equal(client.output, whole);
        client_close();
        client_open();
        client.room = room;
        (void)!http_connection_receive(&client.http, request, sizeof(request) - 1);
        client_close();
    }
    free(whole);
}

// What only one request got wrong does not end the connection; what cannot be read does.
static void errors_between_pipelined_requests(void **state)
{
    (void)state;
    static const char batch[] =
        "GET /hello.txt HTTP/1.1\r\n" HOST "Range: bytes=500-\r\n\r\n"
        "GET /hello.txt HTTP/1.1\r\n" HOST "If-Match: \"x\"\r\n\r\n"
        "HEAD /hello.txt HTTP/1.1\r\n" HOST "Range: bytes=0-1\r\n\r\n"
        "GET /hello.txt HTTP/1.1\r\n" HOST "Accept-Encoding: *;q=0\r\n\r\n"
        "GET /hello.txt HTTP/1.0\r\nConnection: keep-alive\r\nRange: bytes=0-1\r\n\r\n"
        "DELETE /hello.txt HTTP/1.1\r\n" HOST "\r\n"
        "GET /style.css HTTP/1.1\r\n" HOST "Range: bytes=0-1,1000-1001\r\n\r\n"
        "GET /nothing HTTP/1.1\r\n" HOST "\r\n"
        "GET /hello.txt HTTP/1.1\r\n" HOST "If-None-Match: *\r\n\r\n"
        "GET /hello.txt\r\n\r\n"
        "GET /hello.txt HTTP/1.1\r\n" HOST "\r\n";
    static const unsigned expected[] = {416, 412, 200, 406, 206, 405, 206, 404, 304, 505};
    for (size_t cut = 1; cut < sizeof(batch) - 1; cut++) {
        client_open();
        client_send(batch, cut);
        client_send(batch + cut, sizeof(batch) - 1 - cut);
        const char *at = client.output;
        for (size_t i = 0; i < ARRAY_COUNT(expected); i++, at++) {
            at = strstr(at, "HTTP/1.1 ");
            assert_non_null(at);
            assert_int_equal(status_of(at), expected[i]);
        }
        assert_null(strstr(at, "HTTP/1.1 "));
        assert_int_equal(http_connection_state(&client.http), HTTP_FINISHED);
        client_close();
    }
}

static int serve_site(void **state)
{
    (void)state;
    site_serve();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(field_names_are_known),
        cmocka_unit_test(fields_that_come_again_are_lists),
        cmocka_unit_test(entity_tags_are_found_in_lists),
        cmocka_unit_test(dates_have_three_forms),
        cmocka_unit_test(the_coding_of_greatest_weight_is_chosen),
        cmocka_unit_test(the_form_follows_the_coding),
        cmocka_unit_test(ranges_are_read),
        cmocka_unit_test(ranges_are_bounded_in_number),
        cmocka_unit_test(ranges_cover_what_was_asked_for),
        cmocka_unit_test(files_are_answered_as_the_fields_say),
        cmocka_unit_test(conditions_count_for_rendered_pages),
        cmocka_unit_test(one_range_is_a_slice_of_the_file),
        cmocka_unit_test(several_ranges_are_parts),
        cmocka_unit_test(parts_survive_a_full_network),
        cmocka_unit_test(errors_between_pipelined_requests),
    };
    return cmocka_run_group_tests(tests, serve_site, NULL);
}

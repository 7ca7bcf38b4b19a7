// SPDX-License-Identifier: MIT
// How requests for files are answered: conditions, ranges, codings.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "apps/http/site.h"
#include "http/encoding.h"
#include "http_client.h"
#include "http_machine.h"

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
        client_send_cut(batch, sizeof(batch) - 1, cut);
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

int main(void)
{
    site_serve();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_follows_the_coding),
        cmocka_unit_test(files_are_answered_as_the_fields_say),
        cmocka_unit_test(conditions_count_for_rendered_pages),
        cmocka_unit_test(one_range_is_a_slice_of_the_file),
        cmocka_unit_test(several_ranges_are_parts),
        cmocka_unit_test(parts_survive_a_full_network),
        cmocka_unit_test(errors_between_pipelined_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

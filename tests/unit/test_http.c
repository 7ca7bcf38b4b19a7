// SPDX-License-Identifier: MIT
// http/connection.c: raw requests in, responses out, in every way they can be cut.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>

#include "apps/http/site.h"
#include "http/connection.h"
#include "http/counters.h"
#include "http/date.h"
#include "http_client.h"
#include "http_machine.h"
#include "http_requests.h"
#include "seeded.h"

// ---- requests and what becomes of them ----------------------------------------------------------

static void check_row(size_t row)
{
    if (status_of(client.output) != requests[row].status || responses_in(client.output) != 1)
        fail_msg("%s\n=> %s", requests[row].request, client.output);
    enum http_state expected = requests[row].keeps ? HTTP_IDLE : HTTP_FINISHED;
    if (http_connection_state(&client.http) != expected)
        fail_msg("state %d after %s", http_connection_state(&client.http), requests[row].request);
    assert_int_equal(!strstr(client.output, "Connection: close\r\n"), requests[row].keeps);
    assert_non_null(strstr(client.output, "\r\n\r\n"));
}

static void each_request_whole(void **state)
{
    (void)state;
    for (size_t row = 0; row < ARRAY_COUNT(requests); row++) {
        exchange(requests[row].request);
        check_row(row);
        client_close();
    }
}

static void each_request_byte_by_byte(void **state)
{
    (void)state;
    for (size_t row = 0; row < ARRAY_COUNT(requests); row++) {
        client_open();
        for (const char *at = requests[row].request; *at; at++)
            client_send(at, 1);
        check_row(row);
        client_close();
    }
}

static void each_request_cut_anywhere(void **state)
{
    (void)state;
    for (size_t row = 0; row < ARRAY_COUNT(requests); row++) {
        size_t length = strlen(requests[row].request);
        for (size_t cut = 1; cut < length; cut++) {
            client_open();
            client_send_cut(requests[row].request, length, cut);
            check_row(row);
            client_close();
        }
    }
}

// ---- what responses look like -------------------------------------------------------------------

static void a_file_is_answered_in_one_piece(void **state)
{
    (void)state;
    const char *output = exchange("GET /hello.txt HTTP/1.1\r\n" HOST "\r\n");
    const char *body = strstr(output, "\r\n\r\n") + 4;
    assert_int_equal(strlen(body), 128);
    assert_memory_equal(output, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(strstr(output, "\r\nContent-Type: text/plain; charset=utf-8\r\n"));
    assert_non_null(strstr(output, "\r\nContent-Length: 128\r\n"));
    assert_non_null(strstr(output, "\r\nETag: \""));
    assert_null(strstr(output, "Connection:"));
    assert_null(strstr(output, "Date:"));
    assert_true(client.lent_memory_is_static);
    client_close();
}

static void head_has_the_headers_and_no_body(void **state)
{
    (void)state;
    static const char *const paths[] = {"/hello.txt", "/healthz", "/nothing"};
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        char request[128], expected[2048];
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
        snprintf(expected, sizeof(expected), "%s", exchange(request));
        strstr(expected, "\r\n\r\n")[4] = '\0';
        client_close();
        snprintf(request, sizeof(request), "HEAD %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
        assert_string_equal(exchange(request), expected);
        // the next request of the connection is no HEAD any more
        client_send("\x01", 1);
        assert_non_null(strstr(client.output, "</html>"));
        client_close();
    }
}

static void connection_header_follows_the_version(void **state)
{
    (void)state;
    exchange("GET /hello.txt HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_memory_equal(client.output, "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n", 41);
    client_close();
    exchange("GET /nothing HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    assert_memory_equal(client.output, "HTTP/1.1 404 Not Found\r\nConnection: close\r\n", 43);
    client_close();
}

static void method_not_allowed_names_those_that_are(void **state)
{
    (void)state;
    exchange("DELETE / HTTP/1.1\r\n" HOST "\r\n");
    assert_non_null(strstr(client.output, "\r\nAllow: GET, HEAD\r\n"));
    client_close();
}

static void date_is_sent_once_the_clock_is_known(void **state)
{
    (void)state;
    http_date_set(1700000000);
    exchange("GET /hello.txt HTTP/1.1\r\n" HOST "\r\n");
    const char *expected = "HTTP/1.1 200 OK\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
                           "Content-Type: text/plain; charset=utf-8\r\n";
    assert_memory_equal(client.output, expected, strlen(expected));
    client_close();
    // the longest prefix there is
    client_open();
    client.http.parser.http_minor = 1;
    http_connection_refuse(&client.http, 431);
    assert_int_equal(status_of(client.output), 431);
    client_close();
    http_date_set(60); // a clock that was never set
    exchange("GET /hello.txt HTTP/1.1\r\n" HOST "\r\n");
    assert_null(strstr(client.output, "Date:"));
    client_close();
}

// ---- limits -------------------------------------------------------------------------------------

// Sends `start`, then `unit` until the connection ends or `bytes_max` are sent, in pieces of
// `piece` bytes. Returns: how many bytes of units were sent.
static size_t flood(const char *start, const char *unit, size_t bytes_max, size_t piece)
{
    static char bytes[1 << 18];
    size_t unit_length = strlen(unit), sent = 0;
    for (size_t i = 0; i < piece + unit_length; i++)
        bytes[i] = unit[i % unit_length];
    client_open();
    client_send(start, strlen(start));
    while (sent < bytes_max && http_connection_state(&client.http) != HTTP_FINISHED) {
        client_send(bytes + sent % unit_length, piece);
        sent += piece;
    }
    return sent;
}

static void floods_end_at_their_limits(void **state)
{
    (void)state;
    static const struct {
        const char *start, *unit;
        unsigned status;
        size_t limit;
    } floods[] = {
        {"GET /", "a", 414, 4096},
        {"GET / HTTP/1.1\r\n" HOST "X: ", "y", 431, 8192},
        {"GET / HTTP/1.1\r\n" HOST "X:", " ", 431, 8192},
        {"GET / HTTP/1.1\r\n" HOST, "x", 431, 8192},
        {"GET / HTTP/1.1\r\n" HOST, "X: yyyyyyyyyyyyy\r\n", 431, 100 * 18},
        {"GET / HTTP/1.1\r\n", "If-None-Match: \"a\"\r\n", 431, 100 * 20},
        {"GET / HTTP/1.1\r\n" HOST "If-None-Match: ", "\"a\",", 431, 8192},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", 413,
         139264},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n10000\r\n", "a", 400, 65540},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n20000\r\n", "a", 413, 65536},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;", "x", 413, 139264},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n", 431,
         606},
    };
    static const size_t pieces[] = {1, 7, 1460, 65536};
    for (size_t i = 0; i < ARRAY_COUNT(floods); i++) {
        for (size_t j = 0; j < ARRAY_COUNT(pieces); j++) {
            size_t sent = flood(floods[i].start, floods[i].unit, 1 << 19, pieces[j]);
            if (status_of(client.output) != floods[i].status || responses_in(client.output) != 1)
                fail_msg("flood %zu in pieces of %zu: %s", i, pieces[j], client.output);
            if (sent > floods[i].limit + pieces[j] + 16)
                fail_msg("flood %zu in pieces of %zu: took %zu bytes", i, pieces[j], sent);
            client_close();
        }
    }
}

static void what_is_within_the_limits_passes(void **state)
{
    (void)state;
    static char request[1 << 17];
    char *end = request + sprintf(request, "POST /");
    memset(end, 'a', 4095);
    end += 4095;
    end += sprintf(end, " HTTP/1.1\r\n" HOST "Content-Length: 65536\r\nX: ");
    memset(end, 'y', 8000);
    end += 8000;
    end += sprintf(end, "\r\n\r\n");
    memset(end, 'b', 65536);
    end += 65536;
    client_open();
    client_send(request, (size_t)(end - request));
    assert_int_equal(status_of(client.output), 404);
    assert_int_equal(http_connection_state(&client.http), HTTP_IDLE);
    client_close();
}

// ---- many requests, little room -----------------------------------------------------------------

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    static const char batch[] = "GET /hello.txt HTTP/1.1\r\n" HOST "\r\n"
                                "HEAD /style.css HTTP/1.1\r\n" HOST "\r\n"
                                "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
                                "GET /nothing HTTP/1.1\r\n" HOST "\r\n"
                                "GET /status.json HTTP/1.1\r\n" HOST "\r\n"
                                "GET /hello.txt HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
                                "GET /never HTTP/1.1\r\n" HOST "\r\n";
    static const unsigned expected[] = {200, 200, 405, 404, 200, 200};
    for (size_t cut = 0; cut < sizeof(batch) - 1; cut++) {
        client_open();
        client_send_cut(batch, sizeof(batch) - 1, cut);
        assert_int_equal(responses_in(client.output), 6);
        const char *at = client.output;
        for (size_t i = 0; i < ARRAY_COUNT(expected); i++, at++) {
            at = strstr(at, "HTTP/1.1 ");
            assert_int_equal(status_of(at), expected[i]);
        }
        assert_int_equal(http_connection_state(&client.http), HTTP_FINISHED);
        client_close();
    }
}

// With so little room that every response stops somewhere, the bytes are the same and reading
// waits.
static void a_full_network_stops_reading(void **state)
{
    (void)state;
    static const char batch[] = "GET /hello.txt HTTP/1.1\r\n" HOST "\r\n"
                                "GET / HTTP/1.1\r\n" HOST "\r\n"
                                "GET /style.css HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                                "GET /nothing HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
    size_t length = sizeof(batch) - 1;
    http_date_set(1700000000);
    static char expected[1 << 17];
    client_open();
    client_send(batch, length);
    memcpy(expected, client.output, client.used + 1);
    client_close();
    for (size_t room = 1; room < 600; room += room < 64 ? 1 : 37) {
        client_open();
        client.room = room;
        size_t read = 0, turns = 0;
        while (http_connection_state(&client.http) != HTTP_FINISHED) {
            size_t now = http_connection_receive(&client.http, batch + read, length - read);
            read += now;
            if (http_connection_state(&client.http) == HTTP_WRITING) {
                // nothing more is read while a response waits
                assert_int_equal(http_connection_receive(&client.http, batch + read, length - read),
                                 0);
            }
            client.room = room;
            http_connection_resume(&client.http);
            assert_true(++turns < 100000);
        }
        // the page between differs by the counts in it: compare what surrounds it
        assert_int_equal(responses_in(client.output), 4);
        assert_memory_equal(client.output, expected, 300);
        const char *tail = strstr(expected, "Content-Type: text/css");
        const char *mine = strstr(client.output, "Content-Type: text/css");
        assert_string_equal(mine, tail);
        client_close();
    }
    http_date_set(0);
}

static void a_connection_can_end_in_any_state(void **state)
{
    (void)state;
    static const char request[] =
        "GET /status.json HTTP/1.1\r\n" HOST "If-None-Match: \"x\"\r\n\r\n";
    for (size_t sent = 0; sent < sizeof(request); sent++) {
        client_open();
        client.room = 50;
        client_send(request, sent);
        client_close(); // the sanitizer sees what is left behind
    }
}

static void a_slow_request_is_answered_408(void **state)
{
    (void)state;
    client_open();
    assert_int_equal(http_connection_state(&client.http), HTTP_SILENT);
    client_send("GET / HT", 8);
    assert_int_equal(http_connection_state(&client.http), HTTP_READING_HEAD);
    http_connection_refuse(&client.http, 408);
    assert_int_equal(status_of(client.output), 408);
    assert_int_equal(http_connection_state(&client.http), HTTP_FINISHED);
    size_t used = client.used;
    client_send("TP/1.1\r\n\r\n", 10); // what still comes is thrown away
    assert_int_equal(client.used, used);
    client_close();

    exchange("POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nab");
    assert_int_equal(http_connection_state(&client.http), HTTP_READING_BODY);
    client_close();
}

static void responses_are_counted_by_class(void **state)
{
    (void)state;
    core_this_index = 2;
    uint64_t before = http_counted(2, HTTP_RESPONSES_4XX);
    exchange("GET /nothing HTTP/1.1\r\n" HOST "\r\n");
    client_close();
    assert_int_equal(http_counted(2, HTTP_RESPONSES_4XX), before + 1);
    core_this_index = 0;
}

// ---- anything at all ----------------------------------------------------------------------------

// Requests of the list, some one after the other, with bytes changed, cut out and put in.
// Returns: how many bytes.
static size_t mutated_requests(char *input)
{
    static const char spice[] = "\r\n\0 :;,%/.?\"*\t\x7f\x80\xff"
                                "0123456789abcdefHTP";
    size_t length = 0;
    for (uint64_t i = 0, count = 1 + random_below(3); i < count; i++) {
        const char *request = requests[random_below(ARRAY_COUNT(requests))].request;
        length += (size_t)sprintf(input + length, "%s", request);
    }
    for (uint64_t i = random_below(4); i > 0 && length > 1; i--) {
        size_t at = random_below(length);
        switch (random_below(3)) {
        case 0:
            input[at] = spice[random_below(sizeof(spice) - 1)];
            break;
        case 1:
            memmove(input + at, input + at + 1, --length - at);
            break;
        default:
            memmove(input + at + 1, input + at, length++ - at);
            input[at] = spice[random_below(sizeof(spice) - 1)];
        }
    }
    return length;
}

// The statuses of all responses, and the state after them: what must not depend on how input is
// cut.
static void summarize(char *summary, size_t size_bytes)
{
    size_t used = 0;
    for (const char *at = client.output; (at = strstr(at, "HTTP/1.1 ")) != NULL; at++) {
        unsigned status = status_of(at);
        assert_int_not_equal(status, 0);
        // a broken method is told from an unknown one by the byte where the parser gave up
        used += (size_t)snprintf(summary + used, size_bytes - used, "%u ",
                                 status == 501 ? 400 : status);
    }
    snprintf(summary + used, size_bytes - used, "%d", http_connection_state(&client.http));
}

static void no_input_breaks_it(void **state)
{
    (void)state;
    static char input[4096];
    random_state = 0x9E3779B97F4A7C15u;
    for (int round = 0; round < 50000; round++) {
        char whole[128], cut[128];
        size_t length = mutated_requests(input);
        client_open();
        client_send(input, length);
        summarize(whole, sizeof(whole));
        client_close();
        client_open();
        for (size_t sent = 0; sent < length;) {
            size_t piece = 1 + random_below(round % 2 ? 16 : length);
            piece = piece < length - sent ? piece : length - sent;
            client_send(input + sent, piece);
            sent += piece;
        }
        assert_int_not_equal(http_connection_state(&client.http), HTTP_WRITING);
        summarize(cut, sizeof(cut));
        if (strcmp(whole, cut) != 0)
            fail_msg("%s whole, %s cut: %.*s", whole, cut, (int)length, input);
        client_close();
    }
}

int main(void)
{
    site_serve();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_whole),
        cmocka_unit_test(each_request_byte_by_byte),
        cmocka_unit_test(each_request_cut_anywhere),
        cmocka_unit_test(a_file_is_answered_in_one_piece),
        cmocka_unit_test(head_has_the_headers_and_no_body),
        cmocka_unit_test(connection_header_follows_the_version),
        cmocka_unit_test(method_not_allowed_names_those_that_are),
        cmocka_unit_test(date_is_sent_once_the_clock_is_known),
        cmocka_unit_test(floods_end_at_their_limits),
        cmocka_unit_test(what_is_within_the_limits_passes),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_full_network_stops_reading),
        cmocka_unit_test(a_connection_can_end_in_any_state),
        cmocka_unit_test(a_slow_request_is_answered_408),
        cmocka_unit_test(responses_are_counted_by_class),
        cmocka_unit_test(no_input_breaks_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

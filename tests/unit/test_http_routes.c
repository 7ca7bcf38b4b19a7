// SPDX-License-Identifier: MIT
// http/route.c and request.c: what handlers are given, and what the server answers for them.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_handlers.h"
#include "kernel/heap.h"

// ---- the table ----------------------------------------------------------------------------------

static const struct {
    const char *request;
    unsigned status;
    bool keeps;
    const char *body; // NULL: not looked at
} table[] = {
    {GET("/show/a"), 200, true, "GET 1 \"a\" \"none\" \"none\""},
    {GET("/show/a%2Fb"), 200, true, "GET 3 \"a/b\" \"none\" \"none\""},
    {GET("/show/a%00b"), 200, true, "GET 3 \"a\" \"none\" \"none\""},
    {GET("/show/%2e%2E"), 200, true, "GET 2 \"..\" \"none\" \"none\""},
    {GET("/x/../show/./b"), 200, true, "GET 1 \"b\" \"none\" \"none\""},
    {GET("/s%68ow/c"), 200, true, "GET 1 \"c\" \"none\" \"none\""},
    {GET("/show/a+b?word=c+d%20e&word=f"), 200, true, "GET 3 \"a+b\" \"c d e\" \"none\""},
    {GET("/show/a?x&&=y&word"), 200, true, "GET 1 \"a\" \"\" \"none\""},
    {GET("/show/a?%77ord=%26"), 200, true, "GET 1 \"a\" \"&\" \"none\""},
    {GET("http://toril/show/a?word=1"), 200, true, "GET 1 \"a\" \"1\" \"none\""},
    {GET("/rest/"), 200, true, "GET 0 \"\" \"none\" \"none\""},
    {GET("/rest/a/b//c"), 200, true, "GET 6 \"a/b//c\" \"none\" \"none\""},
    {GET("/both/1/of/2"), 200, true, "GET 1 \"2\" \"none\" \"none\""},
    {"GET /show/a HTTP/1.1\r\n" HOST "x-type: t \r\nX-Type: u\r\n\r\n", 200, true,
     "GET 1 \"a\" \"none\" \"t\""},
    {"GET /show/a HTTP/1.1\r\n" HOST "X-Type:\r\nX-Typed: u\r\n\r\n", 200, true,
     "GET 1 \"a\" \"none\" \"\""},
    {"DELETE /show/a HTTP/1.1\r\n" HOST "\r\n", 200, true, "DELETE 1 \"a\" \"none\" \"none\""},
    {"HEAD /show/a HTTP/1.1\r\n" HOST "\r\n", 200, true, ""},
    {GET("/show/"), 404, true, NULL},
    {GET("/show"), 404, true, NULL},
    {GET("/show/a/"), 404, true, NULL},
    {GET("/rest"), 404, true, NULL},
    {GET("/both/1/of"), 404, true, NULL},
    {GET("/both//of/2"), 404, true, NULL},
    {GET("/show/%0"), 400, false, NULL},
    {GET("/show/a?word=%"), 400, false, NULL},
    {GET("/../show/a"), 400, false, NULL},
    {GET("/%00"), 400, false, NULL},
    {"POST /show/a HTTP/1.1\r\n" HOST "\r\n", 405, true, NULL},
    {"OPTIONS /show/a HTTP/1.1\r\n" HOST "\r\n", 200, true, "OPTIONS 1 \"a\" \"none\" \"none\""},
    {"OPTIONS /echo HTTP/1.1\r\n" HOST "\r\n", 405, true, NULL},
    {"POST /echo HTTP/1.1\r\n" HOST "\r\n", 200, true, ""},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody", 200, true, "body"},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
     "2;x=y\r\nbo\r\n2\r\ndy\r\n0\r\nX-Type: trailer\r\n\r\n",
     200, true, "body"},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\n", 413, false, NULL},
    {"PUT /small HTTP/1.1\r\n" HOST "Content-Length: 8\r\n\r\n12345678", 200, true, "12345678"},
    {"PUT /small HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\n", 413, false, NULL},
    {"PUT /small HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n1\r\n9",
     413, false, NULL},
    {"PUT /small HTTP/1.1\r\n" HOST "X-Refuse: 417\r\nContent-Length: 8\r\n\r\n", 417, false, NULL},
    {"PUT /small HTTP/1.1\r\n" HOST "X-Refuse: 401\r\nContent-Length: 8\r\n\r\n", 401, false, ""},
    {"PUT /small HTTP/1.1\r\n" HOST "X-Refuse: 499\r\nContent-Length: 8\r\n\r\n", 499, false, ""},
    {"PUT /small HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", 413, false,
     NULL},
    {"PUT /none HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n", 413, false, NULL},
    {"PUT /none HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx", 413, false, NULL},
    {"PUT /none HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, true, ""},
    {GET("/lend"), 201, true, "lent for a while"},
    {"HEAD /lend HTTP/1.1\r\n" HOST "\r\n", 201, true, ""},
    {"POST /stream HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 200, true, "3"},
    {"POST /stream HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nab!", 400, false, NULL},
};

static void check_row(size_t row)
{
    const char *body = strstr(client.output, "\r\n\r\n");
    if (status_of(client.output) != table[row].status || responses_in(client.output) != 1 || !body)
        fail_msg("%s\n=> %s", table[row].request, client.output);
    if (table[row].body)
        assert_string_equal(body + 4, table[row].body);
    enum http_state expected = table[row].keeps ? HTTP_IDLE : HTTP_FINISHED;
    assert_int_equal(http_connection_state(&client.http), expected);
    assert_null(client.http.request);
    client_close();
    streamed_bytes = 0;
}

static void each_request_cut_anywhere(void **state)
{
    (void)state;
    for (size_t row = 0; row < ARRAY_COUNT(table); row++) {
        size_t length = strlen(table[row].request);
        for (size_t cut = 0; cut < length; cut++) {
            client_open();
            client_send_cut(table[row].request, length, cut);
            // only a client that waits is told to go on
            if (strstr(client.output, "100 Continue"))
                fail_msg("%s", table[row].request);
            check_row(row);
        }
        client_open();
        for (const char *at = table[row].request; *at; at++)
            client_send(at, 1);
        check_row(row);
    }
}

// ---- single things ------------------------------------------------------------------------------

static void allow_names_the_methods_of_the_path(void **state)
{
    (void)state;
    exchange("PUT /show/a HTTP/1.1\r\n" HOST "\r\n");
    assert_non_null(strstr(client.output, "\r\nAllow: DELETE, GET, HEAD, OPTIONS\r\n"));
    client_close();
    exchange("PUT /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    assert_int_equal(status_of(client.output), 405);
    assert_non_null(strstr(client.output, "\r\nAllow: POST\r\n"));
    client_close();
}

static void a_body_that_is_awaited_is_asked_for(void **state)
{
    (void)state;
    static const char head[] =
        "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 4\r\n\r\n";
    exchange(head);
    assert_string_equal(client.output, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(http_connection_state(&client.http), HTTP_READING_BODY);
    client_send("bo", 2);
    client_send("dy", 2);
    assert_int_equal(responses_in(client.output), 2);
    assert_non_null(strstr(client.output, "\r\n\r\nbody"));
    client_close();
    // a client of 1.0 does not know of it, and none is asked for what it sent
    exchange("POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_string_equal(client.output, "");
    client_close();
    exchange("POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 4\r\n\r\nb");
    assert_string_equal(client.output, "");
    client_close();
}

static void a_network_that_is_full_delays_the_100(void **state)
{
    (void)state;
    client_open();
    client.room = 10;
    static const char head[] =
        "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    client_send(head, strlen(head));
    assert_int_equal(http_connection_state(&client.http), HTTP_WRITING);
    client.room = SIZE_MAX;
    http_connection_resume(&client.http);
    assert_string_equal(client.output, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(http_connection_state(&client.http), HTTP_READING_BODY);
    client_send("body", 4);
    assert_int_equal(responses_in(client.output), 2);
    client_close();
}

static void requests_behind_a_body_are_read(void **state)
{
    (void)state;
    exchange("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\none"
             "POST /echo HTTP/1.1\r\n" HOST
             "Transfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
             "GET /show/three HTTP/1.1\r\n" HOST "\r\n");
    const char *one = strstr(client.output, "\r\n\r\none"),
               *two = strstr(client.output, "\r\n\r\ntwo");
    assert_true(one && two && one < two && strstr(two, "\"three\""));
    client_close();
}

static void a_stream_that_ends_early_is_abandoned(void **state)
{
    (void)state;
    abandoned = 0;
    exchange("POST /stream HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc");
    client_close();
    assert_int_equal(abandoned, 1);
    exchange("POST /stream HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz");
    assert_int_equal(status_of(client.output), 400);
    assert_int_equal(abandoned, 2);
    client_close();
    exchange("POST /stream HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
    client_close();
    assert_int_equal(abandoned, 2);
}

static void bodies_have_so_much_memory_together(void **state)
{
    (void)state;
    enum { COUNT = HTTP_BODIES_BYTES_MAX / 65536 };
    static struct http_connection connections[COUNT + 1];
    static const char head[] = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 65536\r\n\r\n";
    static char body[65535];
    client_open();
    for (unsigned i = 0; i < ARRAY_COUNT(connections); i++) {
        http_connection_start(&connections[i], client_write, NULL);
        assert_int_equal(http_connection_receive(&connections[i], head, strlen(head)),
                         strlen(head));
        if (i < COUNT)
            assert_int_equal(http_connection_receive(&connections[i], body, sizeof(body)),
                             sizeof(body));
    }
    client_close();
    client.http = connections[COUNT];
    client.http.parser.data = client.http.request->connection = &client.http;
    client_send(body, 1);
    assert_int_equal(status_of(client.output), 503);
    client_close();
    for (unsigned i = 0; i < COUNT; i++)
        http_connection_release(&connections[i]);
    // all of it came back
    exchange(head);
    client_send(body, sizeof(body));
    assert_int_equal(http_connection_state(&client.http), HTTP_READING_BODY);
    client_close();
}

int main(void)
{
    routes_add();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_cut_anywhere),
        cmocka_unit_test(allow_names_the_methods_of_the_path),
        cmocka_unit_test(a_body_that_is_awaited_is_asked_for),
        cmocka_unit_test(a_network_that_is_full_delays_the_100),
        cmocka_unit_test(requests_behind_a_body_are_read),
        cmocka_unit_test(a_stream_that_ends_early_is_abandoned),
        cmocka_unit_test(bodies_have_so_much_memory_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

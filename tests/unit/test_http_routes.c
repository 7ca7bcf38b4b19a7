// SPDX-License-Identifier: MIT
// http/route.c and request.c: what handlers are given, what they answer, and what the server
// answers for them.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"
#include "http/request.h"
#include "http_client.h"
#include "kernel/heap.h"
#include "kernel/thread.h"

PERCORE unsigned core_this_index;
unsigned core_slot_count = 1;

// ---- handlers -----------------------------------------------------------------------------------

static struct http_request *held; // by hold()
static unsigned handled, abandoned, released;
static size_t streamed_bytes;

static void echo(struct http_request *request)
{
    size_t length;
    const char *body = http_body(request, &length);
    handled++;
    http_answer(request, &(struct http_answer){.status = 200, .body = body, .body_bytes = length});
}

static void show(struct http_request *request)
{
    size_t length;
    const char *name = http_parameter(request, "name", &length);
    const char *word = http_query(request, "word", NULL);
    const char *type = http_header(request, "X-Type", NULL);
    handled++;
    http_answer_format(request, 200, "%s %zu \"%s\" \"%s\" \"%s\"", http_method(request), length,
                       name, word ? word : "none", type ? type : "none");
}

static void hold(struct http_request *request)
{
    handled++;
    held = request;
}

static void release(void *context)
{
    assert_string_equal(context, "context");
    released++;
}

static void lend(struct http_request *request)
{
    static const char body[] = "lent for a while";
    http_answer(request, &(struct http_answer){.status = 201,
                                               .content_type = "text/x",
                                               .fields = "X-Field: 1\r\n",
                                               .body = body,
                                               .body_bytes = sizeof(body) - 1,
                                               .release = release,
                                               .context = "context"});
}

// Counts to 3000, some lines at a time.
static size_t count_lines(void *context, char *buffer, size_t size_bytes)
{
    static int line;
    size_t used = 0;
    assert_string_equal(context, "context");
    for (; line < 3000 && size_bytes - used > 16; line++)
        used += (size_t)sprintf(buffer + used, "%d\n", line);
    if (used == 0)
        line = 0;
    return used;
}

static void count(struct http_request *request)
{
    http_answer(request, &(struct http_answer){.status = 200,
                                               .produce = count_lines,
                                               .release = release,
                                               .context = "context"});
}

static unsigned small_accept(struct http_request *request)
{
    return http_header(request, "X-Refuse", NULL) ? 417 : 0;
}

static unsigned stream_receive(struct http_request *request, const char *data, size_t size_bytes)
{
    *http_state(request) = &streamed_bytes;
    streamed_bytes += size_bytes;
    return memchr(data, '!', size_bytes) ? 400 : 0;
}

static void stream_abandon(struct http_request *request)
{
    if (*http_state(request))
        assert_ptr_equal(*http_state(request), &streamed_bytes);
    abandoned++;
}

static void stream_handle(struct http_request *request)
{
    http_answer_format(request, 200, "%zu", streamed_bytes);
}

static void routes_add(void)
{
    http_route("GET", "/show/:name", show);
    http_route("DELETE", "/show/:name", show);
    http_route("GET", "/rest/*name", show);
    http_route("GET", "/both/:x/of/:name", show);
    http_route("POST", "/echo", echo);
    http_route("POST", "/hold", hold);
    http_route("GET", "/hold", hold);
    http_route("GET", "/lend", lend);
    http_route("GET", "/count", count);
    http_route_add(&(struct http_route){.method = "PUT",
                                        .path = "/small",
                                        .body_bytes_max = 8,
                                        .handle = echo,
                                        .accept = small_accept});
    http_route_add(&(struct http_route){.method = "PUT", .path = "/none", .handle = echo});
    http_route_add(&(struct http_route){
        .method = "GET", .path = "/thread", .handle = lend, .in_thread = true});
    http_route_add(&(struct http_route){.method = "POST",
                                        .path = "/stream",
                                        .body_bytes_max = 1 << 20,
                                        .handle = stream_handle,
                                        .receive = stream_receive,
                                        .abandon = stream_abandon});
}

// Threads of the host's machine run when the test says so.
static void (*thread_entry)(void *argument);
static void *thread_argument;
static bool thread_fails;

struct thread *thread_create(const char *name, void (*entry)(void *argument), void *argument)
{
    (void)name;
    if (thread_fails)
        return NULL;
    thread_entry = entry;
    thread_argument = argument;
    return (struct thread *)&thread_entry;
}

// ---- the table ----------------------------------------------------------------------------------

#define GET(target) "GET " target " HTTP/1.1\r\n" HOST "\r\n"

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
    {"PUT /small HTTP/1.1\r\n" HOST "X-Refuse: \r\nContent-Length: 8\r\n\r\n", 417, false, NULL},
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
    assert_non_null(strstr(client.output, "\r\nAllow: DELETE, GET, HEAD\r\n"));
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

// Returns: the bytes of `text` that were read.
static size_t offer(const char *text)
{
    return http_connection_receive(&client.http, text, strlen(text));
}

static void an_answer_may_come_later(void **state)
{
    (void)state;
    static const char requests[] = GET("/hold") GET("/show/next");
    client_open();
    client_wakes = 0;
    size_t read = offer(requests);
    assert_int_equal(read, strlen(GET("/hold")));
    assert_int_equal(http_connection_state(&client.http), HTTP_WAITING);
    assert_int_equal(offer(requests + read), 0);
    assert_true(http_is_wanted(held));
    http_answer_format(held, 200, "late");
    assert_int_equal(client_wakes, 1);
    assert_int_equal(http_connection_state(&client.http), HTTP_IDLE);
    assert_int_equal(offer(requests + read), strlen(requests) - read);
    assert_int_equal(responses_in(client.output), 2);
    client_close();
    // with an end of the connection after it
    static const char last[] = "GET /hold HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
    client_open();
    assert_int_equal(offer(last), strlen(last));
    assert_int_equal(http_connection_state(&client.http), HTTP_WAITING);
    http_answer_status(held, 404);
    assert_int_equal(http_connection_state(&client.http), HTTP_FINISHED);
    assert_non_null(strstr(client.output, "\r\nConnection: close\r\n"));
    client_close();
}

static void a_client_may_go_before_its_answer(void **state)
{
    (void)state;
    client_open();
    assert_int_equal(offer(GET("/hold")), strlen(GET("/hold")));
    client_close();
    client.used = 0;
    assert_false(http_is_wanted(held));
    released = 0;
    http_answer(
        held,
        &(struct http_answer){
            .status = 200, .body = "x", .body_bytes = 1, .release = release, .context = "context"});
    assert_int_equal(released, 1);
    assert_int_equal(client.used, 0);
    // or be refused meanwhile
    client_open();
    assert_int_equal(offer(GET("/hold")), strlen(GET("/hold")));
    http_connection_refuse(&client.http, 503);
    assert_int_equal(http_connection_state(&client.http), HTTP_FINISHED);
    http_answer_format(held, 200, "too late");
    assert_int_equal(responses_in(client.output), 1);
    client_close();
}

static void a_lent_body_is_given_back_once(void **state)
{
    (void)state;
    client_open();
    released = 0;
    client.room = 60; // the head, and not all of the body
    assert_int_equal(offer(GET("/lend")), strlen(GET("/lend")));
    assert_int_equal(released, 0);
    client.room = SIZE_MAX;
    http_connection_resume(&client.http);
    assert_int_equal(released, 1);
    assert_non_null(strstr(client.output, "\r\nContent-Type: text/x\r\nContent-Length: 16\r\n"
                                          "X-Field: 1\r\n\r\nlent for a while"));
    client_close();
    assert_int_equal(released, 1);
    client_open();
    client.room = 60;
    assert_int_equal(offer(GET("/lend")), strlen(GET("/lend")));
    client_close(); // in the middle
    assert_int_equal(released, 2);
}

// Takes a chunked body apart, in place. Returns: what follows it.
static char *unchunk(char *at)
{
    char *to = at;
    for (;;) {
        char *data;
        size_t size = strtoul(at, &data, 16);
        assert_memory_equal(data, "\r\n", 2);
        memmove(to, data + 2, size);
        to += size;
        at = data + 2 + size;
        assert_memory_equal(at, "\r\n", 2);
        at += 2;
        if (size == 0)
            break;
    }
    memmove(to + 1, at, strlen(at) + 1);
    *to = '\0';
    return to + 1;
}

static void a_body_may_be_made_while_it_is_sent(void **state)
{
    (void)state;
    static char expected[1 << 15];
    for (int line = 0, used = 0; line < 3000; line++)
        used += sprintf(expected + used, "%d\n", line);
    static const char requests[] = GET("/count") GET("/show/next");
    released = 0;
    client_open();
    client.room = 0;
    size_t read = offer(requests);
    while (http_connection_state(&client.http) == HTTP_WRITING) { // a network that takes little
        client.room = 1000;
        http_connection_resume(&client.http);
    }
    client.room = SIZE_MAX;
    assert_int_equal(released, 1);
    assert_int_equal(offer(requests + read), strlen(requests) - read);
    assert_non_null(strstr(client.output, "\r\nTransfer-Encoding: chunked\r\n\r\n"));
    char *body = strstr(client.output, "\r\n\r\n") + 4;
    char *next = unchunk(body);
    assert_string_equal(body, expected);
    assert_int_equal(status_of(next), 200);
    client_close();
    // HTTP/1.0 reads until the end, and HEAD nothing
    exchange("GET /count HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_string_equal(strstr(client.output, "\r\n\r\n") + 4, expected);
    assert_null(strstr(client.output, "Transfer-Encoding"));
    assert_int_equal(http_connection_state(&client.http), HTTP_FINISHED);
    client_close();
    exchange("HEAD /count HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(http_connection_state(&client.http), HTTP_IDLE);
    assert_string_equal(strstr(client.output, "\r\n\r\n"), "\r\n\r\n");
    client_close();
    // the client goes in the middle
    client_open();
    client.room = 5000;
    assert_int_equal(offer(GET("/count")), strlen(GET("/count")));
    client_close();
    assert_int_equal(released, 4);
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

static void a_thread_may_answer(void **state)
{
    (void)state;
    client_open();
    client_wakes = 0;
    assert_int_equal(offer(GET("/thread")), strlen(GET("/thread")));
    assert_int_equal(http_connection_state(&client.http), HTTP_WAITING);
    thread_entry(thread_argument);
    assert_int_equal(status_of(client.output), 201);
    assert_int_equal(client_wakes, 1);
    client_close();
    thread_fails = true;
    exchange(GET("/thread"));
    assert_int_equal(status_of(client.output), 503);
    assert_int_equal(http_connection_state(&client.http), HTTP_IDLE);
    client_close();
    thread_fails = false;
}

static void answers_that_are_long_are_whole(void **state)
{
    (void)state;
    char *long_text = malloc(5000);
    memset(long_text, 'x', 4999);
    long_text[4999] = '\0';
    client_open();
    assert_int_equal(offer(GET("/hold")), strlen(GET("/hold")));
    http_answer_format(held, 200, "%s", long_text);
    assert_string_equal(strstr(client.output, "\r\n\r\n") + 4, long_text);
    client_close();
    free(long_text);
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
        cmocka_unit_test(an_answer_may_come_later),
        cmocka_unit_test(a_client_may_go_before_its_answer),
        cmocka_unit_test(a_lent_body_is_given_back_once),
        cmocka_unit_test(a_body_may_be_made_while_it_is_sent),
        cmocka_unit_test(a_stream_that_ends_early_is_abandoned),
        cmocka_unit_test(bodies_have_so_much_memory_together),
        cmocka_unit_test(a_thread_may_answer),
        cmocka_unit_test(answers_that_are_long_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// http/answer.c: what handlers answer, at once, later, in pieces or from a thread.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_handlers.h"

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

// What followed such a head would be read as the next answer.
static void answers_that_have_no_body_have_none(void **state)
{
    (void)state;
    static const unsigned statuses[] = {204, 304};
    static const struct http_answer answers[] = {
        {.body = "body", .body_bytes = 4},
        {.body = "body", .body_bytes = 4, .lasting = true},
        {.body = "body", .body_bytes = 4, .release = release, .context = "context"},
        {.produce = count_lines, .release = release, .context = "context"},
    };
    released = 0;
    for (size_t i = 0; i < ARRAY_COUNT(statuses) * ARRAY_COUNT(answers); i++) {
        struct http_answer answer = answers[i / ARRAY_COUNT(statuses)];
        answer.status = statuses[i % ARRAY_COUNT(statuses)];
        client_open();
        assert_int_equal(offer(GET("/hold")), strlen(GET("/hold")));
        http_answer(held, &answer);
        assert_int_equal(status_of(client.output), answer.status);
        assert_string_equal(strstr(client.output, "\r\n\r\n"), "\r\n\r\n");
        assert_null(strstr(client.output, "Transfer-Encoding"));
        assert_int_equal(http_connection_state(&client.http), HTTP_IDLE);
        client_close();
    }
    assert_int_equal(released, 4);
}

static void a_status_that_is_none_is_the_handlers_fault(void **state)
{
    (void)state;
    static const unsigned statuses[] = {0, 100, 199, 600};
    for (volatile size_t i = 0; i < ARRAY_COUNT(statuses); i++) {
        client_open();
        assert_int_equal(offer(GET("/hold")), strlen(GET("/hold")));
        if (!host_panicked()) {
            http_answer(held, &(struct http_answer){.status = statuses[i]});
            fail();
        }
        http_answer_status(held, 500);
        client_close();
    }
}

int main(void)
{
    routes_add();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_may_come_later),
        cmocka_unit_test(a_client_may_go_before_its_answer),
        cmocka_unit_test(a_lent_body_is_given_back_once),
        cmocka_unit_test(a_body_may_be_made_while_it_is_sent),
        cmocka_unit_test(a_thread_may_answer),
        cmocka_unit_test(answers_that_are_long_are_whole),
        cmocka_unit_test(answers_that_have_no_body_have_none),
        cmocka_unit_test(a_status_that_is_none_is_the_handlers_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

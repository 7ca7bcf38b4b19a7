// SPDX-License-Identifier: MIT
// http/memo.c: requests that came before, byte for byte, are answered as the first time.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>

#include "apps/http/site.h"
#include "http/date.h"
#include "http_client.h"
#include "http_machine.h"
#include "http_requests.h"

// Whatever came before, each request is answered as it was the first time.
static void known_requests_are_answered_alike(void **state)
{
    (void)state;
    static char first[ARRAY_COUNT(requests)][4096];
    for (unsigned round = 0; round < 4; round++) {
        for (size_t i = 0; i < ARRAY_COUNT(requests); i++) {
            const char *output = exchange(requests[i].request);
            assert_int_equal(status_of(output), requests[i].status);
            assert_int_equal(http_connection_state(&client.http) != HTTP_FINISHED,
                             requests[i].keeps);
            if (strstr(requests[i].request, "hello") != NULL) {
                if (round == 0)
                    strncpy(first[i], output, sizeof(first[i]) - 1);
                assert_string_equal(output, first[i]);
            }
            client_close();
        }
    }
}

// The date in the answer to a known request is that of now.
static void known_requests_have_the_date(void **state)
{
    (void)state;
    static const char *const dates[] = {"Tue, 14 Nov 2023 22:13:20", "Tue, 14 Nov 2023 22:13:21"};
    client_open();
    for (unsigned i = 0; i < 6; i++) {
        client.used = 0;
        http_date_set(1700000000 + i / 3);
        client_send("GET /hello.txt HTTP/1.1\r\n" HOST "\r\n",
                    strlen("GET /hello.txt HTTP/1.1\r\n" HOST "\r\n"));
        assert_non_null(strstr(client.output, dates[i / 3]));
        assert_int_equal(responses_in(client.output), 1);
    }
    client_close();
    http_date_set(0);
}

static void known_requests_in_one_piece(void **state)
{
    (void)state;
    static const char plain[] = "GET /hello.txt HTTP/1.1\r\n" HOST "\r\n";
    static const char head[] = "HEAD /hello.txt HTTP/1.1\r\n" HOST "\r\n";
    static const char other[] = "GET /nothing HTTP/1.1\r\n" HOST "\r\n";
    client_open();
    client_send(plain, strlen(plain)); // known from here on
    size_t one_bytes = client.used;
    static const char *const pieces[] = {plain, plain, head, plain, other, plain, plain, plain};
    char all[1024] = "";
    for (size_t i = 0; i < ARRAY_COUNT(pieces); i++)
        strcat(all, pieces[i]);
    client.used = 0;
    client_send(all, strlen(all));
    assert_int_equal(responses_in(client.output), ARRAY_COUNT(pieces));
    assert_int_equal(client.http.answered, 1 + ARRAY_COUNT(pieces));

    // Cut anywhere, it is the same.
    char *whole = strdup(client.output);
    for (size_t cut = 1; cut < strlen(all); cut++) {
        client.used = 0;
        client_send_cut(all, strlen(all), cut);
        assert_string_equal(client.output, whole);
    }
    free(whole);

    // Without room for the whole answer the rest follows, and then the next request is read.
    for (size_t room = 0; room < 2 * one_bytes; room++) {
        client.used = 0;
        client.room = room;
        char two[256];
        snprintf(two, sizeof(two), "%s%s", plain, plain);
        size_t read = http_connection_receive(&client.http, two, strlen(two));
        assert_int_equal(read, room < one_bytes ? strlen(plain) : strlen(two));
        client.room = SIZE_MAX;
        http_connection_resume(&client.http);
        assert_int_equal(http_connection_receive(&client.http, two + read, strlen(two) - read),
                         strlen(two) - read);
        assert_int_equal(client.used, 2 * one_bytes);
        assert_int_equal(responses_in(client.output), 2);
    }
    client_close();
}

int main(void)
{
    site_serve();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_requests_are_answered_alike),
        cmocka_unit_test(known_requests_have_the_date),
        cmocka_unit_test(known_requests_in_one_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

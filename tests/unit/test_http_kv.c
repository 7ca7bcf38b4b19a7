// SPDX-License-Identifier: MIT
// apps/http/kv.c and kv_store.c: what clients see of /kv, on four cores.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/http/kv.h"
#include "apps/http/kv_store.h"
#include "http_client.h"
#include "http_kv_machine.h"
#include "kernel/siphash.h"

#define LIMIT (4u << 20) // of each core

// ---- a client -----------------------------------------------------------------------------------

// Sends a request on a new connection and lets all messages arrive. Returns: the status.
static unsigned ask(const char *method, const char *key, const char *fields, const char *body)
{
    static char request[2048];
    int length = snprintf(request, sizeof(request),
                          "%s /kv/%s HTTP/1.1\r\n" HOST "%sContent-Length: %zu\r\n\r\n%s", method,
                          key, fields, strlen(body), body);
    assert_true(length < (int)sizeof(request));
    exchange(request);
    deliver_all();
    assert_int_equal(http_connection_state(&client.http),
                     strstr(client.output, "Connection: close\r\n") ? HTTP_FINISHED : HTTP_IDLE);
    client_close();
    return status_of(client.output);
}

static const char *body_of(const char *output)
{
    return strstr(output, "\r\n\r\n") + 4;
}

static void etag_of(const char *output, char *etag)
{
    const char *at = strstr(output, "\r\nETag: ");
    assert_non_null(at);
    assert_int_equal(sscanf(at + 8, "%31[^\r]", etag), 1);
}

// ---- tests --------------------------------------------------------------------------------------

static void values_are_put_read_and_deleted(void **state)
{
    (void)state;
    assert_int_equal(ask("GET", "a", "", ""), 404);
    assert_int_equal(ask("PUT", "a", "", "one"), 201);
    assert_int_equal(ask("PUT", "a", "", "two"), 204);
    assert_int_equal(ask("GET", "a", "", ""), 200);
    assert_string_equal(body_of(client.output), "two");
    assert_int_equal(ask("HEAD", "a", "", ""), 200);
    assert_string_equal(body_of(client.output), "");
    assert_non_null(strstr(client.output, "\r\nContent-Length: 3\r\n"));
    assert_int_equal(ask("PUT", "a", "", ""), 204);
    assert_int_equal(ask("GET", "a", "", ""), 200);
    assert_string_equal(body_of(client.output), "");
    assert_int_equal(ask("DELETE", "a", "", ""), 204);
    assert_int_equal(ask("DELETE", "a", "", ""), 404);
    assert_int_equal(ask("GET", "a", "", ""), 404);
    assert_int_equal(ask("POST", "a", "", ""), 405);
    assert_non_null(strstr(client.output, "\r\nAllow: DELETE, GET, HEAD, PUT\r\n"));
}

static void keys_are_any_bytes(void **state)
{
    (void)state;
    static const char *const keys[] = {"%00", "%2F", "%2e%2e", "%2E", "a%20b", "+", "%FF%fe", "~"};
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++)
        assert_int_equal(ask("PUT", keys[i], "", keys[i]), 201);
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        assert_int_equal(ask("GET", keys[i], "", ""), 200);
        assert_string_equal(body_of(client.output), keys[i]);
    }
    hops = 0;
    assert_int_equal(ask("GET", "", "", ""), 200);
    assert_true(hops >= 4); // every core was asked
    static const char *const listed[] = {"%00\n",   "%2F\n", "%2E%2E\n", "%2E\n",
                                         "a%20b\n", "%2B\n", "%FF%FE\n"};
    for (size_t i = 0; i < ARRAY_COUNT(listed); i++)
        assert_non_null(strstr(body_of(client.output), listed[i]));
    assert_int_equal(ask("GET", "?prefix=a%20", "", ""), 200);
    assert_non_null(strstr(client.output, "a%20b\n"));
    assert_null(strstr(client.output, "~"));
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++)
        assert_int_equal(ask("DELETE", keys[i], "", ""), 204);
    assert_int_equal(ask("GET", "", "", ""), 200);
    assert_string_equal(body_of(client.output), "");
    assert_int_equal(kv_counts_get().used_bytes, 0);
    assert_int_equal(kv_counts_get().keys, 0);
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    char key[KV_KEY_BYTES_MAX + 2], fields[64];
    memset(key, 'k', sizeof(key));
    key[KV_KEY_BYTES_MAX + 1] = '\0';
    assert_int_equal(ask("PUT", key, "", "x"), 414);
    assert_int_equal(ask("GET", key, "", ""), 414);
    key[KV_KEY_BYTES_MAX] = '\0';
    assert_int_equal(ask("PUT", key, "", "x"), 201);
    assert_int_equal(ask("DELETE", key, "", ""), 204);
    snprintf(fields, sizeof(fields), "Content-Length: %d\r\n\r\n", KV_VALUE_BYTES_MAX + 1);
    char request[256];
    snprintf(request, sizeof(request), "PUT /kv/a HTTP/1.1\r\n" HOST "%s", fields);
    exchange(request);
    assert_int_equal(status_of(client.output), 413);
    client_close();
}

// A client that goes on with an upload means to put a part.
static void a_part_does_not_replace_the_whole(void **state)
{
    (void)state;
    assert_int_equal(ask("PUT", "part", "", "whole"), 201);
    assert_int_equal(ask("PUT", "part", "Content-Range: bytes 3-4/5\r\n", "le"), 400);
    assert_int_equal(ask("GET", "part", "", ""), 200);
    assert_string_equal(body_of(client.output), "whole");
    assert_int_equal(ask("DELETE", "part", "", ""), 204);
}

static void conditions_compare_and_set(void **state)
{
    (void)state;
    char etag[32], other[32], fields[128];
    assert_int_equal(ask("PUT", "c", "If-Match: *\r\n", "0"), 412);
    assert_int_equal(ask("PUT", "c", "If-None-Match: *\r\n", "1"), 201);
    etag_of(client.output, etag);
    assert_int_equal(ask("PUT", "c", "If-None-Match: *\r\n", "2"), 412);
    snprintf(fields, sizeof(fields), "If-Match: \"x\", %s\r\n", etag);
    assert_int_equal(ask("PUT", "c", fields, "3"), 204);
    etag_of(client.output, other);
    assert_string_not_equal(etag, other);
    assert_int_equal(ask("PUT", "c", fields, "4"), 412);
    assert_int_equal(ask("DELETE", "c", fields, ""), 412);
    snprintf(fields, sizeof(fields), "If-None-Match: %s\r\n", other);
    assert_int_equal(ask("GET", "c", fields, ""), 304);
    assert_string_equal(body_of(client.output), "");
    assert_int_equal(ask("GET", "c", "", ""), 200);
    assert_string_equal(body_of(client.output), "3");
    snprintf(fields, sizeof(fields), "If-Match: %s\r\n", other);
    assert_int_equal(ask("DELETE", "c", fields, ""), 204);
}

// A core's limit holds, whatever is put, and all of it is there again afterwards.
static void memory_has_a_limit(void **state)
{
    (void)state;
    static char head[128], body[KV_VALUE_BYTES_MAX];
    unsigned stored = 0, status = 201;
    for (; status == 201; stored += status == 201) {
        client_open();
        snprintf(head, sizeof(head), "PUT /kv/m%u HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
                 stored, sizeof(body));
        client_send(head, strlen(head));
        client_send(body, sizeof(body));
        deliver_all();
        status = status_of(client.output);
        client_close();
    }
    assert_int_equal(status, 507);
    assert_int_equal(stored, LIMIT / KV_VALUE_BYTES_MAX - 1);
    assert_int_equal(ask("PUT", "m0", "", "smaller"), 204);
    for (unsigned i = 0; i < stored; i++) {
        char key[16];
        snprintf(key, sizeof(key), "m%u", i);
        assert_int_equal(ask("DELETE", key, "", ""), 204);
    }
    assert_int_equal(kv_counts_get().used_bytes, 0);
}

// At every stage of a request's way, with each method.
static void clients_may_go_at_any_moment(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET /kv/g HTTP/1.1\r\n" HOST "\r\n",
        "PUT /kv/g HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi",
        "GET /kv/ HTTP/1.1\r\n" HOST "\r\n",
        "DELETE /kv/h HTTP/1.1\r\n" HOST "\r\n",
    };
    assert_int_equal(ask("PUT", "g", "", "value"), 201);
    for (size_t i = 0; i < ARRAY_COUNT(requests); i++) {
        for (unsigned steps = 0; steps < 7; steps++) {
            exchange(requests[i]);
            for (unsigned step = 0; step < steps; step++)
                deliver();
            client_close();
            deliver_all();
        }
    }
    assert_int_equal(ask("DELETE", "g", "", ""), 204);
    assert_int_equal(kv_counts_get().used_bytes, 0);
}

// The value that was asked for is sent, although another has taken its place meanwhile.
static void a_slow_reader_gets_what_it_asked_for(void **state)
{
    (void)state;
    assert_int_equal(ask("PUT", "s", "", "the old value"), 201);
    static struct client slow;
    client_open();
    client.room = 100; // the head, and not all of the body
    client_send("GET /kv/s HTTP/1.1\r\n" HOST "\r\n", strlen("GET /kv/s HTTP/1.1\r\n" HOST "\r\n"));
    deliver_all();
    assert_int_equal(http_connection_state(&client.http), HTTP_WRITING);
    struct kv_counts before = kv_counts_get();
    slow = client;
    assert_int_equal(ask("PUT", "s", "", "a new one"), 204);
    assert_true(kv_counts_get().used_bytes > before.used_bytes); // both are there
    memcpy(client.output, slow.output, sizeof(client.output));
    client.http = slow.http;
    client.used = slow.used;
    client.room = SIZE_MAX;
    http_connection_resume(&client.http);
    deliver_all();
    assert_string_equal(body_of(client.output), "the old value");
    client_close();
    assert_true(kv_counts_get().used_bytes < before.used_bytes + 9);
    assert_int_equal(ask("DELETE", "s", "", ""), 204);
    assert_int_equal(kv_counts_get().used_bytes, 0);
}

// The reference value of SipHash-2-4: key 00..0f, text 00..0e.
static void the_hash_is_the_known_one(void **state)
{
    (void)state;
    struct siphash_key key;
    unsigned char text[15];
    for (unsigned i = 0; i < 16; i++)
        ((unsigned char *)&key)[i] = (unsigned char)i;
    for (unsigned i = 0; i < 15; i++)
        text[i] = (unsigned char)i;
    assert_true(siphash(&key, text, 15) == 0xa129ca6149be45e5);
    assert_true(siphash(&key, text, 0) == 0x726fdb47dd0e0e31);
    assert_true(siphash(&key, text, 8) == 0x93f5f5799a932462);
}

int main(void)
{
    kv_serve(4 * LIMIT >> 20);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_put_read_and_deleted),
        cmocka_unit_test(keys_are_any_bytes),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(a_part_does_not_replace_the_whole),
        cmocka_unit_test(conditions_compare_and_set),
        cmocka_unit_test(memory_has_a_limit),
        cmocka_unit_test(clients_may_go_at_any_moment),
        cmocka_unit_test(a_slow_reader_gets_what_it_asked_for),
        cmocka_unit_test(the_hash_is_the_known_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// tls/stream.c over a socket that is a fake: whoever waits on it lets the other side, a server of
// tls/connection.h that sends back what it gets, do its part.
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/socket.h"
#include "tls/connection.h"
#include "tls/stream.h"
#include "tls_below.h"

#define BYTES (1 << 18)

struct tcp_socket {
    uint8_t in[BYTES]; // for us
    size_t in_at, in_bytes;
    struct tls_connection *peer;
    bool ended;   // by the peer, of TCP
    bool no_room; // for what we send
    size_t piece; // at most so many bytes are lent at once
};
static struct tcp_socket wire;
static struct tls_context *server, *client;
static struct tls_stream *stream;
static char why[TLS_WHY_BYTES];

static size_t from_peer(void *owner, const void *data, size_t size_bytes)
{
    (void)owner;
    assert_true(wire.in_bytes + size_bytes <= BYTES);
    memcpy(wire.in + wire.in_bytes, data, size_bytes);
    wire.in_bytes += size_bytes;
    return size_bytes;
}

int tcp_socket_send(struct tcp_socket *socket, const void *data, size_t size_bytes,
                    uint64_t deadline_ns)
{
    (void)deadline_ns;
    if (socket->no_room)
        return -ETIMEDOUT;
    while (size_bytes > 0) {
        size_t read = tls_connection_receive(socket->peer, data, size_bytes);
        data = (const char *)data + read;
        size_bytes -= read;
        size_t plain_bytes;
        char *plain = tls_connection_plain(socket->peer, &plain_bytes);
        if (plain == NULL)
            continue;
        assert_int_equal(tls_connection_send(socket->peer, plain, plain_bytes), plain_bytes);
        tls_connection_take(socket->peer, plain_bytes);
    }
    return 0;
}

ssize_t tcp_socket_borrow(struct tcp_socket *socket, const void **data, uint64_t deadline_ns)
{
    (void)deadline_ns;
    size_t left = socket->in_bytes - socket->in_at;
    *data = socket->in + socket->in_at;
    if (left == 0)
        return socket->ended ? 0 : -ETIMEDOUT;
    return (ssize_t)(left < socket->piece ? left : socket->piece);
}

void tcp_socket_return(struct tcp_socket *socket, size_t size_bytes)
{
    socket->in_at += size_bytes;
    assert_true(socket->in_at <= socket->in_bytes);
    if (socket->in_at == socket->in_bytes)
        socket->in_at = socket->in_bytes = 0;
}

static int open_stream(const char *host)
{
    wire.in_at = wire.in_bytes = 0;
    wire.piece = 700;
    wire.ended = wire.no_room = false;
    wire.peer = tls_connection_create(server, NULL, from_peer, NULL);
    stream = NULL;
    return tls_stream_open(client, host, &wire, TIME_NEVER, &stream, why);
}

static void close_stream(void)
{
    tls_stream_close(stream);
    tls_connection_destroy(wire.peer);
    wire.peer = NULL;
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(tls_start(why), 0);
    server = tls_below_server("chain.pem", "server.key", NULL, why);
    client = tls_below_client("ca.pem", NULL, why);
    return server != NULL && client != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    tls_context_destroy(server);
    tls_context_destroy(client);
    return 0;
}

static void test_echo(void **state)
{
    (void)state;
    assert_int_equal(open_stream("toril.test"), 0);
    assert_string_equal(tls_stream_version(stream), "TLSv1.3");
    char *data = malloc(50000), *back = malloc(50000);
    for (size_t i = 0; i < 50000; i++)
        data[i] = (char)(i * 7 >> 3);
    assert_int_equal(tls_stream_send(stream, data, 50000, TIME_NEVER), 0);
    size_t got = 0;
    while (got < 50000) {
        ssize_t now = tls_stream_receive(stream, back + got, 50000 - got, TIME_NEVER);
        assert_true(now > 0);
        got += (size_t)now;
    }
    assert_memory_equal(back, data, 50000);
    free(data);
    free(back);
    assert_int_equal(tls_stream_receive(stream, &got, 1, 0), -ETIMEDOUT);
    assert_int_equal(tls_stream_end(stream, TIME_NEVER), 0);
    assert_int_equal(tls_connection_state(wire.peer), TLS_ENDED);
    assert_int_equal(tls_stream_send(stream, "x", 1, TIME_NEVER), -EPIPE);
    tls_connection_close(wire.peer);
    assert_int_equal(tls_stream_receive(stream, &got, 1, TIME_NEVER), 0);
    close_stream();
}

static void test_name_is_checked(void **state)
{
    (void)state;
    assert_int_equal(open_stream("elsewhere.test"), -EPROTO);
    assert_null(stream);
    assert_non_null(strstr(why, "for another name"));
    close_stream();
}

static void test_ends_that_are_no_end(void **state)
{
    (void)state;
    char byte;
    assert_int_equal(open_stream("toril.test"), 0);
    wire.ended = true;
    wire.in_at = wire.in_bytes;
    assert_int_equal(tls_stream_receive(stream, &byte, 1, TIME_NEVER), -ECONNRESET);
    close_stream();
    assert_int_equal(open_stream("toril.test"), 0);
    assert_int_equal(tls_stream_send(stream, "hello", 5, TIME_NEVER), 0);
    wire.in[wire.in_bytes - 1] ^= 1;
    assert_int_equal(tls_stream_receive(stream, &byte, 1, TIME_NEVER), -EPROTO);
    assert_non_null(strstr(tls_stream_failure(stream), "changed"));
    assert_int_equal(tls_stream_receive(stream, &byte, 1, TIME_NEVER), -EPROTO);
    close_stream();
    assert_int_equal(open_stream("toril.test"), 0);
    wire.no_room = true;
    assert_int_equal(tls_stream_send(stream, "hello", 5, TIME_NEVER), -ETIMEDOUT);
    close_stream();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_echo, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_name_is_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ends_that_are_no_end, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

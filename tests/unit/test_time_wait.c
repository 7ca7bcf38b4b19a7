// SPDX-License-Identifier: MIT
// Connections that are over are remembered for some seconds (TIME-WAIT), and not for ever: whether
// all others rest or one of them waits for an answer, which is another clock.
#include "mirror.h"

#define PORT 7

static void open_one(struct tcp_listener *listener, struct tcp_socket **client,
                     struct tcp_socket **server)
{
    struct socket_address to = peer_at(PORT);
    assert_int_equal(tcp_socket_connect(&to, in_s(60), client), 0);
    assert_int_equal(tcp_listener_accept(listener, in_s(60), server), 0);
}

static void close_one(struct tcp_socket *client, struct tcp_socket *server)
{
    tcp_socket_close(client);
    tcp_socket_close(server);
    thread_sleep_until(in_s(1)); // both ends have told each other
    assert_non_null(tcp_tw_pcbs);
}

// TIME-WAIT lasts five seconds, or one more.
static void expect_forgotten(void)
{
    thread_sleep_until(in_s(3));
    assert_non_null(tcp_tw_pcbs);
    thread_sleep_until(in_s(4));
    assert_null(tcp_tw_pcbs);
}

static void remembered(void)
{
    struct tcp_listener *listener;
    struct tcp_socket *client, *server, *other_client, *other_server;
    assert_int_equal(tcp_listener_open(PORT, &listener), 0);
    open_one(listener, &client, &server);
    close_one(client, server);
    assert_null(tcp_active_pcbs);
    expect_forgotten();

    open_one(listener, &other_client, &other_server);
    open_one(listener, &client, &server);
    close_one(client, server);
    loss_percent = 100;
    assert_int_equal(tcp_socket_send(other_client, "lost", 4, in_s(1)), 0);
    expect_forgotten();
    assert_non_null(tcp_active_pcbs);
    loss_percent = 0;
    char buffer[4];
    assert_int_equal(tcp_socket_receive(other_server, buffer, sizeof(buffer), in_s(60)), 4);
    close_one(other_client, other_server);
    tcp_listener_close(listener);
}

static void what_is_over_is_forgotten(void **state)
{
    (void)state;
    run(remembered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_over_is_forgotten),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}

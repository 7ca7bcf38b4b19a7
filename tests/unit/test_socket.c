// SPDX-License-Identifier: MIT
// Sockets between the kernel's own threads, both ends of each connection on this machine.
#include "mirror.h"

#include <errno.h>
#include <stdlib.h>

#include "kernel/sync.h"
#include "net/steer.h"

#define PORT 7

// ---- memory that runs out -----------------------------------------------------------------------

static int allocations_left = -1; // -1: enough

static bool allocation_fails(void)
{
    if (allocations_left == 0)
        return true;
    if (allocations_left > 0)
        allocations_left--;
    return false;
}

void *heap_alloc(size_t size_bytes)
{
    return allocation_fails() ? NULL : malloc(size_bytes);
}

void *heap_alloc_zeroed(size_t size_bytes)
{
    return allocation_fails() ? NULL : calloc(1, size_bytes);
}

// Both ends of one connection.
struct pair {
    struct tcp_listener *listener;
    struct tcp_socket *client, *server;
};

static struct pair pair_open(void)
{
    struct pair pair;
    struct socket_address to = peer_at(PORT);
    assert_int_equal(tcp_listener_open(PORT, &pair.listener), 0);
    assert_int_equal(tcp_socket_connect(&to, in_s(60), &pair.client), 0);
    assert_int_equal(tcp_listener_accept(pair.listener, in_s(60), &pair.server), 0);
    return pair;
}

static void pair_close(struct pair *pair)
{
    tcp_socket_close(pair->client);
    tcp_socket_close(pair->server);
    tcp_listener_close(pair->listener);
}

static void expect_text(struct tcp_socket *socket, const char *text)
{
    char buffer[100];
    size_t size = strlen(text);
    for (size_t done = 0; done < size;) {
        ssize_t now = tcp_socket_receive(socket, buffer + done, size - done, in_s(60));
        assert_true(now > 0);
        done += (size_t)now;
    }
    assert_memory_equal(buffer, text, size);
}

static void send_text(struct tcp_socket *socket, const char *text)
{
    assert_int_equal(tcp_socket_send(socket, text, strlen(text), in_s(60)), 0);
}

// ---- a stream both ways -------------------------------------------------------------------------

#define CLIENTS 3

static size_t stream_bytes;

static uint8_t stream_byte(unsigned client, size_t at)
{
    return (uint8_t)(at * 7 + at / 251 + client * 31);
}

static void echo(void *argument)
{
    struct tcp_socket *socket = argument;
    const void *data;
    ssize_t size;
    while ((size = tcp_socket_borrow(socket, &data, in_s(3600))) > 0) {
        size_t part = random_below(4) == 0 ? 1 + random_below((size_t)size) : (size_t)size;
        assert_int_equal(tcp_socket_send(socket, data, part, in_s(3600)), 0);
        tcp_socket_return(socket, part);
        if (random_below(8) == 0)
            thread_yield();
    }
    assert_int_equal(size, 0);
    tcp_socket_close(socket);
}

static void accept_all(void *argument)
{
    struct thread *threads[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        struct tcp_socket *socket;
        assert_int_equal(tcp_listener_accept(argument, in_s(3600), &socket), 0);
        threads[i] = start_thread(echo, socket);
    }
    for (int i = 0; i < CLIENTS; i++)
        join(threads[i]);
}

struct client {
    unsigned number;
    struct tcp_socket *socket;
};

static void write_stream(void *argument)
{
    struct client *client = argument;
    uint8_t *own = malloc(stream_bytes);
    for (size_t i = 0; i < stream_bytes; i++)
        own[i] = stream_byte(client->number, i);
    for (size_t done = 0, now; done < stream_bytes; done += now) {
        now = 1 + random_below(random_below(2) == 0 ? 100000 : 2000);
        if (now > stream_bytes - done)
            now = stream_bytes - done;
        int (*send)(struct tcp_socket *, const void *, size_t, uint64_t) =
            random_below(2) == 0 ? tcp_socket_send : tcp_socket_send_lasting;
        assert_int_equal(send(client->socket, own + done, now, in_s(3600)), 0);
    }
    assert_int_equal(tcp_socket_flush(client->socket, in_s(3600)), 0);
    free(own);
    tcp_socket_shutdown(client->socket);
}

static void use_stream(void *argument)
{
    struct client client = {(unsigned)(uintptr_t)argument, NULL};
    struct socket_address to = peer_at(PORT);
    assert_int_equal(tcp_socket_connect(&to, in_s(3600), &client.socket), 0);
    assert_int_equal(tcp_socket_peer(client.socket)->port, PORT);
    struct thread *writer = start_thread(write_stream, &client);
    size_t done = 0;
    for (ssize_t now;; done += (size_t)now) {
        uint8_t buffer[3000];
        now =
            tcp_socket_receive(client.socket, buffer, 1 + random_below(sizeof(buffer)), in_s(3600));
        assert_true(now >= 0);
        for (ssize_t i = 0; i < now; i++)
            assert_int_equal(buffer[i], stream_byte(client.number, done + (size_t)i));
        if (now == 0)
            break;
    }
    assert_int_equal(done, stream_bytes);
    join(writer);
    tcp_socket_close(client.socket);
}

static void streams(void)
{
    static const unsigned losses[] = {0, 3, 10};
    for (size_t k = 0; k < ARRAY_COUNT(losses); k++) {
        struct tcp_listener *listener;
        struct thread *clients[CLIENTS];
        loss_percent = losses[k];
        stream_bytes = k == 0 ? 300000 : 100000; // more than windows and buffers hold, or less
        assert_int_equal(tcp_listener_open(PORT, &listener), 0);
        struct thread *server = start_thread(accept_all, listener);
        for (uintptr_t i = 0; i < CLIENTS; i++)
            clients[i] = start_thread(use_stream, (void *)i);
        for (int i = 0; i < CLIENTS; i++)
            join(clients[i]);
        join(server);
        tcp_listener_close(listener);
    }
}

static void every_byte_arrives_in_order(void **state)
{
    (void)state;
    run(streams);
}

// ---- opening ------------------------------------------------------------------------------------

static void opening(void)
{
    struct tcp_socket *socket;
    struct socket_address to = peer_at(99);
    assert_int_equal(tcp_socket_connect(&to, in_s(60), &socket), -ECONNREFUSED);

    loss_percent = 100;
    uint64_t deadline_ns = in_s(3);
    assert_int_equal(tcp_socket_connect(&to, deadline_ns, &socket), -ETIMEDOUT);
    assert_true(time_now_ns() >= deadline_ns && time_now_ns() < deadline_ns + NS_PER_S);
    assert_null(tcp_active_pcbs);
    assert_int_equal(tcp_socket_connect(&to, TIME_NEVER, &socket), -ETIMEDOUT); // lwIP gives up
    loss_percent = 0;

    struct tcp_listener *listener, *second;
    assert_int_equal(tcp_listener_open(PORT, &listener), 0);
    assert_int_equal(tcp_listener_open(PORT, &second), -EADDRINUSE);
    assert_int_equal(tcp_listener_accept(listener, in_s(1), &socket), -ETIMEDOUT);
    assert_int_equal(tcp_listener_accept(listener, 0, &socket), -ETIMEDOUT);
    tcp_listener_close(listener);
}

static void what_cannot_be_opened_says_why(void **state)
{
    (void)state;
    run(opening);
}

// Clients that were there and went before anybody looked.
static void line(void)
{
    struct tcp_listener *listener;
    struct tcp_socket *clients[3], *socket;
    struct socket_address to = peer_at(PORT);
    assert_int_equal(tcp_listener_open(PORT, &listener), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(tcp_socket_connect(&to, in_s(60), &clients[i]), 0);
    send_text(clients[2], "early");
    tcp_socket_abort(clients[1]);
    thread_sleep_until(in_s(1));
    assert_int_equal(tcp_listener_accept(listener, 0, &socket), 0);
    tcp_socket_close(socket);
    assert_int_equal(tcp_listener_accept(listener, 0, &socket), 0);
    expect_text(socket, "early");
    tcp_socket_close(socket);
    assert_int_equal(tcp_listener_accept(listener, 0, &socket), -ETIMEDOUT);
    for (int i = 0; i < 3; i++)
        tcp_socket_close(clients[i]);

    // The last one in line goes; then one comes.
    assert_int_equal(tcp_socket_connect(&to, in_s(60), &clients[0]), 0);
    tcp_socket_abort(clients[0]);
    thread_sleep_until(in_s(1));
    assert_int_equal(tcp_socket_connect(&to, in_s(60), &clients[1]), 0);
    assert_int_equal(tcp_listener_accept(listener, in_s(1), &socket), 0);
    tcp_socket_close(socket);

    // Who is in line when the listener closes is reset.
    assert_int_equal(tcp_socket_connect(&to, in_s(60), &clients[2]), 0);
    tcp_listener_close(listener);
    char byte;
    assert_int_equal(tcp_socket_receive(clients[2], &byte, 1, in_s(60)), -ECONNRESET);
    for (int i = 0; i < 3; i++)
        tcp_socket_close(clients[i]);
}

static void clients_wait_in_line(void **state)
{
    (void)state;
    run(line);
}

static void try_all(void)
{
    struct tcp_listener *listener;
    struct tcp_socket *client, *server;
    struct udp_socket *datagrams;
    struct socket_address to = peer_at(PORT);
    if (tcp_listener_open(PORT, &listener) != 0)
        return;
    if (tcp_socket_connect(&to, in_s(10), &client) == 0) {
        if (tcp_listener_accept(listener, in_s(10), &server) == 0) {
            if (tcp_socket_send(server, "some bytes", 10, in_s(10)) == 0)
                (void)!tcp_socket_flush(server, in_s(10));
            tcp_socket_close(server);
        }
        tcp_socket_close(client);
    }
    tcp_listener_close(listener);
    if (udp_socket_open(0, &datagrams) != 0)
        return;
    udp_socket_send(datagrams, "some", 4, &to);
    udp_socket_close(datagrams);
}

static void little_memory(void)
{
    for (int i = 0; i < 24; i++) {
        allocations_left = i;
        try_all();
        allocations_left = -1;
        thread_sleep_until(in_s(60));
        try_all();
    }
}

static void without_memory_nothing_is_left_behind(void **state)
{
    (void)state;
    run(little_memory);
}

// ---- the end ------------------------------------------------------------------------------------

static void half_closed(void)
{
    struct pair pair = pair_open();
    char byte;
    send_text(pair.client, "question");
    tcp_socket_shutdown(pair.client);
    assert_int_equal(tcp_socket_send(pair.client, "x", 1, in_s(1)), -EPIPE);
    expect_text(pair.server, "question");
    assert_int_equal(tcp_socket_receive(pair.server, &byte, 1, in_s(60)), 0);
    send_text(pair.server, "answer");
    expect_text(pair.client, "answer");
    assert_int_equal(tcp_socket_receive(pair.client, &byte, 1, in_s(1)), -ETIMEDOUT);
    tcp_socket_shutdown(pair.server);
    assert_int_equal(tcp_socket_receive(pair.client, &byte, 1, in_s(60)), 0);
    thread_sleep_until(in_s(60)); // lwIP has forgotten both by now
    assert_null(tcp_tw_pcbs);
    assert_int_equal(tcp_socket_receive(pair.client, &byte, 1, in_s(60)), 0);
    assert_int_equal(tcp_socket_receive(pair.server, &byte, 1, in_s(60)), 0);
    assert_int_equal(tcp_socket_send(pair.server, "x", 1, in_s(1)), -EPIPE);
    assert_int_equal(tcp_socket_flush(pair.server, in_s(1)), -EPIPE);
    pair_close(&pair);
    assert_int_equal(resets_seen, 0);
}

static void each_side_ends_by_itself(void **state)
{
    (void)state;
    resets_seen = 0;
    run(half_closed);
}

static void unread_is_no_reset(void)
{
    struct pair pair = pair_open();
    send_text(pair.client, "never read");
    thread_sleep_until(in_s(1));
    send_text(pair.server, "the answer");
    tcp_socket_close(pair.server);
    expect_text(pair.client, "the answer");
    tcp_socket_close(pair.client);
    tcp_listener_close(pair.listener);
    assert_int_equal(resets_seen, 0);
}

static void what_was_sent_before_close_arrives(void **state)
{
    (void)state;
    resets_seen = 0;
    run(unread_is_no_reset);
}

static struct pair waited;
static unsigned ended;

static void wait_to_receive(void *expected)
{
    char byte;
    assert_int_equal(tcp_socket_receive(waited.server, &byte, 1, TIME_NEVER), (intptr_t)expected);
    ended++;
}

static void wait_to_send(void *expected)
{
    static char much[2000000];
    assert_int_equal(tcp_socket_send(waited.server, much, sizeof(much), TIME_NEVER),
                     (intptr_t)expected);
    ended++;
}

static void reset_while_waiting(void)
{
    // By the peer, by this side, by silence: both waits end.
    static const int errors[] = {-ECONNRESET, -ECONNABORTED, -ECONNABORTED};
    for (size_t i = 0; i < ARRAY_COUNT(errors); i++) {
        waited = pair_open();
        struct thread *reader = start_thread(wait_to_receive, (void *)(intptr_t)errors[i]);
        struct thread *writer = start_thread(wait_to_send, (void *)(intptr_t)errors[i]);
        thread_sleep_until(in_s(2));
        ended = 0;
        if (i == 0)
            tcp_socket_abort(waited.client);
        else if (i == 1)
            tcp_socket_abort(waited.server);
        else
            loss_percent = 100;
        join(reader);
        join(writer);
        assert_int_equal(ended, 2);
        loss_percent = 0;
        char byte;
        if (i == 2)
            tcp_socket_abort(waited.client); // else it waits for long
        assert_int_equal(tcp_socket_receive(waited.server, &byte, 1, 0), errors[i]);
        assert_int_equal(tcp_socket_send(waited.server, &byte, 1, 0), errors[i]);
        assert_int_equal(tcp_socket_flush(waited.server, 0), errors[i]);
        pair_close(&waited);
    }
}

static void an_end_wakes_who_waits(void **state)
{
    (void)state;
    run(reset_while_waiting);
}

static void reset_behind_data(void)
{
    struct pair pair = pair_open();
    char byte;
    send_text(pair.client, "last words");
    assert_int_equal(tcp_socket_flush(pair.client, in_s(60)), 0);
    tcp_socket_abort(pair.client);
    thread_sleep_until(in_s(1));
    expect_text(pair.server, "last words");
    assert_int_equal(tcp_socket_receive(pair.server, &byte, 1, in_s(1)), -ECONNRESET);
    pair_close(&pair);
}

static void what_came_before_a_reset_is_received(void **state)
{
    (void)state;
    run(reset_behind_data);
}

// ---- back-pressure ------------------------------------------------------------------------------

static void slow_reader(void)
{
    static char much[4 * (TCP_WND + TCP_SND_BUF)];
    struct pair pair = pair_open();
    assert_int_equal(tcp_socket_send(pair.client, much, sizeof(much), in_s(30)), -ETIMEDOUT);
    // What the peer took in and what waits here, no more.
    size_t received = 0;
    ssize_t now;
    const void *data;
    while ((now = tcp_socket_borrow(pair.server, &data, in_s(10))) > 0) {
        received += (size_t)now;
        tcp_socket_return(pair.server, (size_t)now);
    }
    assert_int_equal(now, -ETIMEDOUT);
    assert_true(received >= TCP_SND_BUF && received <= TCP_WND + TCP_SND_BUF);
    // Bytes that are lent and not returned hold the window.
    send_text(pair.client, "lent");
    assert_int_equal(tcp_socket_borrow(pair.server, &data, in_s(10)), 4);
    assert_int_equal(tcp_socket_borrow(pair.server, &data, in_s(10)), 4);
    tcp_socket_return(pair.server, 1);
    assert_int_equal(tcp_socket_borrow(pair.server, &data, in_s(10)), 3);
    assert_memory_equal(data, "ent", 3);
    tcp_socket_return(pair.server, 0);
    tcp_socket_return(pair.server, 3);
    assert_int_equal(tcp_socket_borrow(pair.server, &data, 0), -ETIMEDOUT);
    pair_close(&pair);
}

static void who_does_not_read_is_not_sent_to(void **state)
{
    (void)state;
    run(slow_reader);
}

// ---- UDP ----------------------------------------------------------------------------------------

static void datagrams(void)
{
    struct udp_socket *server, *client, *second;
    struct socket_address to = peer_at(53), from;
    char buffer[4000];
    assert_int_equal(udp_socket_open(53, &server), 0);
    assert_int_equal(udp_socket_open(53, &second), -EADDRINUSE);
    assert_int_equal(udp_socket_open(0, &client), 0);
    assert_int_equal(udp_socket_receive(server, buffer, 1, &from, in_s(1)), -ETIMEDOUT);

    assert_int_equal(udp_socket_send(client, "question", 8, &to), 0);
    assert_int_equal(udp_socket_receive(server, buffer, sizeof(buffer), &from, in_s(1)), 8);
    assert_memory_equal(buffer, "question", 8);
    assert_true(from.port >= NET_STEER_PORT_FIRST);
    assert_true(ip_addr_cmp(&from.ip, &to.ip));
    assert_int_equal(udp_socket_send(server, NULL, 0, &from), 0);
    assert_int_equal(udp_socket_receive(client, buffer, sizeof(buffer), NULL, in_s(1)), 0);

    // More than fits is told by its size; what is longer than a frame travels in fragments.
    memset(buffer, 'x', sizeof(buffer));
    assert_int_equal(udp_socket_send(client, buffer, 3000, &to), 0);
    memset(buffer, 'y', sizeof(buffer));
    assert_int_equal(udp_socket_receive(server, buffer, 5, NULL, in_s(1)), 3000);
    assert_memory_equal(buffer, "xxxxxy", 6);
    assert_int_equal(udp_socket_send(client, buffer, 70000, &to), -EMSGSIZE);
    to.port = 99; // nobody is there
    assert_int_equal(udp_socket_send(client, buffer, 10, &to), 0);

    to.port = 53;
    for (int i = 0; i < UDP_SOCKET_QUEUE + 5; i++) {
        assert_int_equal(udp_socket_send(client, &i, sizeof(i), &to), 0);
        thread_sleep_until(time_now_ns() + NS_PER_MS);
    }
    assert_int_equal(udp_socket_dropped(server), 5);
    for (int i = 0, number; i < UDP_SOCKET_QUEUE / 2; i++) {
        assert_int_equal(udp_socket_receive(server, &number, sizeof(number), NULL, 0), 4);
        assert_int_equal(number, i);
    }
    udp_socket_close(server); // with some left
    udp_socket_close(client);
    thread_sleep_until(in_s(60)); // fragments are forgotten
}

static void datagrams_arrive_whole(void **state)
{
    (void)state;
    run(datagrams);
}

// ---- addresses ----------------------------------------------------------------------------------

static void an_address_is_text(void **state)
{
    (void)state;
    char text[SOCKET_ADDRESS_TEXT_BYTES];
    struct socket_address address = peer_at(65535);
    assert_string_equal(socket_address_text(&address, text), "10.0.2.2:65535");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_arrives_in_order),
        cmocka_unit_test(what_cannot_be_opened_says_why),
        cmocka_unit_test(clients_wait_in_line),
        cmocka_unit_test(without_memory_nothing_is_left_behind),
        cmocka_unit_test(each_side_ends_by_itself),
        cmocka_unit_test(what_was_sent_before_close_arrives),
        cmocka_unit_test(an_end_wakes_who_waits),
        cmocka_unit_test(what_came_before_a_reset_is_received),
        cmocka_unit_test(who_does_not_read_is_not_sent_to),
        cmocka_unit_test(datagrams_arrive_whole),
        cmocka_unit_test(an_address_is_text),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}

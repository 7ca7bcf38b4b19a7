// SPDX-License-Identifier: MIT
// Names resolved at a server that says what the test wants it to, by UDP and TCP.
#include "mirror.h"

#include <errno.h>

#include "net/ip6.h"
#include "net/resolve.h"

#include "lwip/dns.h"

static struct {
    enum { ANSWERS, IS_SILENT, FAILS, KNOWS_NONE, HAS_NONE, TRUNCATES, LIES } mode;
    unsigned asked; // questions, by UDP
    unsigned asked_by_tcp;
    uint32_t ttl_s;
    uint16_t ids[64], ports[64];
    uint8_t last[4]; // of the address
} server;

static struct udp_socket *port53;
static struct tcp_listener *listener53;
static struct thread *server_threads[2];
static bool server_ends;

static size_t make_answer(uint8_t *message, const uint8_t *query, size_t size)
{
    static const uint8_t rcodes[] = {[FAILS] = 2, [KNOWS_NONE] = 3, [LIES] = 0};
    bool is_a = query[size - 3] == DNS_TYPE_A;
    memcpy(message, query, size);
    message[2] = server.mode == TRUNCATES ? 0x83 : 0x81;
    message[3] = (uint8_t)(0x80 | (server.mode < sizeof(rcodes) ? rcodes[server.mode] : 0));
    if (server.mode == FAILS || server.mode == KNOWS_NONE || server.mode == HAS_NONE ||
        server.mode == TRUNCATES || !is_a)
        return size;
    if (server.mode == LIES)
        message[1] ^= 1; // another number: as somebody does who guesses
    message[7] = 1;
    const uint8_t record[] = {0xc0,
                              12,
                              0,
                              1,
                              0,
                              1,
                              0,
                              0,
                              (uint8_t)(server.ttl_s >> 8),
                              (uint8_t)server.ttl_s,
                              0,
                              4,
                              192,
                              0,
                              2,
                              ++server.last[3]};
    memcpy(message + size, record, sizeof(record));
    return size + sizeof(record);
}

static void serve_udp(void *argument)
{
    (void)argument;
    while (!server_ends) {
        uint8_t query[512], answer[600];
        struct socket_address from;
        ssize_t size = udp_socket_receive(port53, query, sizeof(query), &from, in_s(1));
        if (size < 0)
            continue;
        server.ids[server.asked % 64] = (uint16_t)(query[0] << 8 | query[1]);
        server.ports[server.asked++ % 64] = from.port;
        if (server.mode != IS_SILENT)
            udp_socket_send(port53, answer, make_answer(answer, query, (size_t)size), &from);
    }
}

static void serve_tcp(void *argument)
{
    (void)argument;
    while (!server_ends) {
        struct tcp_socket *socket;
        uint8_t query[512], answer[600];
        if (tcp_listener_accept(listener53, in_s(1), &socket) != 0)
            continue;
        server.asked_by_tcp++;
        size_t done = 0;
        ssize_t now;
        while ((done < 2 || done < 2u + query[1]) &&
               (now = tcp_socket_receive(socket, query + done, sizeof(query) - done, in_s(5))) > 0)
            done += (size_t)now;
        server.mode = ANSWERS;
        size_t size = make_answer(answer + 2, query + 2, done - 2);
        answer[0] = 0;
        answer[1] = (uint8_t)size;
        assert_int_equal(tcp_socket_send(socket, answer, 1, in_s(5)), 0);
        assert_int_equal(tcp_socket_send(socket, answer + 1, size + 1, in_s(5)), 0);
        tcp_socket_close(socket);
    }
}

static void serve(void)
{
    memset(&server, 0, sizeof(server));
    server.ttl_s = 100;
    server_ends = false;
    assert_int_equal(udp_socket_open(53, &port53), 0);
    assert_int_equal(tcp_listener_open(53, &listener53), 0);
    server_threads[0] = start_thread(serve_udp, NULL);
    server_threads[1] = start_thread(serve_tcp, NULL);
    ip_addr_t address = peer_at(53).ip;
    dns_setserver(0, &address);
}

static void serve_no_more(void)
{
    server_ends = true;
    join(server_threads[0]);
    join(server_threads[1]);
    udp_socket_close(port53);
    tcp_listener_close(listener53);
}

static int resolve(const char *name)
{
    struct net_resolved found;
    int error = net_resolve(name, NET_FAMILY_ANY, &found, in_s(60));
    if (error == 0) {
        assert_int_equal(found.count, 1);
        memcpy(&server.last, &ip_2_ip4(&found.addresses[0])->addr, 4);
    }
    return error;
}

static void answers(void)
{
    struct net_resolved found;
    serve();
    assert_int_equal(resolve("host.org"), 0);
    assert_int_equal(server.asked, 1);
    assert_int_equal(server.last[3], 1);
    // Remembered, in any capitals, as long as it may be.
    assert_int_equal(resolve("HOST.org"), 0);
    thread_sleep_until(in_s(90));
    assert_int_equal(resolve("host.org"), 0);
    assert_int_equal(server.asked, 1);
    thread_sleep_until(in_s(11));
    assert_int_equal(resolve("host.org"), 0);
    assert_int_equal(server.asked, 2);
    server.ttl_s = 0; // not to be remembered
    assert_int_equal(resolve("now.org"), 0);
    assert_int_equal(resolve("now.org"), 0);
    assert_int_equal(server.asked, 4);
    // IPv6 is asked for only where it is of use.
    assert_int_equal(net_resolve("host.org", NET_FAMILY_IPV6, &found, in_s(60)), -ENODATA);
    assert_int_equal(server.asked, 5);
    // Many names: only so many are kept.
    server.ttl_s = 10000;
    for (int i = 0; i < 200; i++) {
        char name[] = {(char)('a' + i % 26), (char)('a' + i / 26), '\0'};
        assert_int_equal(resolve(name), 0);
    }
    assert_int_equal(server.asked, 205);
    unsigned same_port = 0, same_id = 0;
    for (int i = 1; i < 64; i++) {
        same_port += server.ports[i] == server.ports[i - 1] + 1 || //
                     server.ports[i] == server.ports[i - 1];
        same_id += server.ids[i] == server.ids[i - 1] + 1 || server.ids[i] == server.ids[i - 1];
    }
    assert_true(same_port < 3 && same_id < 3);
    thread_sleep_until(in_s(10001)); // what has expired is freed as others are looked for
    server.ttl_s = 0;
    assert_int_equal(resolve("last.org"), 0);
    serve_no_more();
}

static void answers_are_found_and_remembered(void **state)
{
    (void)state;
    run(answers);
}

// Of a name with one kind of address the other is asked for each time; that must not make what is
// known last longer than its server said.
static void both_kinds(void)
{
    const ip6_addr_t own = {.addr = {PP_HTONL(0x20010db8), 0, 0, PP_HTONL(1)}};
    world_set_option("ip6", "auto");
    net_ip6_join(netif_default);
    netif_ip6_addr_set(netif_default, 1, &own);
    netif_ip6_addr_set_state(netif_default, 1, IP6_ADDR_PREFERRED);
    serve();
    assert_int_equal(resolve("both.org"), 0);
    assert_int_equal(server.asked, 2);
    thread_sleep_until(in_s(60));
    assert_int_equal(resolve("both.org"), 0);
    assert_int_equal(server.asked, 3);
    thread_sleep_until(in_s(60));
    assert_int_equal(resolve("both.org"), 0);
    assert_int_equal(server.asked, 5);
    netif_ip6_addr_set_state(netif_default, 1, IP6_ADDR_INVALID);
    serve_no_more();
}

static void each_kind_is_remembered_for_its_own_time(void **state)
{
    (void)state;
    run(both_kinds);
}

static void refusals(void)
{
    ip_addr_t none = {0};
    for (u8_t i = 0; i < DNS_MAX_SERVERS; i++)
        dns_setserver(i, &none);
    assert_int_equal(resolve("a.org"), -EDESTADDRREQ);
    serve();
    server.mode = KNOWS_NONE;
    assert_int_equal(resolve("a.org"), -ENOENT);
    server.mode = HAS_NONE;
    assert_int_equal(resolve("a.org"), -ENODATA);
    assert_int_equal(server.asked, 2);
    server.mode = FAILS;
    assert_int_equal(resolve("a.org"), -EREMOTEIO);
    assert_int_equal(server.asked, 5);
    server.mode = IS_SILENT;
    assert_int_equal(resolve("a.org"), -ETIMEDOUT);
    assert_int_equal(server.asked, 8);
    server.mode = LIES;
    assert_int_equal(resolve("a.org"), -ETIMEDOUT);
    struct net_resolved found;
    uint64_t deadline_ns = time_now_ns() + NS_PER_S / 2;
    assert_int_equal(net_resolve("a.org", NET_FAMILY_ANY, &found, deadline_ns), -ETIMEDOUT);
    assert_true(time_now_ns() < deadline_ns + NS_PER_S / 10);
    assert_int_equal(resolve("a..org"), -EINVAL);
    assert_int_equal(resolve("1.2.3.4.5"), -EINVAL);
    serve_no_more();
}

static void refusals_are_told_apart(void **state)
{
    (void)state;
    run(refusals);
}

static void long_answer(void)
{
    serve();
    server.mode = TRUNCATES;
    server.ttl_s = 0;
    assert_int_equal(resolve("a.org"), 0);
    assert_int_equal(server.asked_by_tcp, 1);
    // The first server does not answer, the second one does.
    ip_addr_t silent;
    IP_ADDR4(&silent, 10, 0, 2, 2);
    dns_setserver(1, &silent);
    IP_ADDR4(&silent, 10, 0, 2, 77);
    dns_setserver(0, &silent);
    assert_int_equal(resolve("b.org"), 0);
    serve_no_more();
}

static void a_long_answer_comes_by_tcp(void **state)
{
    (void)state;
    run(long_answer);
}

static void literals(void)
{
    struct net_resolved found;
    assert_int_equal(net_resolve("192.0.2.9", NET_FAMILY_ANY, &found, 0), 0);
    assert_int_equal(ip_2_ip4(&found.addresses[0])->addr, PP_HTONL(0xc0000209));
    assert_int_equal(net_resolve("192.0.2.9", NET_FAMILY_IPV6, &found, 0), -ENODATA);
    assert_int_equal(net_resolve("2001:db8::1", NET_FAMILY_IPV6, &found, 0), 0);
    assert_true(IP_IS_V6(&found.addresses[0]));
    assert_int_equal(net_resolve("2001:db8::x", NET_FAMILY_ANY, &found, 0), -EINVAL);
    assert_string_equal(net_resolve_error(-ENOENT), "there is no such name");
}

static void an_address_is_a_name(void **state)
{
    (void)state;
    run(literals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_found_and_remembered),
        cmocka_unit_test(each_kind_is_remembered_for_its_own_time),
        cmocka_unit_test(refusals_are_told_apart),
        cmocka_unit_test(a_long_answer_comes_by_tcp),
        cmocka_unit_test(an_address_is_a_name),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}

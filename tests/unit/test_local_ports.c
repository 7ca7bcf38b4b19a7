// SPDX-License-Identifier: MIT
// Local ports of what begins here: each core gives its own, each once, and says so when none is
// left; and what core 0 tells the others when it spreads the network.
#include "mirror.h"

#include <errno.h>
#include <stdlib.h>

#include "net/local_ports.h"
#include "net/spread.h"
#include "net/steer.h"
#include "smp/exchange.h"
#include "smp/remote.h"

#include "lwip/udp.h"

#define PORT 7

void remote_call(unsigned core, void (*function)(void *argument), void *argument)
{
    (void)core, (void)function, (void)argument; // the other core has joined
}

static struct exchange_message *last_told; // to the other core

void exchange_send(unsigned core, struct exchange_message *message)
{
    (void)core;
    free(last_told);
    last_told = message;
}

bool core_is_online(unsigned core)
{
    return core < 2;
}

uint64_t option_get_number(const char *key, uint64_t fallback, uint64_t min, uint64_t max)
{
    (void)min, (void)max;
    return strcmp(key, "net_cores") == 0 ? 2 : fallback;
}

static int prepare_nothing(void *argument, unsigned cores)
{
    (void)argument;
    assert_int_equal(cores, 2);
    assert_int_equal(net_spread_count, 2); // core 0 lets nobody in whose frames move yet
    return 0;
}

// The card answers after a while, in which a lease ends and another one comes.
static int spread_slowly(struct net_device *device, unsigned count)
{
    (void)device;
    assert_int_equal(count, 2);
    ip4_addr_t address = {PP_HTONL(0x0a000220)};
    netif_set_ipaddr(netif_default, &address);
    return 0;
}

// What core 0 learns while it has the cards spread their frames reaches the others.
static void spreading(void)
{
    static struct net_device second;
    struct net_device *const pairs[] = {&world_device, &second};
    struct net_device_ops ops = *world_device.ops;
    const struct net_device_ops *before = world_device.ops;
    ops.spread = spread_slowly;
    world_device.ops = &ops;
    world_device.of_card = pairs;
    world_device.of_card_count = 2;
    core_slot_count = 2;
    assert_int_equal(net_spread(prepare_nothing, NULL), 0);
    world_device.ops = before;
    world_device.of_card_count = 0;
    ip4_addr_t address = {PP_HTONL(WORLD_OWN_IP)};
    net_spread_count = 1; // nobody is told of this
    netif_set_ipaddr(netif_default, &address);
    last_told->receive(last_told); // as the other core does
    last_told = NULL;
    assert_int_equal(netif_ip4_addr(netif_default)->addr, PP_HTONL(0x0a000220));
    netif_set_ipaddr(netif_default, &address);
}

static void what_comes_meanwhile_is_told(void **state)
{
    (void)state;
    run(spreading);
}

// The first of two cores has the lower half of the ports; each is given once.
static void ports(void)
{
    core_slot_count = 2;
    assert_int_equal(net_spread(prepare_nothing, NULL), 0);
    enum { COUNT = (NET_STEER_PORT_LAST - NET_STEER_PORT_FIRST + 1) / 2 };
    static struct tcp_pcb *pcbs[COUNT];
    static bool given[COUNT];
    for (int i = 0; i < COUNT; i++) {
        pcbs[i] = tcp_new();
        assert_int_equal(net_bind_own_port(pcbs[i]), ERR_OK);
        unsigned at = pcbs[i]->local_port - (unsigned)NET_STEER_PORT_FIRST;
        assert_true(at < COUNT && !given[at]);
        given[at] = true;
    }
    struct tcp_socket *socket;
    struct socket_address to = peer_at(PORT);
    host_log_clear();
    assert_int_equal(tcp_socket_connect(&to, in_s(1), &socket), -EADDRINUSE);
    assert_true(host_log_has("core 0 has all its 8192 local TCP ports in use"));
    tcp_abort(pcbs[4711]);
    pcbs[4711] = tcp_new();
    assert_int_equal(net_bind_own_port(pcbs[4711]), ERR_OK);
    for (int i = 0; i < COUNT; i++)
        tcp_abort(pcbs[i]);

    static struct udp_socket *sockets[100];
    for (size_t i = 0; i < ARRAY_COUNT(sockets); i++) {
        assert_int_equal(udp_socket_open(0, &sockets[i]), 0);
        assert_true(udp_pcbs->local_port - NET_STEER_PORT_FIRST < COUNT);
    }
    for (size_t i = 0; i < ARRAY_COUNT(sockets); i++)
        udp_socket_close(sockets[i]);
}

static void local_ports_are_the_core_s_own(void **state)
{
    (void)state;
    run(ports);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_meanwhile_is_told),
        cmocka_unit_test(local_ports_are_the_core_s_own),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}

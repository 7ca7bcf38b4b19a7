// SPDX-License-Identifier: MIT
// The network on every core: the other cores get a stack each, with the card's queues of their own
// or through a core that has some, and what core 0 knows of the network.
#include "net/spread.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/random.h"
#include "kernel/thread.h"
#include "net/net.h"
#include "net/net_core.h"
#include "net/netif.h"
#include "net/relay.h"
#include "net/vlan.h"
#include "smp/exchange.h"
#include "smp/remote.h"

#include "lwip/tcp.h"
#include "lwip/udp.h"

OPTION_NUMBER(net_cores, 1, CORES_MAX, "how many cores serve the network");

struct net_steer_map net_spread_map = {1, 1};
PERCORE unsigned net_position;
// Local ports that are this core's to give: all of them, until other cores have some too.
static PERCORE uint16_t port_first = NET_STEER_PORT_FIRST, port_last = NET_STEER_PORT_LAST;
static PERCORE uint16_t port_next = NET_STEER_PORT_FIRST;
static uint16_t cores[CORES_MAX]; // by position

unsigned net_spread_core(unsigned position)
{
    return cores[position];
}

// ---- what core 0 knows --------------------------------------------------------------------------

struct config_message {
    struct exchange_message message;
    struct net_config config;
};

static void config_arrived(struct exchange_message *message)
{
    struct config_message *arrived = CONTAINER_OF(message, struct config_message, message);
    net_core_configure(&arrived->config);
    heap_free(arrived); // goes home
}

static void tell_config(unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        struct config_message *told = heap_alloc(sizeof(*told));
        if (told == NULL) {
            log_warn("net: no memory to tell core %u of the address", net_spread_core(i));
            continue;
        }
        told->message.receive = config_arrived;
        net_core_config(&told->config);
        exchange_send(net_spread_core(i), &told->message);
    }
}

void net_spread_config(void)
{
    if (net_spread_map.count > 1)
        tell_config(net_spread_map.count);
}

// ---- start --------------------------------------------------------------------------------------

struct joining {
    struct net_steer_map map;
    unsigned position;
    struct net_device *device; // its own, or the one to send through
    int (*prepare)(void *argument, unsigned cores);
    void *argument;
    int error;
};

static void take_position(const struct net_steer_map *map, unsigned position)
{
    net_position = position;
    port_first = port_next = net_steer_port_first(map, position);
    port_last = net_steer_port_last(map, position);
    net_netif_share((map->count - position % map->pairs + map->pairs - 1) / map->pairs);
}

// In the loop of the core that joins.
static void join(void *argument)
{
    struct joining *joining = argument;
    struct net_device *device = joining->device;
    if (joining->position >= joining->map.pairs)
        device = net_relay_device(device);
    if (device == NULL) {
        joining->error = -ENOMEM;
        return;
    }
    net_core_join(device);
    if (joining->position < joining->map.pairs) // else the core that sends for this one tags
        net_vlan_start(device);
    take_position(&joining->map, joining->position);
    joining->error = joining->prepare(joining->argument, joining->map.count);
}

// Cores with queues of their own come first, in the card's order. Others only where they are asked
// for: what they do is worth less than what handing frames to them costs, unless each request is
// much work.
static struct net_steer_map plan(const struct net_device *first)
{
    unsigned pairs = first->of_card_count > 1 ? first->of_card_count : 1;
    unsigned wanted = (unsigned)option_get_number("net_cores", pairs, 1, CORES_MAX);
    unsigned count = 0;
    for (unsigned core = 0; core < core_count() && count < wanted; core++)
        if (core_is_online(core))
            cores[count++] = (uint16_t)core;
    return (struct net_steer_map){count, pairs < count ? pairs : count};
}

// Returns: 0, or what went wrong on one of the cores.
static int join_all(const struct net_steer_map *map, struct net_device *first,
                    int (*prepare)(void *argument, unsigned cores), void *argument)
{
    for (unsigned i = 1; i < map->count; i++) {
        unsigned pair = i % map->pairs;
        struct joining joining = {*map,    i,        pair == 0 ? first : first->of_card[pair],
                                  prepare, argument, 0};
        remote_call(net_spread_core(i), join, &joining);
        if (joining.error == 0)
            continue;
        log_warn("net: only core 0 has a network: core %u cannot: %s", net_spread_core(i),
                 strerror(-joining.error));
        return joining.error;
    }
    return 0;
}

// Has the card spread what comes in over the cores, which have all joined.
static void spread_frames(struct net_steer_map map, struct net_device *first)
{
    tell_config(map.count);
    if (map.pairs > 1 && first->ops->spread(first, map.pairs) != 0)
        map.pairs = 1; // all comes in here; they send for themselves
    unsigned with_queues = map.pairs;
    if (net_vlan_is_on())
        map.pairs = 1; // not every card or host tells connections apart behind a tag: we look
    take_position(&map, 0);
    // Read on all cores from now on: `count` is what makes them look at the rest.
    net_spread_map.pairs = map.pairs;
    atomic_signal_fence(memory_order_seq_cst);
    net_spread_map.count = map.count;
    log_info("net: %u cores serve, %u with queues of their own", map.count, with_queues);
}

int net_spread(int (*prepare)(void *argument, unsigned cores), void *argument)
{
    struct net_device *first = net_device_first();
    struct net_steer_map map = {1, 1};
    if (first != NULL && net_spread_map.count == 1)
        map = plan(first);
    if (map.count > 1 && join_all(&map, first, prepare, argument) == 0)
        spread_frames(map, first);
    // Last: a connection that core 0 had let in before would be another core's now, and be reset.
    return prepare(argument, map.count);
}

err_t net_bind_own_port(struct tcp_pcb *pcb)
{
    for (unsigned tries = 0; tries <= (unsigned)(port_last - port_first); tries++) {
        uint16_t port = port_next;
        port_next = port == port_last ? port_first : (uint16_t)(port + 1);
        err_t error = tcp_bind(pcb, IP_ANY_TYPE, port);
        if (error != ERR_USE)
            return error;
    }
    return ERR_USE;
}

// Drawn, for who can guess the port can answer in another's name. Spec: RFC 6056, 3.3.1.
err_t net_bind_own_udp_port(struct udp_pcb *pcb)
{
    unsigned count = (unsigned)(port_last - port_first) + 1;
    unsigned drawn = random_u32() % count;
    for (unsigned tries = 0; tries < count; tries++) {
        err_t error = udp_bind(pcb, IP_ANY_TYPE, (uint16_t)(port_first + (drawn + tries) % count));
        if (error != ERR_USE)
            return error;
    }
    return ERR_USE;
}

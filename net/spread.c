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
#include "kernel/thread.h"
#include "net/interface.h"
#include "net/local_ports.h"
#include "net/net.h"
#include "net/net_core.h"
#include "net/relay.h"
#include "net/vlan.h"
#include "smp/exchange.h"
#include "smp/remote.h"

OPTION_NUMBER(net_cores, 1, CORES_MAX, "how many cores serve the network");

unsigned net_spread_count = 1;
struct net_steer_map net_spread_maps[NET_CARDS_MAX] = {[0 ... NET_CARDS_MAX - 1] = {1, 1}};
PERCORE unsigned net_position;
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

static void tell_core(unsigned core, unsigned card)
{
    struct config_message *told = heap_alloc(sizeof(*told));
    if (told == NULL) {
        log_warn("net: no memory to tell core %u of the address", core);
        return;
    }
    told->message.receive = config_arrived;
    net_core_config(card, &told->config);
    exchange_send(core, &told->message);
}

static void tell_config(unsigned count)
{
    for (unsigned i = 1; i < count; i++)
        for (unsigned card = 0; card < net_card_count; card++)
            tell_core(net_spread_core(i), card);
}

void net_spread_config(void)
{
    tell_config(net_spread_count);
}

// ---- start --------------------------------------------------------------------------------------

struct plan {
    unsigned cores, cards;
    unsigned pairs[NET_CARDS_MAX]; // of each card, that are used
};

struct joining {
    const struct plan *plan;
    unsigned position;
    int (*prepare)(void *argument, unsigned cores);
    void *argument;
    int error;
};

static struct net_device *const *pairs_of(struct net_device *const *first)
{
    return (*first)->of_card_count > 1 ? (*first)->of_card : first;
}

static void take_position(const struct plan *plan, unsigned position)
{
    const struct net_steer_map ports = {plan->cores, 1};
    net_position = position;
    net_local_ports_set(net_steer_port_first(&ports, position),
                        net_steer_port_last(&ports, position));
    for (unsigned card = 0; card < net_card_count; card++) {
        unsigned pairs = plan->pairs[card];
        net_interface_share(card, (plan->cores - position % pairs + pairs - 1) / pairs);
    }
}

// Of each card the queues of this position, or a way to send through another's that has some.
// Returns: 0 or -ENOMEM.
static int find_devices(const struct joining *joining, struct net_device **devices)
{
    struct net_device *first = net_device_first();
    for (unsigned card = 0; card < joining->plan->cards; card++, first = first->next) {
        unsigned pairs = joining->plan->pairs[card];
        devices[card] = pairs_of(&first)[joining->position % pairs];
        if (joining->position >= pairs)
            devices[card] = net_relay_device(devices[card]);
        if (devices[card] == NULL)
            return -ENOMEM;
    }
    return 0;
}

// In the loop of the core that joins.
static void join(void *argument)
{
    struct joining *joining = argument;
    struct net_device *devices[NET_CARDS_MAX];
    joining->error = find_devices(joining, devices);
    if (joining->error != 0)
        return;
    net_core_join(devices, joining->plan->cards);
    for (unsigned card = 0; card < joining->plan->cards; card++)
        if (joining->position < joining->plan->pairs[card]) // else the core that sends for it tags
            net_vlan_start(devices[card]);
    take_position(joining->plan, joining->position);
    joining->error = joining->prepare(joining->argument, joining->plan->cores);
}

// Cores with queues of their own come first, in the card's order. Others only where they are asked
// for: what they do is worth less than what handing frames to them costs, unless each request is
// much work. Of several cards the one with most queues decides.
static struct plan make_plan(void)
{
    struct plan plan = {.cards = net_card_count};
    unsigned most = 1;
    for (unsigned card = 0; card < plan.cards; card++) {
        const struct net_device *first = net_interface(card)->device;
        plan.pairs[card] = first->of_card_count > 1 ? first->of_card_count : 1;
        most = plan.pairs[card] > most ? plan.pairs[card] : most;
    }
    unsigned wanted = (unsigned)option_get_number("net_cores", most, 1, CORES_MAX);
    for (unsigned core = 0; core < core_count() && plan.cores < wanted; core++)
        if (core_is_online(core))
            cores[plan.cores++] = (uint16_t)core;
    for (unsigned card = 0; card < plan.cards; card++)
        if (plan.pairs[card] > plan.cores)
            plan.pairs[card] = plan.cores;
    return plan;
}

// Returns: 0, or what went wrong on one of the cores.
static int join_all(const struct plan *plan, int (*prepare)(void *argument, unsigned cores),
                    void *argument)
{
    for (unsigned i = 1; i < plan->cores; i++) {
        struct joining joining = {plan, i, prepare, argument, 0};
        remote_call(net_spread_core(i), join, &joining);
        if (joining.error == 0)
            continue;
        log_warn("net: only core 0 has a network: core %u cannot: %s", net_spread_core(i),
                 strerror(-joining.error));
        return joining.error;
    }
    return 0;
}

// Has a card spread its frames. Returns: how many cores have queues of it.
static unsigned spread_card(struct plan *plan, unsigned card)
{
    struct net_device *device = net_interface(card)->device;
    if (plan->pairs[card] > 1 && device->ops->spread(device, plan->pairs[card]) != 0)
        plan->pairs[card] = 1; // all comes in here; they send for themselves
    unsigned with_queues = plan->pairs[card];
    if (net_vlan_is_on(card))
        plan->pairs[card] = 1; // not every card or host tells connections apart behind a tag
    return with_queues;
}

// Has the cards spread what comes in over the cores, which have all joined.
static void spread_frames(struct plan *plan)
{
    unsigned with_queues = 1;
    tell_config(plan->cores);
    for (unsigned card = 0; card < plan->cards; card++) {
        unsigned of_card = spread_card(plan, card);
        with_queues = of_card > with_queues ? of_card : with_queues;
    }
    take_position(plan, 0);
    // Read on all cores from now on: `count` is what makes them look at the rest.
    for (unsigned card = 0; card < plan->cards; card++)
        net_spread_maps[card].pairs = plan->pairs[card];
    atomic_signal_fence(memory_order_seq_cst);
    for (unsigned card = 0; card < plan->cards; card++)
        net_spread_maps[card].count = plan->cores;
    net_spread_count = plan->cores;
    net_spread_config(); // a card may have taken its time, and core 0 learned more meanwhile
    log_info("net: %u cores serve, %u with queues of their own", plan->cores, with_queues);
}

int net_spread(int (*prepare)(void *argument, unsigned cores), void *argument)
{
    struct plan plan = {.cores = 1};
    if (net_card_count > 0 && net_spread_count == 1)
        plan = make_plan();
    if (plan.cores > 1 && join_all(&plan, prepare, argument) == 0)
        spread_frames(&plan);
    // Last: a connection that core 0 had let in before would be another core's now, and be reset.
    return prepare(argument, plan.cores);
}

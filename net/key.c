// SPDX-License-Identifier: MIT
// Key `n` of the console: what all cores know of the network.
#include "kernel/core.h"
#include "kernel/keys.h"
#include "net/net.h"
#include "net/spread.h"
#include "net/tables.h"
#include "smp/remote.h"

static void show_address(const struct net_table_row *row, void *context)
{
    (void)context;
    keys_show("address    %s by %s, %s", row->what, row->origin, row->state);
    if (row->left_s != UINT32_MAX)
        keys_show(", for %u s", (unsigned)row->left_s);
    keys_show("\n");
}

static void show_route(const struct net_table_row *row, void *context)
{
    (void)context;
    keys_show("route      %s %s%s", row->what, row->via[0] != '\0' ? "via " : "on this link",
              row->via);
    if (row->left_s != UINT32_MAX)
        keys_show(", for %u s", (unsigned)row->left_s);
    keys_show("\n");
}

static void show_neighbour(const struct net_table_row *row, void *context)
{
    (void)context;
    keys_show("neighbour  %s at %s, %s, core %u\n", row->what, row->via[0] != '\0' ? row->via : "?",
              row->state, core_index());
}

static void show_neighbours_here(void *argument)
{
    (void)argument;
    net_table_each(NET_NEIGHBOURS, show_neighbour, NULL);
}

static void show(void)
{
    struct net_facts facts;
    if (!net_facts(&facts)) {
        keys_show("no network\n");
        return;
    }
    keys_show("network    %s, link %s, %u cores, %u TCP connections\n", facts.device,
              facts.link_up ? "up" : "down", facts.cores, facts.tcp_connections);
    net_table_each(NET_ADDRESSES, show_address, NULL);
    net_table_each(NET_ROUTES, show_route, NULL);
    show_neighbours_here(NULL);
    for (unsigned i = 1; i < net_spread_map.count; i++)
        remote_call(net_spread_core(i), show_neighbours_here, NULL);
}

void net_tables_start(void)
{
    static struct key_answer key = {'n', "network: addresses, routes, neighbours of each core",
                                    show, NULL};
    keys_add(&key);
}

// SPDX-License-Identifier: MIT
// Key `n` of the console: what all cores know of the network.
#include "kernel/core.h"
#include "kernel/keys.h"
#include "net/interface.h"
#include "net/net.h"
#include "net/spread.h"
#include "net/tables.h"
#include "smp/remote.h"

// With several cards, each row says which.
static void end_row(const struct net_table_row *row)
{
    if (net_card_count > 1)
        keys_show(", %s", row->device);
    keys_show("\n");
}

static void show_address(const struct net_table_row *row, void *context)
{
    (void)context;
    keys_show("address    %s by %s, %s", row->what, row->origin, row->state);
    if (row->left_s != UINT32_MAX)
        keys_show(", for %u s", (unsigned)row->left_s);
    end_row(row);
}

static void show_route(const struct net_table_row *row, void *context)
{
    (void)context;
    keys_show("route      %s %s%s", row->what, row->via[0] != '\0' ? "via " : "on this link",
              row->via);
    if (row->left_s != UINT32_MAX)
        keys_show(", for %u s", (unsigned)row->left_s);
    end_row(row);
}

static void show_neighbour(const struct net_table_row *row, void *context)
{
    (void)context;
    keys_show("neighbour  %s at %s, %s, core %u", row->what, row->via[0] != '\0' ? row->via : "?",
              row->state, core_index());
    end_row(row);
}

static void show_neighbours_here(void *argument)
{
    (void)argument;
    net_table_each(NET_NEIGHBOURS, show_neighbour, NULL);
}

static void show_name_server(const struct net_table_row *row, void *context)
{
    (void)context;
    keys_show("DNS server %s\n", row->what);
}

static void show_time_server(const struct net_table_row *row, void *context)
{
    (void)context;
    keys_show("NTP server %s by %s\n", row->what, row->origin);
}

static void show_card(unsigned card)
{
    const struct net_device *first = net_interface(card)->device;
    struct net_device_stats sum = {0};
    for (unsigned core = 0; core < core_count(); core++)
        net_interface_add_frames(&sum, core, card);
    keys_show("card       %s, link %s, frames %llu in %llu out, dropped %llu in %llu out\n",
              first->name, first->link_up ? "up" : "down", (unsigned long long)sum.rx_frames,
              (unsigned long long)sum.tx_frames,
              (unsigned long long)(sum.rx_dropped + sum.rx_errors),
              (unsigned long long)sum.tx_dropped);
}

static void show(void)
{
    struct net_facts facts;
    if (!net_facts(&facts)) {
        keys_show("no network\n");
        return;
    }
    keys_show("network    %u card%s, %u cores, %u TCP connections\n", net_card_count,
              net_card_count == 1 ? "" : "s", facts.cores, facts.tcp_connections);
    for (unsigned card = 0; card < net_card_count; card++)
        show_card(card);
    net_table_each(NET_ADDRESSES, show_address, NULL);
    net_table_each(NET_ROUTES, show_route, NULL);
    net_table_each(NET_NAME_SERVERS, show_name_server, NULL);
    net_table_each(NET_TIME_SERVERS, show_time_server, NULL);
    show_neighbours_here(NULL);
    for (unsigned i = 1; i < net_spread_count; i++)
        remote_call(net_spread_core(i), show_neighbours_here, NULL);
}

void net_tables_start(void)
{
    static struct key_answer key = {
        'n', "network: addresses, routes, servers, neighbours of each core", show, NULL};
    keys_add(&key);
}

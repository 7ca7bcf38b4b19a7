// SPDX-License-Identifier: MIT
#include "apps/http/network.h"

#include <stdio.h>

#include "http/text.h"
#include "net/net.h"
#include "net/tables.h"

void http_network_get(struct http_network *out)
{
    *out = (struct http_network){0};
    struct net_facts facts;
    if (!net_facts(&facts))
        return;
    if (facts.has_address)
        snprintf(out->address, sizeof(out->address), "%s", facts.address);
    else if (facts.address6[0] != '\0')
        snprintf(out->address, sizeof(out->address), "[%s]", facts.address6);
    out->tcp_connections = facts.tcp_connections;
}

static void put_address(const struct net_table_row *row, void *context)
{
    http_text_format(context,
                     "toril_network_address{address=\"%s\",origin=\"%s\",state=\"%s\"} 1\n",
                     row->what, row->origin, row->state);
}

static void put_route(const struct net_table_row *row, void *context)
{
    http_text_format(context, "toril_network_route{destination=\"%s\",router=\"%s\"} 1\n",
                     row->what, row->via);
}

static void put_neighbour(const struct net_table_row *row, void *context)
{
    http_text_format(context, "toril_network_neighbour{address=\"%s\",mac=\"%s\",state=\"%s\"} 1\n",
                     row->what, row->via, row->state);
}

void http_network_tables(struct http_text *text)
{
    static const struct {
        const char *name, *help;
        enum net_table table;
        net_table_fn *put;
    } tables[] = {
        {"address", "Addresses of this machine.", NET_ADDRESSES, put_address},
        {"route", "Routes; without a router on this link.", NET_ROUTES, put_route},
        {"neighbour", "Neighbours that the answering core knows.", NET_NEIGHBOURS, put_neighbour},
    };
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
        http_text_format(text, "# HELP toril_network_%s %s\n# TYPE toril_network_%s gauge\n",
                         tables[i].name, tables[i].help, tables[i].name);
        net_table_each(tables[i].table, tables[i].put, text);
    }
}

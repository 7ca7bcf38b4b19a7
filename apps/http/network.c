// SPDX-License-Identifier: MIT
#include "apps/http/network.h"

#include <stdio.h>

#include "http/text.h"
#include "kernel/device.h"
#include "net/net.h"

static void keep_address(const struct net_table_row *row, void *context)
{
    struct http_network *out = context;
    for (size_t i = 0; i < HTTP_NETWORK_ADDRESSES; i++) {
        if (out->addresses[i][0] != '\0')
            continue;
        snprintf(out->addresses[i], sizeof(out->addresses[i]), "%s", row->what);
        return;
    }
}

void http_network_get(struct http_network *out)
{
    *out = (struct http_network){0};
    struct net_facts facts;
    if (!net_facts(&facts))
        return;
    snprintf(out->device, sizeof(out->device), "%s", facts.device);
    out->link_up = facts.link_up;
    out->mtu = facts.mtu;
    out->tcp_connections = facts.tcp_connections;
    out->tcp_time_wait = facts.tcp_time_wait;
    out->rx_buffers_held = facts.rx_buffers_held;
    out->tx_buffers_held = facts.tx_buffers_held;
    net_table_each(NET_ADDRESSES, keep_address, out);
}

static void put_cards(struct http_text *text)
{
    http_text_format(text, "# HELP toril_network_link_up Cards; 1: with a link.\n"
                           "# TYPE toril_network_link_up gauge\n");
    for (struct net_device *card = net_device_first(); card != NULL; card = card->next) {
        const uint8_t *mac = card->mac;
        http_text_format(
            text,
            "toril_network_link_up{device=\"%s\",mac=\"%02x:%02x:%02x:%02x:%02x:%02x\","
            "mtu=\"%u\"} %d\n",
            card->name, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], card->mtu, card->link_up);
    }
}

static void put_address(const struct net_table_row *row, void *context)
{
    http_text_format(
        context,
        "toril_network_address{address=\"%s\",origin=\"%s\",state=\"%s\",device=\"%s\"} 1\n",
        row->what, row->origin, row->state, row->device);
}

static void put_route(const struct net_table_row *row, void *context)
{
    http_text_format(context,
                     "toril_network_route{destination=\"%s\",router=\"%s\",device=\"%s\"} 1\n",
                     row->what, row->via, row->device);
}

static void put_neighbour(const struct net_table_row *row, void *context)
{
    http_text_format(
        context,
        "toril_network_neighbour{address=\"%s\",mac=\"%s\",state=\"%s\",device=\"%s\"} 1\n",
        row->what, row->via, row->state, row->device);
}

static void put_name_server(const struct net_table_row *row, void *context)
{
    http_text_format(context, "toril_network_name_server{address=\"%s\"} 1\n", row->what);
}

static void put_time_server(const struct net_table_row *row, void *context)
{
    http_text_format(context, "toril_network_time_server{address=\"%s\"} 1\n", row->what);
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
        {"name_server", "Servers that names are asked of.", NET_NAME_SERVERS, put_name_server},
        {"time_server", "Servers of the date that DHCP names.", NET_TIME_SERVERS, put_time_server},
    };
    put_cards(text);
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
        size_t before = text->used_bytes;
        http_text_format(text, "# HELP toril_network_%s %s\n# TYPE toril_network_%s gauge\n",
                         tables[i].name, tables[i].help, tables[i].name);
        size_t head = text->used_bytes;
        net_table_each(tables[i].table, tables[i].put, text);
        if (text->used_bytes == head) // without a row there is no such metric
            text->used_bytes = before;
    }
}

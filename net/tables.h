// SPDX-License-Identifier: MIT
// What this core's stack knows, row by row, as text: this machine's addresses, the routes, the
// neighbours and the name servers, of both families. Context: the core of the stack.
#pragma once

#include "kernel/compiler.h"

#define NET_TABLE_TEXT_BYTES 52 // an IPv6 address and its prefix

enum net_table { NET_ADDRESSES, NET_ROUTES, NET_NEIGHBOURS, NET_NAME_SERVERS, NET_TIME_SERVERS };

struct net_table_row {
    char what[NET_TABLE_TEXT_BYTES]; // "10.0.2.15/24"; a neighbour has no prefix
    char via[NET_TABLE_TEXT_BYTES];  // of a route its router, of a neighbour its hardware address
    const char *origin;              // of an address: "DHCP", "link-local", ...
    const char *state;               // "preferred", "reachable", ...
    uint32_t left_s;                 // how long it lasts; UINT32_MAX: for ever
    const char *device;              // the card's name; NULL for a name server
};

typedef void net_table_fn(const struct net_table_row *row, void *context);

void net_table_each(enum net_table table, net_table_fn *each, void *context);

// Adds key `n` to those of the console: it shows the tables of all cores.
void net_tables_start(void);

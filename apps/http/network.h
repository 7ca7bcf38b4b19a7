// SPDX-License-Identifier: MIT
// What the pages say about the network.
#pragma once

#include "kernel/compiler.h"
#include "net/tables.h"

#define HTTP_NETWORK_ADDRESSES 8

struct http_network {
    char addresses[HTTP_NETWORK_ADDRESSES][NET_TABLE_TEXT_BYTES]; // with prefix; "" behind the last
    char device[40];                                              // the card that serves
    bool link_up;
    unsigned mtu; // bytes that a packet of IPv4 has at most
    uint64_t tcp_connections, tcp_time_wait;
    uint64_t rx_buffers_held, tx_buffers_held;
};

void http_network_get(struct http_network *out);
// Cards, addresses, routes, neighbours and servers, as this core knows them, for /metrics.
struct http_text;
void http_network_tables(struct http_text *text);

// SPDX-License-Identifier: MIT
// What the pages say about the network.
#pragma once

#include "kernel/compiler.h"

struct http_network {
    char address[48]; // as in a URL: one of IPv6 in brackets; "" while the machine has none
    uint64_t tcp_connections;
};

void http_network_get(struct http_network *out);
// Addresses, routes and neighbours, as this core knows them, for /metrics.
struct http_text;
void http_network_tables(struct http_text *text);

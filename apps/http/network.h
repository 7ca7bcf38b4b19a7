// SPDX-License-Identifier: MIT
// What the pages say about the network.
#pragma once

#include "kernel/compiler.h"

struct http_network {
    char address[16]; // "" while the machine has none
    uint64_t rx_frames, rx_bytes, rx_dropped, rx_errors;
    uint64_t tx_frames, tx_bytes, tx_dropped;
    uint64_t relayed; // frames from core to core
    uint64_t tcp_connections;
};

void http_network_get(struct http_network *out);

// SPDX-License-Identifier: MIT
#include "apps/http/network.h"

#include <string.h>

#include "net/net.h"

_Static_assert(sizeof(((struct http_network *)0)->address) == NET_ADDRESS_TEXT_BYTES,
               "an address is copied whole");

void http_network_get(struct http_network *out)
{
    *out = (struct http_network){0};
    struct net_facts facts;
    if (!net_facts(&facts))
        return;
    if (facts.has_address)
        memcpy(out->address, facts.address, sizeof(out->address));
    out->rx_frames = facts.frames.rx_frames;
    out->rx_bytes = facts.frames.rx_bytes;
    out->rx_dropped = facts.frames.rx_dropped + facts.rx_dropped;
    out->rx_errors = facts.frames.rx_errors + facts.checksum_errors + facts.length_errors;
    out->tx_frames = facts.frames.tx_frames;
    out->tx_bytes = facts.frames.tx_bytes;
    out->tx_dropped = facts.frames.tx_dropped + facts.tx_failed;
    out->relayed = facts.relayed;
    out->tcp_connections = facts.tcp_connections;
}

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
    out->tcp_connections = facts.tcp_connections;
}

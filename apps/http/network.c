// SPDX-License-Identifier: MIT
#include "apps/http/network.h"

#include <stdio.h>

#include "net/net.h"

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

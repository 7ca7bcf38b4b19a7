// SPDX-License-Identifier: MIT
// By which card a packet leaves. What answers somebody leaves by the card whose address it answers
// from, if that card knows a way; all else by the card whose network the destination is in, or else
// by the first card that has a router. lwIP asks here (net/hooks.h): its own way is by destination
// only, the last card first. Context: the core of the stack.
// Spec: RFC 1122 section 3.3.4.2, the strong model for what is sent.
#pragma once

#include "kernel/compiler.h"

#include "lwip/netif.h"

// The interface of a machine with one card, while that can send IPv4; else NULL.
extern PERCORE struct netif *net_route_only;

// Something changed of an interface's link or its addresses.
void net_route_changed(void);

// For an IPv4 packet, whose source may be 0 or NULL. Returns: NULL when there is no way.
struct netif *net_route_among(const ip4_addr_t *source, const ip4_addr_t *destination);
static inline struct netif *net_route4(const ip4_addr_t *source, const ip4_addr_t *destination)
{
    if (__builtin_expect(net_route_only != NULL && !ip4_addr_isloopback(destination), 1))
        return net_route_only;
    return net_route_among(source, destination);
}

// For an IPv6 packet between addresses that are good beyond their links. Returns: NULL when lwIP
// is to decide.
struct netif *net_route6(const ip6_addr_t *source, const ip6_addr_t *destination);

// In place of lwIP's ethip6_output(): with several cards a destination whose router was learned on
// another card is forgotten first.
err_t net_route_output6(struct netif *netif, struct pbuf *packet, const ip6_addr_t *destination);

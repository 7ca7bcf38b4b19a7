// SPDX-License-Identifier: MIT
#include "net/route.h"

#include "net/interface.h"

#include "lwip/ethip6.h"
#include "lwip/priv/nd6_priv.h"

PERCORE struct netif *net_route_only;

// ---- IPv4 ---------------------------------------------------------------------------------------

static bool can_send(const struct netif *netif)
{
    return netif_is_up(netif) && netif_is_link_up(netif) &&
           !ip4_addr_isany_val(*netif_ip4_addr(netif));
}

void net_route_changed(void)
{
    net_route_only = NULL;
    if (net_card_count == 1 && can_send(&net_interface(0)->netif))
        net_route_only = &net_interface(0)->netif;
}

static bool is_neighbour(const struct netif *netif, const ip4_addr_t *destination)
{
    return ip4_addr_netcmp(destination, netif_ip4_addr(netif), netif_ip4_netmask(netif));
}

static bool has_gateway(const struct netif *netif, const ip4_addr_t *destination)
{
    (void)destination;
    return !ip4_addr_isany_val(*netif_ip4_gw(netif));
}

static bool is_there(const struct netif *netif, const ip4_addr_t *destination)
{
    (void)netif;
    (void)destination;
    return true;
}

static struct netif *of_source(const ip4_addr_t *source, const ip4_addr_t *destination)
{
    for (unsigned card = 0; card < net_card_count; card++) {
        struct netif *netif = &net_interface(card)->netif;
        if (can_send(netif) && ip4_addr_cmp(source, netif_ip4_addr(netif)) &&
            (is_neighbour(netif, destination) || has_gateway(netif, destination)))
            return netif;
    }
    return NULL;
}

struct netif *net_route_among(const ip4_addr_t *source, const ip4_addr_t *destination)
{
    static bool (*const rules[])(const struct netif *netif, const ip4_addr_t *destination) = {
        is_neighbour, has_gateway, is_there};
    if (ip4_addr_isloopback(destination))
        return NULL;
    struct netif *found =
        source == NULL || ip4_addr_isany(source) ? NULL : of_source(source, destination);
    for (size_t rule = 0; found == NULL && rule < ARRAY_COUNT(rules); rule++)
        for (unsigned card = 0; found == NULL && card < net_card_count; card++) {
            struct netif *netif = &net_interface(card)->netif;
            if (can_send(netif) && rules[rule](netif, destination))
                found = netif;
        }
    return found;
}

// ---- IPv6 ---------------------------------------------------------------------------------------

static bool is_on_link6(struct netif *netif, const ip6_addr_t *destination)
{
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
            ip6_addr_netcmp(destination, netif_ip6_addr(netif, i)) &&
            (netif_ip6_addr_isstatic(netif, i) ||
             ip6_addr_nethostcmp(destination, netif_ip6_addr(netif, i))))
            return true;
    for (int i = 0; i < LWIP_ND6_NUM_PREFIXES; i++)
        if (prefix_list[i].netif == netif && ip6_addr_netcmp(&prefix_list[i].prefix, destination))
            return true;
    return false;
}

static bool has_router6(struct netif *netif, const ip6_addr_t *destination)
{
    (void)destination;
    for (int i = 0; i < LWIP_ND6_NUM_ROUTERS; i++)
        if (default_router_list[i].neighbor_entry != NULL &&
            default_router_list[i].neighbor_entry->netif == netif)
            return true;
    return false;
}

struct netif *net_route6(const ip6_addr_t *source, const ip6_addr_t *destination)
{
    static bool (*const rules[])(struct netif * netif,
                                 const ip6_addr_t *destination) = {is_on_link6, has_router6};
    for (unsigned card = 0; !ip6_addr_isany(source) && card < net_card_count; card++) {
        struct netif *netif = &net_interface(card)->netif;
        if (netif_is_up(netif) && netif_is_link_up(netif) &&
            netif_get_ip6_addr_match(netif, source) >= 0 &&
            (is_on_link6(netif, destination) || has_router6(netif, destination)))
            return netif;
    }
    for (size_t rule = 0; rule < ARRAY_COUNT(rules); rule++)
        for (unsigned card = 0; card < net_card_count; card++) {
            struct netif *netif = &net_interface(card)->netif;
            if (netif_is_up(netif) && netif_is_link_up(netif) && rules[rule](netif, destination))
                return netif;
        }
    return NULL;
}

// lwIP keeps the next hop of each destination, whichever card it is reached by.
static void forget_other_way(const struct netif *netif, const ip6_addr_t *destination)
{
    for (int i = 0; i < LWIP_ND6_NUM_DESTINATIONS; i++) {
        struct nd6_destination_cache_entry *entry = &destination_cache[i];
        if (!ip6_addr_cmp(&entry->destination_addr, destination))
            continue;
        for (int k = 0; k < LWIP_ND6_NUM_NEIGHBORS; k++)
            if (neighbor_cache[k].state != ND6_NO_ENTRY && neighbor_cache[k].netif != netif &&
                ip6_addr_cmp(&neighbor_cache[k].next_hop_address, &entry->next_hop_addr))
                ip6_addr_set_any(&entry->destination_addr);
        return;
    }
}

err_t net_route_output6(struct netif *netif, struct pbuf *packet, const ip6_addr_t *destination)
{
    if (net_card_count > 1 && !ip6_addr_ismulticast(destination))
        forget_other_way(netif, destination);
    return ethip6_output(netif, packet, destination);
}

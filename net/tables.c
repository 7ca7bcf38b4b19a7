// SPDX-License-Identifier: MIT
#include "net/tables.h"

#include <stdio.h>

#include "kernel/device.h"
#include "net/address6.h"
#include "net/interface.h"
#include "net/ip4.h"
#include "net/ip6.h"
#include "net/ntp_servers.h"

#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/netif.h"
#include "lwip/priv/nd6_priv.h"

#define FOR_EVER UINT32_MAX

static void put_ip4(char text[NET_TABLE_TEXT_BYTES], const ip4_addr_t *address)
{
    ip4addr_ntoa_r(address, text, NET_TABLE_TEXT_BYTES);
}

static void put_prefix(char text[NET_TABLE_TEXT_BYTES], unsigned bits)
{
    char address[NET_TABLE_TEXT_BYTES];
    snprintf(address, sizeof(address), "%s", text);
    snprintf(text, NET_TABLE_TEXT_BYTES, "%.46s/%u", address, bits);
}

static void put_mac(char text[NET_TABLE_TEXT_BYTES], const uint8_t *mac)
{
    snprintf(text, NET_TABLE_TEXT_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
             mac[3], mac[4], mac[5]);
}

// ---- addresses ----------------------------------------------------------------------------------

static const char *address_state(uint8_t state)
{
    if (ip6_addr_isduplicated(state))
        return "duplicate";
    if (ip6_addr_istentative(state))
        return "tentative";
    return ip6_addr_isdeprecated(state) ? "deprecated" : "preferred";
}

static const char *name_of(const struct netif *netif)
{
    return ((const struct net_device *)netif->state)->name;
}

static void each_address(const struct netif *netif, net_table_fn *each, void *context)
{
    const unsigned card = net_card_of(netif);
    if (!ip4_addr_isany_val(*netif_ip4_addr(netif))) {
        struct net_table_row row = {.origin = net_ip4_by_dhcp(card) ? "DHCP" : "option ip",
                                    .state = "preferred",
                                    .left_s = FOR_EVER,
                                    .device = name_of(netif)};
        put_ip4(row.what, netif_ip4_addr(netif));
        put_prefix(row.what, net_ip4_prefix_bits(netif));
        each(&row, context);
    }
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        uint8_t state = netif_ip6_addr_state(netif, i);
        if (ip6_addr_isinvalid(state))
            continue;
        uint32_t life = netif_ip6_addr_valid_life(netif, i);
        struct net_table_row row = {.origin = net_ip6_origin(card, i),
                                    .state = address_state(state),
                                    .left_s = life == IP6_ADDR_LIFE_STATIC ? FOR_EVER : life,
                                    .device = name_of(netif)};
        net_address6_text(row.what, netif_ip6_addr(netif, i));
        put_prefix(row.what, net_ip6_prefix_bits(card, i));
        each(&row, context);
    }
}

// ---- routes -------------------------------------------------------------------------------------

static void each_route4(const struct netif *netif, net_table_fn *each, void *context)
{
    struct net_table_row row = {.left_s = FOR_EVER, .device = name_of(netif)};
    ip4_addr_t network;
    ip4_addr_get_network(&network, netif_ip4_addr(netif), netif_ip4_netmask(netif));
    if (ip4_addr_isany_val(*netif_ip4_addr(netif)))
        return;
    put_ip4(row.what, &network);
    put_prefix(row.what, net_ip4_prefix_bits(netif));
    each(&row, context);
    if (ip4_addr_isany_val(*netif_ip4_gw(netif)))
        return;
    snprintf(row.what, sizeof(row.what), "0.0.0.0/0");
    put_ip4(row.via, netif_ip4_gw(netif));
    each(&row, context);
}

static void each_route(const struct netif *netif, net_table_fn *each, void *context)
{
    each_route4(netif, each, context);
    for (int i = 0; i < LWIP_ND6_NUM_PREFIXES; i++) {
        if (prefix_list[i].netif != netif)
            continue;
        struct net_table_row row = {.left_s = prefix_list[i].invalidation_timer,
                                    .device = name_of(netif)};
        net_address6_text(row.what, &prefix_list[i].prefix);
        put_prefix(row.what, 64);
        each(&row, context);
    }
    for (int i = 0; i < LWIP_ND6_NUM_ROUTERS; i++) {
        const struct nd6_router_list_entry *router = &default_router_list[i];
        if (router->neighbor_entry == NULL || router->neighbor_entry->netif != netif)
            continue;
        struct net_table_row row = {
            .what = "::/0", .left_s = router->invalidation_timer, .device = name_of(netif)};
        net_address6_text(row.via, &router->neighbor_entry->next_hop_address);
        each(&row, context);
    }
}

// ---- neighbours ---------------------------------------------------------------------------------

static void each_neighbour(const struct netif *netif, net_table_fn *each, void *context)
{
    for (size_t i = 0; i < ARP_TABLE_SIZE; i++) {
        ip4_addr_t *address;
        struct netif *of;
        struct eth_addr *mac;
        // Those that are asked for are not told.
        if (!etharp_get_entry(i, &address, &of, &mac) || of != netif)
            continue;
        struct net_table_row row = {
            .state = "stable", .left_s = FOR_EVER, .device = name_of(netif)};
        put_ip4(row.what, address);
        put_mac(row.via, mac->addr);
        each(&row, context);
    }
    static const char *const states[] = {
        [ND6_INCOMPLETE] = "incomplete", [ND6_REACHABLE] = "reachable", [ND6_STALE] = "stale",
        [ND6_DELAY] = "delay",           [ND6_PROBE] = "probe",
    };
    for (int i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++) {
        const struct nd6_neighbor_cache_entry *entry = &neighbor_cache[i];
        if (entry->state == ND6_NO_ENTRY || entry->netif != netif)
            continue;
        struct net_table_row row = {
            .state = states[entry->state], .left_s = FOR_EVER, .device = name_of(netif)};
        net_address6_text(row.what, &entry->next_hop_address);
        if (entry->state != ND6_INCOMPLETE)
            put_mac(row.via, entry->lladdr);
        each(&row, context);
    }
}

// ---- name servers -------------------------------------------------------------------------------

static void each_name_server(net_table_fn *each, void *context)
{
    for (u8_t i = 0; i < DNS_MAX_SERVERS; i++) {
        const ip_addr_t *server = dns_getserver(i);
        if (ip_addr_isany(server))
            continue;
        struct net_table_row row = {.left_s = FOR_EVER};
        if (IP_IS_V6(server))
            net_address6_text(row.what, ip_2_ip6(server));
        else
            put_ip4(row.what, ip_2_ip4(server));
        each(&row, context);
    }
}

static void each_time_server(net_table_fn *each, void *context)
{
    struct net_table_row row = {.origin = "DHCP", .left_s = FOR_EVER};
    ip_addr_t server;
    if (!net_ntp_server(&server))
        return;
    put_ip4(row.what, ip_2_ip4(&server));
    each(&row, context);
}

void net_table_each(enum net_table table, net_table_fn *each, void *context)
{
    static void (*const of_card[])(const struct netif *netif, net_table_fn *each,
                                   void *context) = {[NET_ADDRESSES] = each_address,
                                                     [NET_ROUTES] = each_route,
                                                     [NET_NEIGHBOURS] = each_neighbour};
    if (table == NET_NAME_SERVERS && net_card_count > 0)
        each_name_server(each, context);
    else if (table == NET_TIME_SERVERS)
        each_time_server(each, context);
    for (unsigned card = 0; table <= NET_NEIGHBOURS && card < net_card_count; card++)
        of_card[table](&net_interface(card)->netif, each, context);
}

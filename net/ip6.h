// SPDX-License-Identifier: MIT
// IPv6 of one core, by each card. Core 0 finds the machine's addresses: link-local, from router
// advertisements or option `ip6`; it alone checks that nobody else has them (duplicate address
// detection), asks for routers and DHCPv6 servers, and answers who looks for this machine. The
// other cores are told the result, and hear what routers and neighbours say afterwards themselves
// (net/steer.h). Context: the core of the stack. Spec: RFC 4861 (neighbours and routers), RFC 4862
// (addresses), RFC 8106 (DNS servers).
#pragma once

#include "kernel/compiler.h"

#include "lwip/netif.h"
#include "lwip/opt.h"

// What core 0 tells the others of a card. An address that is all zeros: there is none.
struct net_ip6_config {
    struct {
        ip6_addr_t address;
        uint8_t state;    // lwIP's: preferred or deprecated
        bool has_network; // its /64 is on this link
        uint8_t origin;
    } addresses[LWIP_IPV6_NUM_ADDRESSES];
    struct {
        ip6_addr_t address;
        uint8_t mac[6];
        bool has_mac;
        uint8_t flags;
        uint32_t lifetime_s;
    } routers[LWIP_ND6_NUM_ROUTERS];
    struct {
        ip6_addr_t prefix;
        uint32_t lifetime_s;
    } prefixes[LWIP_ND6_NUM_PREFIXES];
    uint16_t mtu;
};

// Core 0's of a card, as its option `ip6` says. Once, with the interface up or about to be.
void net_ip6_start(struct netif *netif);
// Another core's: it has what it is told.
void net_ip6_join(struct netif *netif);
void net_ip6_config(unsigned card, struct net_ip6_config *out);
void net_ip6_configure(unsigned card, const struct net_ip6_config *config);

// Whether this machine speaks IPv6 by a card, or by any.
bool net_ip6_is_on(unsigned card);
bool net_ip6_is_on_any(void);
// The first address that is good for more than its link, or NULL.
const ip6_addr_t *net_ip6_address(void);
// Adds an address that a server gave, for so many seconds, or gives it more time. Returns: false
// when there are too many.
bool net_ip6_add_address(struct netif *netif, const ip6_addr_t *address, uint32_t valid_s,
                         uint32_t preferred_s);
#define NET_IP6_TICK_MS 1000
// Once a second: what lwIP does then, and what routers say is followed.
void net_ip6_tick(void);
// Where a card's address at lwIP's `index` is from: "link-local", "option ip6", "DHCPv6", "router".
const char *net_ip6_origin(unsigned card, int index);
unsigned net_ip6_prefix_bits(unsigned card, int index);
// Says on the console which addresses came and went. After lwIP's status callback.
void net_ip6_tell_changes(struct netif *netif);

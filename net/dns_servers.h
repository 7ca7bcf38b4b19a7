// SPDX-License-Identifier: MIT
// The DNS servers that lwIP's resolver asks, from all that name some: DHCP or option `ip` those of
// IPv4, routers or option `ip6` those of IPv6. IPv4's come first, and of each family those of the
// first card that knows any. Context: core 0.
#pragma once

#include "kernel/compiler.h"
#include "net/address6.h"

#include "lwip/ip_addr.h"

#define NET_DNS_TEXT_BYTES (NET_DNS_MAX * (NET_ADDRESS6_TEXT_BYTES + 5))

// One of up to NET_DNS_MAX servers of a family that were heard of by a card; what is beyond is not
// heard. All zeros: there is none. In use with net_dns_arrange().
void net_dns_hear_ip4(unsigned card, unsigned index, const ip_addr_t *server);
// The same, in use at once.
void net_dns_hear_ip6(unsigned card, unsigned index, const ip6_addr_t *server);
// Puts all in their order.
void net_dns_arrange(void);
// Those of one family: "10.0.2.3 and 10.0.2.4", or "".
void net_dns_text(char text[NET_DNS_TEXT_BYTES], uint8_t family);

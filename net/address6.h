// SPDX-License-Identifier: MIT
// The value of option `ip6`: what it says, or exactly what is wrong with it. Bytes in, struct out.
#pragma once

#include "kernel/compiler.h"
#include "net/address.h"

#define NET_ADDRESS6_BYTES 16

// IPv6 addresses as their bytes, as in a packet.
struct net_static_address6 {
    uint8_t address[NET_ADDRESS6_BYTES];
    uint8_t prefix_bits; // 64 or 128
    bool has_gateway;
    uint8_t gateway[NET_ADDRESS6_BYTES];
    unsigned dns_count;
    uint8_t dns[NET_DNS_MAX][NET_ADDRESS6_BYTES];
};

#define NET_ADDRESS6_SYNTAX                                                                        \
    "ip6=ADDRESS/PREFIX[,gw=ADDRESS][,dns=ADDRESS[,dns=ADDRESS]], ip6=auto or ip6=off"

#define NET_ADDRESS6_TEXT_BYTES 46

// Writes 16 bytes of an address as text: "fd00::2". Spec: RFC 5952.
void net_address6_text(char text[NET_ADDRESS6_TEXT_BYTES], const void *address);

// Reads "fd00::2/64,gw=fe80::1,dns=fd00::53". Nothing around, between or after is allowed. The
// prefix is 64, the size of a link's network, or 128: no neighbour but the router.
// Returns: NULL, or what is wrong, a constant text; *out is then undefined.
// Spec: RFC 4291 section 2.2.
const char *net_static_address6_parse(const char *text, struct net_static_address6 *out) MUST_CHECK;

// SPDX-License-Identifier: MIT
// The value of option `ip`: what it says, or exactly what is wrong with it. Bytes in, struct out.
#pragma once

#include "kernel/compiler.h"

#define NET_DNS_MAX 2

// IPv4 addresses as numbers: 10.0.2.15 is 0x0a00020f. 0: not given.
struct net_static_address {
    uint32_t address;
    uint8_t prefix_bits;
    uint32_t gateway;
    uint32_t dns[NET_DNS_MAX];
};

#define NET_ADDRESS_SYNTAX "ip=ADDRESS/PREFIX[,gw=ADDRESS][,dns=ADDRESS[,dns=ADDRESS]] or ip=dhcp"

// Reads "10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3". Nothing around, between or after is allowed.
// Returns: NULL, or what is wrong, a constant text; *out is then undefined.
const char *net_static_address_parse(const char *text, struct net_static_address *out) MUST_CHECK;

// The netmask of a prefix of 0..32 bits, as a number.
uint32_t net_netmask(uint8_t prefix_bits);

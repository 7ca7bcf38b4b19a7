// SPDX-License-Identifier: MIT
// IPv4's header where it has no options: 20 bytes, in the network's order. Spec: RFC 791, 3.1.
#pragma once

#include <string.h>

#include "kernel/compiler.h"

#define NET_IP4_VERSION_4_IHL_5 0x45
#define NET_IP4_GROUPS          224 // first byte of an address: groups, reserved ones, broadcast

// Words of memory, as they lie. One by one, for a copy of the whole would go through the stack.
static inline uint32_t net_ip4_load(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}
static inline void net_ip4_store(uint8_t *at, uint32_t word)
{
    memcpy(at, &word, sizeof(word));
}

// Of the sum of some words. Returns: 16 bits of one's complement; 0xffff of a whole header, its
// checksum included, that is right. Each half is added to the other, so that the carry out of the
// lower sum is in the upper one.
static inline uint16_t net_ip4_fold(uint64_t sum)
{
    sum += sum >> 32 | sum << 32;
    uint32_t half = (uint32_t)(sum >> 32);
    half += half >> 16 | half << 16;
    return (uint16_t)(half >> 16);
}

// Returns: false also of addresses that only might be of more than one host, or of none.
static inline bool net_ip4_is_one_host(uint32_t address, uint32_t netmask)
{
    return address != 0 && (address | netmask) != UINT32_MAX && (uint8_t)address < NET_IP4_GROUPS;
}

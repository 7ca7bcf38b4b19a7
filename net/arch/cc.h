// SPDX-License-Identifier: MIT
// What lwIP is told about the compiler and the machine. Included by every lwIP header.
#pragma once

#include "kernel/compiler.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/random.h"

#ifndef BYTE_ORDER
#define BYTE_ORDER LITTLE_ENDIAN
#endif
#ifndef LITTLE_ENDIAN
#define LITTLE_ENDIAN 1234
#endif
#ifndef BIG_ENDIAN
#define BIG_ENDIAN 4321
#endif

// One instruction each in place of lwIP's functions.
#define lwip_htons(value) __builtin_bswap16(value)
#define lwip_htonl(value) __builtin_bswap32(value)
// The C library's own htons family is there for apps.
#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS 1

#define LWIP_RAND()                   random_u32()
#define LWIP_PLATFORM_DIAG(arguments) log_info arguments
#define LWIP_PLATFORM_ASSERT(message) panic("lwip: %s:%d: %s", __FILE__, __LINE__, message)

// net/owner.c; declared here because lwIP's own files see only this header and lwipopts.h.
extern PERCORE bool net_core_has_stack;
_Noreturn void net_owner_violated(void);

// lwIP and everything that belongs to it is used only on the core whose stack it is, from a thread
// or from a callback.
static inline void net_assert_owner(void)
{
    if (__builtin_expect(!net_core_has_stack, 0))
        net_owner_violated();
}

// The Internet checksum's sum of `size_bytes` bytes, not inverted, as lwIP's LWIP_CHKSUM.
uint16_t net_checksum(const void *data, int size_bytes);

// The same, at once for IPv4's header without options, which each packet has.
static inline uint16_t net_checksum_of(const void *data, int size_bytes)
{
    if (size_bytes != 20)
        return net_checksum(data, size_bytes);
    uint32_t words[5];
    __builtin_memcpy(words, data, sizeof(words));
    uint64_t sum = (uint64_t)words[0] + words[1] + words[2] + words[3] + words[4];
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)((sum >> 16) + (sum & 0xffff));
}

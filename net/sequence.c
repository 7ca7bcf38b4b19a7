// SPDX-License-Identifier: MIT
// Initial sequence numbers: a clock of 4 us plus a keyed hash of the connection's two ends, so that
// nobody off the path can guess where a connection counts from. Spec: RFC 6528; the hash is
// SipHash-2-4 (Aumasson and Bernstein, 2012).
#include <string.h>

#include "kernel/time.h"
#include "net/hooks.h"

static PERCORE struct {
    uint64_t key[2];
    bool drawn;
} secret;

static inline uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate_left(v[1], 13) ^ v[0];
    v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] = rotate_left(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate_left(v[1], 17) ^ v[2];
    v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] = rotate_left(v[2], 32);
}

static uint64_t sip_hash(const uint64_t key[2], const uint64_t *words, size_t word_count)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
    for (size_t i = 0; i <= word_count; i++) {
        uint64_t word = i < word_count ? words[i] : (uint64_t)(word_count * 8) << 56;
        v[3] ^= word;
        sip_round(v);
        sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

u32_t net_initial_sequence_number(const ip_addr_t *local_address, u16_t local_port,
                                  const ip_addr_t *remote_address, u16_t remote_port)
{
    if (!secret.drawn) {
        random_bytes(secret.key, sizeof(secret.key));
        secret.drawn = true;
    }
    uint64_t ends[5] = {(uint64_t)local_port << 16 | remote_port};
    size_t words = 2;
    if (IP_IS_V6(remote_address)) {
        memcpy(&ends[1], ip_2_ip6(local_address)->addr, sizeof(ip_2_ip6(local_address)->addr));
        memcpy(&ends[3], ip_2_ip6(remote_address)->addr, sizeof(ip_2_ip6(remote_address)->addr));
        words = 5;
    } else {
        ends[1] = (uint64_t)ip_2_ip4(local_address)->addr << 32 | ip_2_ip4(remote_address)->addr;
    }
    return (u32_t)(sip_hash(secret.key, ends, words) + time_now_ns() / 4096);
}

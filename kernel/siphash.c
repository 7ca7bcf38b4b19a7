// SPDX-License-Identifier: MIT
#include "kernel/siphash.h"

#include <string.h>

static inline uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void round_once(uint64_t v[4])
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

uint64_t siphash(const struct siphash_key *key, const void *data, size_t size_bytes)
{
    uint64_t v[4] = {key->words[0] ^ 0x736f6d6570736575, key->words[1] ^ 0x646f72616e646f6d,
                     key->words[0] ^ 0x6c7967656e657261, key->words[1] ^ 0x7465646279746573};
    const char *at = data;
    for (size_t left = size_bytes;; left -= 8, at += 8) {
        uint64_t word = 0;
        memcpy(&word, at, left < 8 ? left : 8);
        if (left < 8)
            word |= (uint64_t)size_bytes << 56; // the last one ends with the length
        v[3] ^= word;
        round_once(v);
        round_once(v);
        v[0] ^= word;
        if (left < 8)
            break;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        round_once(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

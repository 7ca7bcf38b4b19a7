// SPDX-License-Identifier: MIT
// A keyed hash: who does not know the key cannot tell which texts fall together, so tables of what
// others chose stay as fast as any. Spec: SipHash-2-4 (Aumasson and Bernstein, 2012).
#pragma once

#include "kernel/compiler.h"

struct siphash_key {
    uint64_t words[2]; // random_bytes()
};

uint64_t siphash(const struct siphash_key *key, const void *data, size_t size_bytes);

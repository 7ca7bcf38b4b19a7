// SPDX-License-Identifier: MIT
// An input, taken from the front. Behind its end there are zeroes.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *at, *end;
};

static inline size_t bytes_left(const struct bytes *bytes)
{
    return (size_t)(bytes->end - bytes->at);
}

// Returns: how many there were.
static inline size_t bytes_take(struct bytes *bytes, void *to, size_t size_bytes)
{
    size_t taken = size_bytes < bytes_left(bytes) ? size_bytes : bytes_left(bytes);
    memset(to, 0, size_bytes);
    if (taken > 0)
        memcpy(to, bytes->at, taken);
    bytes->at += taken;
    return taken;
}

static inline uint8_t bytes_take8(struct bytes *bytes)
{
    uint8_t value;
    bytes_take(bytes, &value, 1);
    return value;
}

static inline uint16_t bytes_take16(struct bytes *bytes)
{
    uint16_t value;
    bytes_take(bytes, &value, 2);
    return value;
}

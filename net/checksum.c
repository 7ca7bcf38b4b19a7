// SPDX-License-Identifier: MIT
// The Internet checksum, eight bytes at a time. Spec: RFC 1071.
#include <string.h>

#include "net/arch/cc.h"

static inline uint64_t load64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static inline uint64_t load32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static inline uint64_t add_with_carry(uint64_t sum, uint64_t value)
{
    sum += value;
    return sum + (sum < value);
}

uint16_t net_checksum(const void *data, int size_bytes)
{
    const uint8_t *bytes = data;
    uint64_t sum = 0;
    for (; size_bytes >= 32; bytes += 32, size_bytes -= 32) {
        sum = add_with_carry(sum, load64(bytes));
        sum = add_with_carry(sum, load64(bytes + 8));
        sum = add_with_carry(sum, load64(bytes + 16));
        sum = add_with_carry(sum, load64(bytes + 24));
    }
    for (; size_bytes >= 8; bytes += 8, size_bytes -= 8)
        sum = add_with_carry(sum, load64(bytes));
    if (size_bytes & 4) {
        sum = add_with_carry(sum, load32(bytes));
        bytes += 4;
    }
    if (size_bytes & 2) {
        sum = add_with_carry(sum, (uint64_t)(bytes[0] | bytes[1] << 8));
        bytes += 2;
    }
    if (size_bytes & 1)
        sum = add_with_carry(sum, bytes[0]); // as if a zero followed it
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)sum;
}

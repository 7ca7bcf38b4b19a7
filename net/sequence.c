// SPDX-License-Identifier: MIT
// Initial sequence numbers: a clock of 4 us plus a keyed hash of the connection's two ends, so that
// nobody off the path can guess where a connection counts from. Spec: RFC 6528.
#include <string.h>

#include "kernel/siphash.h"
#include "kernel/time.h"
#include "net/hooks.h"

static PERCORE struct {
    struct siphash_key key;
    bool drawn;
} secret;

u32_t net_initial_sequence_number(const ip_addr_t *local_address, u16_t local_port,
                                  const ip_addr_t *remote_address, u16_t remote_port)
{
    if (!secret.drawn) {
        random_bytes(&secret.key, sizeof(secret.key));
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
    return (u32_t)(siphash(&secret.key, ends, words * sizeof(ends[0])) + time_now_ns() / 4096);
}

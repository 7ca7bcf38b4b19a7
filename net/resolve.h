// SPDX-License-Identifier: MIT
// Names to addresses: a DNS client on each core, with a cache of its own. It asks the servers that
// DHCP or option `ip` named, from a port and with a number that nobody can guess.
#pragma once

#include "kernel/compiler.h"
#include "net/dns_message.h"

#include "lwip/ip_addr.h"

enum net_family { NET_FAMILY_ANY, NET_FAMILY_IPV4, NET_FAMILY_IPV6 };

#define NET_RESOLVED_MAX (2 * DNS_ADDRESSES_MAX)

struct net_resolved {
    unsigned count;                        // of addresses, at least one
    ip_addr_t addresses[NET_RESOLVED_MAX]; // the first is to be tried first
};

// Finds the addresses of a host, or the one that `name` says as text. NET_FAMILY_ANY: those of IPv6
// first, if this machine has an address for more than its link, then those of IPv4.
// Context: a thread of a core with a network. Blocks: until there is an answer.
// Returns: 0, -EINVAL (not a name), -ENOENT (there is no such name), -ENODATA (it has no address of
// that family), -EDESTADDRREQ (no server is known), -ETIMEDOUT (no server answered, or the
// deadline), -EREMOTEIO (the servers cannot or will not say), -EBADMSG (what they say is
// malformed), -ENODEV (no network), -ENETDOWN (no address of our own), -ENOMEM.
int net_resolve(const char *name, enum net_family family, struct net_resolved *out,
                uint64_t deadline_ns) MUST_CHECK;
// What such an error says, as text.
const char *net_resolve_error(int error);

// SPDX-License-Identifier: MIT
// IPv6 frames by hand, for the world of fake_net_world.h.
#pragma once

#include "fake_net_world.h"

// The machine's link-local address, and the peer's, fe80::2, which is a router when it says so.
extern const uint8_t world_own_link[16], world_router_link[16];
// 2001:db8:0:1::5054:ff:fe12:3456, what the machine makes of prefix 2001:db8:0:1::/64.
extern const uint8_t world_own_global[16], world_prefix[16];
extern const uint8_t world_all_nodes[16];

// Writes Ethernet and IPv6 headers for `payload_bytes` bytes that follow them.
size_t world_ip6_headers(uint8_t *frame, uint8_t next_header, const uint8_t source[16],
                         const uint8_t destination[16], size_t payload_bytes);
// The checksum of what follows the IPv6 header, its field at `field_offset` taken as zero.
uint16_t world_ip6_checksum(const uint8_t *frame, uint16_t field_offset);
// An ICMPv6 message of `size_bytes` bytes; its checksum is filled in.
size_t world_icmp6(uint8_t *frame, const uint8_t source[16], const uint8_t destination[16],
                   const void *message, size_t size_bytes);
// A router's word: prefix 2001:db8:0:1::/64 for `lifetime_s`, a DNS server, flags M and O.
size_t world_advertisement(uint8_t *frame, uint8_t flags, uint32_t lifetime_s);
// Who has `target`? And: `target` is the peer's.
size_t world_solicitation(uint8_t *frame, const uint8_t source[16], const uint8_t target[16]);
size_t world_neighbour(uint8_t *frame, const uint8_t destination[16], const uint8_t target[16]);
size_t world_udp6(uint8_t *frame, const uint8_t source[16], uint16_t source_port,
                  const uint8_t destination[16], uint16_t port, const void *data,
                  size_t data_bytes);
// The type of an ICMPv6 message this machine sent, behind hop-by-hop options too; 0 if it is none.
uint8_t world_icmp6_type(const struct world_frame *frame);

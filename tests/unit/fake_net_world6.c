// SPDX-License-Identifier: MIT
#include "fake_net_world6.h"

#include <string.h>

#define IP6   14 // in the frame
#define START 54

const uint8_t world_own_link[16] = {0xfe, 0x80, [8] = 0x50, 0x54, 0, 0xff, 0xfe, 0x12, 0x34, 0x56};
const uint8_t world_router_link[16] = {0xfe, 0x80, [15] = 2};
const uint8_t world_prefix[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1};
const uint8_t world_own_global[16] = {0x20, 1,    0xd, 0xb8, 0,    0,    0,    1,
                                      0x50, 0x54, 0,   0xff, 0xfe, 0x12, 0x34, 0x56};
const uint8_t world_all_nodes[16] = {0xff, 2, [15] = 1};

size_t world_ip6_headers(uint8_t *frame, uint8_t next_header, const uint8_t source[16],
                         const uint8_t destination[16], size_t payload_bytes)
{
    memcpy(frame, world_own_mac, 6);
    if (destination[0] == 0xff) {
        memset(frame, 0x33, 2);
        memcpy(frame + 2, destination + 12, 4);
    }
    memcpy(frame + 6, world_peer_mac, 6);
    world_put16(frame + 12, 0x86dd);
    memset(frame + IP6, 0, 8);
    frame[IP6] = 0x60;
    world_put16(frame + IP6 + 4, (uint16_t)payload_bytes);
    frame[IP6 + 6] = next_header;
    frame[IP6 + 7] = 255;
    memcpy(frame + IP6 + 8, source, 16);
    memcpy(frame + IP6 + 24, destination, 16);
    return START + payload_bytes;
}

uint16_t world_ip6_checksum(const uint8_t *frame, uint16_t field_offset)
{
    uint16_t length = world_get16(frame + IP6 + 4);
    uint32_t sum = world_sum(frame + IP6 + 8, 32, (uint32_t)frame[IP6 + 6] + length);
    sum = world_sum(frame + START, length, sum);
    sum += 0xffff - world_get16(frame + START + field_offset); // take the field out
    return (uint16_t)~world_fold(sum);
}

size_t world_icmp6(uint8_t *frame, const uint8_t source[16], const uint8_t destination[16],
                   const void *message, size_t size_bytes)
{
    memcpy(frame + START, message, size_bytes);
    size_t frame_bytes = world_ip6_headers(frame, 58, source, destination, size_bytes);
    world_put16(frame + START + 2, world_ip6_checksum(frame, 2));
    return frame_bytes;
}

size_t world_advertisement(uint8_t *frame, uint8_t flags, uint32_t lifetime_s)
{
    uint8_t message[16 + 8 + 32 + 24] = {134, [4] = 64, [5] = flags, [6] = 7, [7] = 8};
    uint8_t *option = message + 16;
    option[0] = 1; // source link-layer address
    option[1] = 1;
    memcpy(option + 2, world_peer_mac, 6);
    option += 8;
    option[0] = 3; // prefix information
    option[1] = 4;
    option[2] = 64;
    option[3] = 0xc0; // on this link, for addresses
    world_put32(option + 4, lifetime_s);
    world_put32(option + 8, lifetime_s);
    memcpy(option + 16, world_prefix, 16);
    option += 32;
    option[0] = 25; // recursive DNS server
    option[1] = 3;
    world_put32(option + 4, 600);
    memcpy(option + 8, world_prefix, 8);
    option[23] = 0x53;
    return world_icmp6(frame, world_router_link, world_all_nodes, message, sizeof(message));
}

size_t world_solicitation(uint8_t *frame, const uint8_t source[16], const uint8_t target[16])
{
    uint8_t message[32] = {135};
    uint8_t group[16] = {0xff, 2, [11] = 1, [12] = 0xff};
    memcpy(group + 13, target + 13, 3);
    memcpy(message + 8, target, 16);
    message[24] = 1;
    message[25] = 1;
    memcpy(message + 26, world_peer_mac, 6);
    static const uint8_t nobody[16];
    size_t size_bytes = memcmp(source, nobody, 16) == 0 ? 24 : 32;
    return world_icmp6(frame, source, group, message, size_bytes);
}

size_t world_neighbour(uint8_t *frame, const uint8_t destination[16], const uint8_t target[16])
{
    uint8_t message[32] = {136, [4] = destination[0] == 0xff ? 0x20 : 0x60};
    memcpy(message + 8, target, 16);
    message[24] = 2;
    message[25] = 1;
    memcpy(message + 26, world_peer_mac, 6);
    return world_icmp6(frame, target, destination, message, sizeof(message));
}

size_t world_udp6(uint8_t *frame, const uint8_t source[16], uint16_t source_port,
                  const uint8_t destination[16], uint16_t port, const void *data, size_t data_bytes)
{
    world_udp_datagram(frame + START, source_port, port, data, data_bytes);
    size_t size_bytes = world_ip6_headers(frame, 17, source, destination, 8 + data_bytes);
    world_put16(frame + START + 6, world_ip6_checksum(frame, 6));
    return size_bytes;
}

uint8_t world_icmp6_type(const struct world_frame *frame)
{
    if (world_get16(frame->bytes + 12) != 0x86dd)
        return 0;
    if (frame->bytes[IP6 + 6] == 0)
        return frame->bytes[START] == 58 ? frame->bytes[START + 8] : 0;
    return frame->bytes[IP6 + 6] == 58 ? frame->bytes[START] : 0;
}

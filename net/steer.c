// SPDX-License-Identifier: MIT
// Spec: RFC 826 (ARP), RFC 791, RFC 8200, RFC 4861 section 4 (neighbour discovery), RFC 6335
// section 6 (dynamic ports).
#include "net/steer.h"

#include <string.h>

#define ETHERNET_BYTES      14
#define TYPE_IPV4           0x0800
#define TYPE_ARP            0x0806
#define TYPE_IPV6           0x86dd
#define IPV4_BYTES          20
#define IPV4_FRAGMENT       0x3fff // more fragments, or an offset
#define IPV6_BYTES          40
#define PROTOCOL_IGMP       2
#define PROTOCOL_TCP        6
#define PROTOCOL_UDP        17
#define PROTOCOL_ICMPV6     58
#define HOP_BY_HOP_OPTIONS  0 // only multicast listener discovery has them
#define PACKET_TOO_BIG      2
#define ND_ROUTER_ADVERT    134
#define ND_NEIGHBOR_SOLICIT 135
#define ND_NEIGHBOR_ADVERT  136
#define ND_REDIRECT         137
#define PORT_DHCP_CLIENT    68
#define PORT_DHCPV6_CLIENT  546
#define PORTS_FIRST         ((unsigned)NET_STEER_PORT_FIRST)
#define PORTS               (NET_STEER_PORT_LAST - PORTS_FIRST + 1)

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint16_t ports_each(const struct net_steer_map *map)
{
    return (uint16_t)(PORTS / map->count);
}

uint16_t net_steer_port_first(const struct net_steer_map *map, unsigned position)
{
    return (uint16_t)(PORTS_FIRST + position * ports_each(map));
}

uint16_t net_steer_port_last(const struct net_steer_map *map, unsigned position)
{
    return (uint16_t)(net_steer_port_first(map, position) + ports_each(map) - 1);
}

// One of the positions that share this one's pair: the same for all frames of a connection.
static unsigned by_hash(const struct net_steer_map *map, unsigned own, const uint8_t *source,
                        size_t source_bytes, const uint8_t *ports)
{
    if (map->count <= map->pairs)
        return own;
    unsigned pair = own % map->pairs;
    unsigned sharing = (map->count - pair + map->pairs - 1) / map->pairs;
    if (sharing == 1)
        return own;
    uint32_t word;
    memcpy(&word, ports, sizeof(word));
    uint64_t hash = word;
    for (size_t i = 0; i < source_bytes; i += sizeof(word)) {
        memcpy(&word, source + i, sizeof(word));
        hash = (hash ^ word) * 0x9e3779b97f4a7c15;
        hash ^= hash >> 32;
    }
    return pair + (unsigned)((hash & UINT32_MAX) * sharing >> 32) * map->pairs;
}

static unsigned by_ports(const struct net_steer_map *map, unsigned own, uint8_t protocol,
                         const uint8_t *source, size_t source_bytes, const uint8_t *ports)
{
    uint16_t to = get16(ports + 2);
    if (protocol == PROTOCOL_UDP && (to == PORT_DHCP_CLIENT || to == PORT_DHCPV6_CLIENT))
        return 0;
    if (to >= PORTS_FIRST && (to - PORTS_FIRST) / ports_each(map) < map->count)
        return (to - PORTS_FIRST) / ports_each(map);
    return by_hash(map, own, source, source_bytes, ports);
}

static unsigned steer_ipv4(const struct net_steer_map *map, unsigned own, const uint8_t *ip,
                           uint32_t length)
{
    uint32_t header_bytes = (ip[0] & 0xfu) * 4;
    if (length < IPV4_BYTES || header_bytes < IPV4_BYTES || length < header_bytes + 4 ||
        (get16(ip + 6) & IPV4_FRAGMENT) != 0)
        return own;
    if (ip[9] == PROTOCOL_IGMP)
        return NET_STEER_ALL;
    if (ip[9] == PROTOCOL_UDP && (ip[16] & 0xf0) == 0xe0)
        return NET_STEER_GROUP;
    if (ip[9] != PROTOCOL_TCP && ip[9] != PROTOCOL_UDP)
        return own;
    return by_ports(map, own, ip[9], ip + 12, 4, ip + header_bytes);
}

static unsigned by_icmpv6_type(unsigned own, uint8_t type)
{
    switch (type) {
    case ND_NEIGHBOR_SOLICIT:
        return 0;
    case ND_ROUTER_ADVERT:
    case ND_NEIGHBOR_ADVERT:
    case ND_REDIRECT:
    case PACKET_TOO_BIG:
        return NET_STEER_ALL;
    default:
        return own;
    }
}

static unsigned steer_ipv6(const struct net_steer_map *map, unsigned own, const uint8_t *ip,
                           uint32_t length)
{
    if (length < IPV6_BYTES + 4)
        return own;
    uint8_t protocol = ip[6];
    if (protocol == PROTOCOL_ICMPV6)
        return by_icmpv6_type(own, ip[IPV6_BYTES]);
    if (protocol == HOP_BY_HOP_OPTIONS)
        return NET_STEER_ALL;
    if (protocol == PROTOCOL_UDP && ip[24] == 0xff)
        return NET_STEER_GROUP;
    if (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP)
        return own;
    return by_ports(map, own, protocol, ip + 8, 16, ip + IPV6_BYTES);
}

unsigned net_steer(const struct net_steer_map *map, unsigned own, const uint8_t *data,
                   uint32_t length)
{
    if (map->count <= 1 || length < ETHERNET_BYTES + 1)
        return own;
    const uint8_t *packet = data + ETHERNET_BYTES;
    switch (get16(data + 12)) {
    case TYPE_IPV4:
        return steer_ipv4(map, own, packet, length - ETHERNET_BYTES);
    case TYPE_IPV6:
        return steer_ipv6(map, own, packet, length - ETHERNET_BYTES);
    case TYPE_ARP:
        return NET_STEER_ALL;
    default:
        return own;
    }
}

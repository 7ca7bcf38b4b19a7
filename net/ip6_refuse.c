// SPDX-License-Identifier: MIT
// Packets that lwIP would read beyond their end, or believe where it must not. Spec: RFC 8200
// section 4, RFC 4861 section 7.1, RFC 6980 (what is about neighbours does not come in fragments),
// RFC 8201 section 4 (which sizes a path can have).
#include "net/hooks.h"

#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/prot/icmp6.h"
#include "lwip/prot/ip6.h"
#include "lwip/stats.h"

static bool is_extension(uint8_t header)
{
    return header == IP6_NEXTH_HOPBYHOP || header == IP6_NEXTH_ROUTING ||
           header == IP6_NEXTH_FRAGMENT || header == IP6_NEXTH_DESTOPTS;
}

static bool is_about_neighbours(uint8_t type)
{
    return type == ICMP6_TYPE_NS || type == ICMP6_TYPE_NA || type == ICMP6_TYPE_RD;
}

// Nobody sends these in fragments, which would be together only behind this look at them.
static bool is_whole_always(uint8_t type)
{
    return is_about_neighbours(type) || type == ICMP6_TYPE_RA || type == ICMP6_TYPE_PTB;
}

// lwIP takes any size at its word: with less than its headers it would divide by zero, or go round
// for ever; with more than the link's no frame would arrive.
static bool is_size_of_path(const uint8_t *message, const uint8_t *end, const struct netif *netif)
{
    if (end - message < 8)
        return false;
    uint32_t mtu = (uint32_t)message[4] << 24 | (uint32_t)message[5] << 16 |
                   (uint32_t)message[6] << 8 | message[7];
    return mtu >= IP6_MIN_MTU_LENGTH && mtu <= netif_mtu6(netif);
}

// lwIP takes a neighbour's hardware address from its option before it looks how long that is.
static bool options_are_there(const uint8_t *message, const uint8_t *end)
{
    const uint8_t *at = message + (message[0] == ICMP6_TYPE_RD ? 40 : 24);
    while (at < end) {
        if (end - at < 8 || at[1] == 0 || end - at < at[1] * 8)
            return false;
        at += at[1] * 8;
    }
    return at == end;
}

// lwIP reads the first bytes of an extension header, and one byte behind it, before it looks at
// lengths. Behind the header of a fragment it would only see one when all are together: those are
// not taken.
static bool is_taken(const uint8_t *bytes, uint32_t length, const struct netif *netif)
{
    uint8_t header = bytes[6];
    uint32_t at = IP6_HLEN;
    while (is_extension(header)) {
        if (at + IP6_FRAG_HLEN >= length)
            return false;
        bool is_fragment = header == IP6_NEXTH_FRAGMENT;
        header = bytes[at];
        if (is_fragment) {
            bool is_first =
                bytes[at + 2] == 0 && (bytes[at + 3] & IP6_FRAG_OFFSET_MASK & 0xff) == 0;
            return !is_extension(header) && (header != IP6_NEXTH_ICMP6 || !is_first ||
                                             !is_whole_always(bytes[at + IP6_FRAG_HLEN]));
        }
        at += (bytes[at + 1] + 1u) * 8;
        if (at >= length)
            return false;
    }
    if (header != IP6_NEXTH_ICMP6 || at >= length)
        return true;
    if (bytes[at] == ICMP6_TYPE_PTB)
        return is_size_of_path(bytes + at, bytes + length, netif);
    return !is_about_neighbours(bytes[at]) || options_are_there(bytes + at, bytes + length);
}

int net_ip6_refuse(struct pbuf *packet, const struct netif *netif)
{
    const uint8_t *bytes = packet->payload;
    if (packet->len < IP6_HLEN ||
        __builtin_expect(bytes[6] == IP6_NEXTH_TCP || bytes[6] == IP6_NEXTH_UDP, 1))
        return 0;
    uint32_t length =
        IP6_HLEN + IP6H_PLEN((const struct ip6_hdr *)bytes); // without Ethernet's padding
    if (is_taken(bytes, LWIP_MIN(length, packet->len), netif))
        return 0;
    IP6_STATS_INC(ip6.lenerr);
    pbuf_free(packet);
    return 1;
}

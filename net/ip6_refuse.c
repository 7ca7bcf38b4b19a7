// SPDX-License-Identifier: MIT
// Packets that lwIP would read beyond their end. Spec: RFC 8200 section 4, RFC 4861 section 7.1,
// RFC 6980 (what is about neighbours does not come in fragments).
#include "net/hooks.h"

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
static bool all_is_there(const uint8_t *bytes, uint32_t length)
{
    uint8_t header = bytes[6];
    uint32_t at = IP6_HLEN;
    while (is_extension(header)) {
        if (at + IP6_FRAG_HLEN >= length)
            return false;
        bool is_fragment = header == IP6_NEXTH_FRAGMENT;
        header = bytes[at];
        if (is_fragment)
            return !is_extension(header) &&
                   (header != IP6_NEXTH_ICMP6 || !is_about_neighbours(bytes[at + IP6_FRAG_HLEN]));
        at += (bytes[at + 1] + 1u) * 8;
        if (at >= length)
            return false;
    }
    if (header != IP6_NEXTH_ICMP6 || at >= length || !is_about_neighbours(bytes[at]))
        return true;
    return options_are_there(bytes + at, bytes + length);
}

int net_ip6_refuse(struct pbuf *packet)
{
    const uint8_t *bytes = packet->payload;
    if (packet->len < IP6_HLEN ||
        __builtin_expect(bytes[6] == IP6_NEXTH_TCP || bytes[6] == IP6_NEXTH_UDP, 1))
        return 0;
    uint32_t length =
        IP6_HLEN + IP6H_PLEN((const struct ip6_hdr *)bytes); // without Ethernet's padding
    if (all_is_there(bytes, LWIP_MIN(length, packet->len)))
        return 0;
    IP6_STATS_INC(ip6.lenerr);
    pbuf_free(packet);
    return 1;
}

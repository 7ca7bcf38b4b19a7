// SPDX-License-Identifier: MIT
// Spec: RFC 826 (ARP), 791 (IPv4), 8200 (IPv6), 792 and 4443 (ICMP), 768 (UDP), 9293 (TCP),
// IEEE 802.1Q (VLAN tag).
#include "net/packet_text.h"

#include <stdarg.h>
#include <stdio.h>

#define TYPE_IPV4 0x0800
#define TYPE_ARP  0x0806
#define TYPE_VLAN 0x8100
#define TYPE_IPV6 0x86dd

#define ADDRESS_TEXT_BYTES 40 // eight groups of IPv6

enum { ICMP = 1, TCP = 6, UDP = 17, ICMPV6 = 58 };

struct line {
    char *text;
    size_t used;
};

struct bytes {
    const uint8_t *at;
    uint32_t length;
};

PRINTF_LIKE(2, 3)
static void say(struct line *line, const char *format, ...)
{
    size_t room = NET_PACKET_TEXT_BYTES - line->used;
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(line->text + line->used, room, format, arguments);
    va_end(arguments);
    if (wanted > 0)
        line->used += (size_t)wanted < room ? (size_t)wanted : room - 1;
}

static unsigned get16(const uint8_t *at)
{
    return (unsigned)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static bool skip(struct bytes *bytes, uint32_t count)
{
    if (bytes->length < count)
        return false;
    bytes->at += count;
    bytes->length -= count;
    return true;
}

static void say_cut(struct line *line, const char *what)
{
    say(line, "%s cut short", what);
}

// ---- addresses ----------------------------------------------------------------------------------

static void ipv4_text(char text[ADDRESS_TEXT_BYTES], const uint8_t *at)
{
    snprintf(text, ADDRESS_TEXT_BYTES, "%u.%u.%u.%u", at[0], at[1], at[2], at[3]);
}

// The longest run of two or more zero groups is left out, the first of equals. RFC 5952 section 4.
static void ipv6_text(char text[ADDRESS_TEXT_BYTES], const uint8_t *at)
{
    int gap = 8, gap_groups = 1;
    for (int i = 0; i < 8; i++) {
        int end = i;
        while (end < 8 && get16(at + 2 * end) == 0)
            end++;
        if (end - i > gap_groups) {
            gap = i;
            gap_groups = end - i;
        }
    }
    size_t used = 0;
    for (int i = 0; i < 8; i++) {
        bool begins_gap = i == gap;
        if (begins_gap)
            i += gap_groups - 1;
        const char *colon = i < 7 && i + 1 != gap ? ":" : "";
        used += (size_t)(begins_gap ? snprintf(text + used, ADDRESS_TEXT_BYTES - used, "::")
                                    : snprintf(text + used, ADDRESS_TEXT_BYTES - used, "%x%s",
                                               get16(at + 2 * i), colon));
    }
}

// ---- above IP -----------------------------------------------------------------------------------

struct ends {
    char from[ADDRESS_TEXT_BYTES], to[ADDRESS_TEXT_BYTES];
    bool is_ipv6;
};

static void say_ends(struct line *line, const struct ends *ends)
{
    say(line, "%s > %s ", ends->from, ends->to);
}

static void say_ends_with_ports(struct line *line, const struct ends *ends, const uint8_t *ports)
{
    const char *open = ends->is_ipv6 ? "[" : "", *close = ends->is_ipv6 ? "]" : "";
    say(line, "%s%s%s:%u > %s%s%s:%u ", open, ends->from, close, get16(ports), open, ends->to,
        close, get16(ports + 2));
}

static void say_tcp(struct line *line, const struct ends *ends, struct bytes segment,
                    uint32_t segment_bytes)
{
    static const char names[] = "FSRPAUEC";
    const uint8_t *at = segment.at;
    uint32_t header_bytes = segment.length < 20 ? 0 : (at[12] >> 4) * 4u;
    if (header_bytes < 20 || header_bytes > segment_bytes) {
        say_ends(line, ends);
        say_cut(line, "tcp");
        return;
    }
    say_ends_with_ports(line, ends, at);
    say(line, "tcp ");
    for (unsigned bit = 0; bit < 8; bit++)
        if (at[13] & 1u << bit)
            say(line, "%c", names[bit]);
    say(line, " seq %u", get32(at + 4));
    if (at[13] & 0x10)
        say(line, " ack %u", get32(at + 8));
    say(line, " win %u, %u bytes", get16(at + 14), segment_bytes - header_bytes);
}

static void say_udp(struct line *line, const struct ends *ends, struct bytes datagram)
{
    if (datagram.length < 8 || get16(datagram.at + 4) < 8) {
        say_ends(line, ends);
        say_cut(line, "udp");
        return;
    }
    say_ends_with_ports(line, ends, datagram.at);
    say(line, "udp %u bytes", get16(datagram.at + 4) - 8);
}

static const char *icmp_name(bool is_ipv6, unsigned type)
{
    switch (type | (is_ipv6 ? 0x100u : 0)) {
    case 0:
    case 0x100 | 129:
        return "echo reply";
    case 3:
    case 0x100 | 1:
        return "unreachable";
    case 5:
    case 0x100 | 137:
        return "redirect";
    case 8:
    case 0x100 | 128:
        return "echo request";
    case 11:
    case 0x100 | 3:
        return "time exceeded";
    case 0x100 | 2:
        return "packet too big";
    case 0x100 | 133:
        return "router solicitation";
    case 0x100 | 134:
        return "router advertisement";
    case 0x100 | 135:
        return "neighbour solicitation";
    case 0x100 | 136:
        return "neighbour advertisement";
    default:
        return "type";
    }
}

static void say_icmp(struct line *line, const struct ends *ends, struct bytes message,
                     uint32_t message_bytes)
{
    const char *name = ends->is_ipv6 ? "icmpv6" : "icmp";
    say_ends(line, ends);
    if (message.length < 4) {
        say_cut(line, name);
        return;
    }
    say(line, "%s %s %u/%u, %u bytes", name, icmp_name(ends->is_ipv6, message.at[0]), message.at[0],
        message.at[1], message_bytes);
}

static void say_payload(struct line *line, const struct ends *ends, unsigned protocol,
                        struct bytes payload, uint32_t payload_bytes)
{
    if (protocol == TCP)
        say_tcp(line, ends, payload, payload_bytes);
    else if (protocol == UDP)
        say_udp(line, ends, payload);
    else if (protocol == (ends->is_ipv6 ? ICMPV6 : ICMP))
        say_icmp(line, ends, payload, payload_bytes);
    else {
        say_ends(line, ends);
        say(line, "protocol %u, %u bytes", protocol, payload_bytes);
    }
}

// ---- IP and below -------------------------------------------------------------------------------

static void say_ipv4(struct line *line, struct bytes packet)
{
    const uint8_t *at = packet.at;
    uint32_t header_bytes = packet.length < 20 ? 0 : (at[0] & 0xfu) * 4;
    if (header_bytes < 20 || get16(at + 2) < header_bytes || !skip(&packet, header_bytes)) {
        say_cut(line, "ipv4");
        return;
    }
    struct ends ends = {.is_ipv6 = false};
    ipv4_text(ends.from, at + 12);
    ipv4_text(ends.to, at + 16);
    uint32_t payload_bytes = get16(at + 2) - header_bytes;
    unsigned offset = (get16(at + 6) & 0x1fff) * 8;
    if (offset == 0) {
        say_payload(line, &ends, at[9], packet, payload_bytes);
    } else {
        say_ends(line, &ends);
        say(line, "protocol %u, %u bytes", at[9], payload_bytes);
    }
    if (offset != 0 || (at[6] & 0x20))
        say(line, ", fragment %u at %u%s", get16(at + 4), offset, at[6] & 0x20 ? "" : ", the last");
}

static void say_ipv6(struct line *line, struct bytes packet)
{
    const uint8_t *at = packet.at;
    if (!skip(&packet, 40)) {
        say_cut(line, "ipv6");
        return;
    }
    struct ends ends = {.is_ipv6 = true};
    ipv6_text(ends.from, at + 8);
    ipv6_text(ends.to, at + 24);
    say_payload(line, &ends, at[6], packet, get16(at + 4));
}

static void say_arp(struct line *line, struct bytes packet)
{
    const uint8_t *at = packet.at;
    if (packet.length < 28 || get16(at + 2) != TYPE_IPV4 || at[4] != 6 || at[5] != 4) {
        say(line, "arp, not of ethernet and ipv4");
        return;
    }
    char from[ADDRESS_TEXT_BYTES], to[ADDRESS_TEXT_BYTES];
    ipv4_text(from, at + 14);
    ipv4_text(to, at + 24);
    if (get16(at + 6) == 1)
        say(line, "arp who has %s, tell %s", to, from);
    else
        say(line, "arp %s is at %02x:%02x:%02x:%02x:%02x:%02x, to %s", from, at[8], at[9], at[10],
            at[11], at[12], at[13], to);
}

void net_packet_text(char text[NET_PACKET_TEXT_BYTES], const uint8_t *data, uint32_t length,
                     uint32_t frame_bytes)
{
    struct line line = {.text = text};
    struct bytes rest = {data, length};
    text[0] = '\0';
    if (!skip(&rest, 14)) {
        say(&line, "frame of %u bytes, too short", frame_bytes);
        return;
    }
    unsigned type = get16(data + 12);
    if (type == TYPE_VLAN && skip(&rest, 4)) {
        say(&line, "vlan %u ", get16(data + 14) & 0xfff);
        type = get16(data + 16);
    }
    if (type == TYPE_IPV4)
        say_ipv4(&line, rest);
    else if (type == TYPE_IPV6)
        say_ipv6(&line, rest);
    else if (type == TYPE_ARP)
        say_arp(&line, rest);
    else
        say(&line, "ethernet type %04x, %u bytes", type, frame_bytes);
}

// SPDX-License-Identifier: MIT
#include "net/address.h"

#include <string.h>

// A decimal number up to `max` without leading zeros. Returns: what follows it, or NULL.
static const char *parse_number(const char *text, uint32_t max, uint32_t *number)
{
    const char *start = text;
    *number = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (text != start && *start == '0')
            return NULL;
        *number = *number * 10 + (uint32_t)(*text - '0');
        if (*number > max)
            return NULL;
    }
    return text == start ? NULL : text;
}

static const char *parse_address(const char *text, uint32_t *address)
{
    *address = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t part;
        if (i > 0 && *text++ != '.')
            return NULL;
        text = parse_number(text, 255, &part);
        if (text == NULL)
            return NULL;
        *address = *address << 8 | part;
    }
    return text;
}

uint32_t net_netmask(uint8_t prefix_bits)
{
    return prefix_bits == 0 ? 0 : UINT32_MAX << (32 - prefix_bits);
}

// An address one machine can have: not 0.x, not loopback, not multicast or above.
static bool is_host_address(uint32_t address)
{
    uint32_t first = address >> 24;
    return first != 0 && first != 127 && first < 224;
}

static bool is_first_or_last_of_subnet(uint32_t address, uint8_t prefix_bits)
{
    uint32_t host_mask = ~net_netmask(prefix_bits);
    return host_mask != 0 && ((address & host_mask) == 0 || (address & host_mask) == host_mask);
}

static const char *check(const struct net_static_address *parsed)
{
    uint32_t mask = net_netmask(parsed->prefix_bits);
    if (!is_host_address(parsed->address))
        return "the address is not one a machine can have";
    if (is_first_or_last_of_subnet(parsed->address, parsed->prefix_bits))
        return "the address is the network's own or its broadcast address";
    if (parsed->gateway == 0)
        return NULL;
    if (parsed->gateway == parsed->address)
        return "the gateway is this machine's own address";
    // With a prefix of 32 the gateway is always outside: some clouds are built so.
    if (parsed->prefix_bits != 32 && (parsed->gateway & mask) != (parsed->address & mask))
        return "the gateway is not in the address's network";
    if (is_first_or_last_of_subnet(parsed->gateway, parsed->prefix_bits))
        return "the gateway is the network's own or its broadcast address";
    return NULL;
}

// One ",gw=ADDRESS" or ",dns=ADDRESS", *text at its comma. Returns: NULL and *text behind it, or
// what is wrong.
static const char *parse_setting(const char **text, struct net_static_address *out)
{
    const char *at = *text + 1;
    uint32_t address;
    if (strncmp(at, "gw=", 3) == 0) {
        at = parse_address(at + 3, &address);
        if (at == NULL || !is_host_address(address))
            return "gw= needs an IPv4 address";
        if (out->gateway != 0)
            return "gw= is given twice";
        out->gateway = address;
    } else if (strncmp(at, "dns=", 4) == 0) {
        at = parse_address(at + 4, &address);
        if (at == NULL || !is_host_address(address))
            return "dns= needs an IPv4 address";
        size_t used = 0;
        while (used < NET_DNS_MAX && out->dns[used] != 0)
            used++;
        if (used == NET_DNS_MAX)
            return "dns= is given more than twice";
        out->dns[used] = address;
    } else {
        return "only gw= and dns= can follow the address";
    }
    *text = at;
    return NULL;
}

const char *net_static_address_parse(const char *text, struct net_static_address *out)
{
    memset(out, 0, sizeof(*out));
    text = parse_address(text, &out->address);
    if (text == NULL)
        return "it does not begin with an IPv4 address";
    if (*text != '/')
        return "the address has no /PREFIX";
    uint32_t prefix_bits;
    text = parse_number(text + 1, 32, &prefix_bits);
    if (text == NULL || prefix_bits == 0 || prefix_bits == 31)
        return "the prefix is not a number of 1 to 30, or 32";
    out->prefix_bits = (uint8_t)prefix_bits;
    while (*text == ',') {
        const char *wrong = parse_setting(&text, out);
        if (wrong != NULL)
            return wrong;
    }
    if (*text != '\0')
        return "there is something else behind an address";
    return check(out);
}

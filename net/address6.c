// SPDX-License-Identifier: MIT
#include "net/address6.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t link_local_prefix[8] = {0xfe, 0x80};

void net_address6_text(char text[NET_ADDRESS6_TEXT_BYTES], const void *address)
{
    inet_ntop(AF_INET6, address, text, NET_ADDRESS6_TEXT_BYTES);
}

// The address up to the next '/' or ','. Returns: what follows it, or NULL.
static const char *parse_address(const char *text, uint8_t address[NET_ADDRESS6_BYTES])
{
    char copy[INET6_ADDRSTRLEN];
    size_t length = strcspn(text, "/,");
    if (length >= sizeof(copy))
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return inet_pton(AF_INET6, copy, address) == 1 ? text + length : NULL;
}

// One that a machine can have or be asked at: not ::, ::1, an IPv4 address in disguise, a group.
static bool is_host_address(const uint8_t address[NET_ADDRESS6_BYTES])
{
    static const uint8_t zeros[10];
    return address[0] != 0xff && memcmp(address, zeros, sizeof(zeros)) != 0;
}

static bool is_link_local(const uint8_t address[NET_ADDRESS6_BYTES])
{
    return memcmp(address, link_local_prefix, sizeof(link_local_prefix)) == 0;
}

static const char *check(const struct net_static_address6 *parsed)
{
    if (!is_host_address(parsed->address))
        return "the address is not one a machine can have";
    if (is_link_local(parsed->address))
        return "the machine makes its link-local address itself";
    if (!parsed->has_gateway || is_link_local(parsed->gateway))
        return NULL;
    if (memcmp(parsed->gateway, parsed->address, NET_ADDRESS6_BYTES) == 0)
        return "the gateway is this machine's own address";
    if (parsed->prefix_bits != 64 || memcmp(parsed->gateway, parsed->address, 8) != 0)
        return "the gateway is neither in the address's network nor link-local";
    return NULL;
}

// One ",gw=ADDRESS" or ",dns=ADDRESS", *text at its comma. Returns: NULL and *text behind it, or
// what is wrong.
static const char *parse_setting(const char **text, struct net_static_address6 *out)
{
    const char *at = *text + 1;
    if (strncmp(at, "gw=", 3) == 0) {
        if (out->has_gateway)
            return "gw= is given twice";
        out->has_gateway = true;
        at = parse_address(at + 3, out->gateway);
        if (at == NULL || !is_host_address(out->gateway))
            return "gw= needs an IPv6 address";
    } else if (strncmp(at, "dns=", 4) == 0) {
        if (out->dns_count == NET_DNS_MAX)
            return "dns= is given more than twice";
        uint8_t *server = out->dns[out->dns_count++];
        at = parse_address(at + 4, server);
        if (at == NULL || !is_host_address(server))
            return "dns= needs an IPv6 address";
    } else {
        return "only gw= and dns= can follow the address";
    }
    *text = at;
    return NULL;
}

const char *net_static_address6_parse(const char *text, struct net_static_address6 *out)
{
    memset(out, 0, sizeof(*out));
    text = parse_address(text, out->address);
    if (text == NULL)
        return "it does not begin with an IPv6 address";
    if (*text != '/')
        return "the address has no /PREFIX";
    if (strncmp(text, "/64", 3) == 0)
        out->prefix_bits = 64;
    else if (strncmp(text, "/128", 4) == 0)
        out->prefix_bits = 128;
    else
        return "the prefix is neither 64 nor 128";
    text += out->prefix_bits == 64 ? 3 : 4;
    while (*text == ',') {
        const char *wrong = parse_setting(&text, out);
        if (wrong != NULL)
            return wrong;
    }
    return *text == '\0' ? check(out) : "there is something else behind an address";
}

// SPDX-License-Identifier: MIT
#include "net/dns_servers.h"

#include <string.h>

#include "net/address6.h"
#include "net/hooks.h"
#include "net/spread.h"

#include "lwip/dns.h"

_Static_assert(DNS_MAX_SERVERS == 2 * NET_DNS_MAX, "there is room for both families");

static PERCORE ip6_addr_t heard[NET_DNS_MAX]; // all zeros: none

void net_dns_arrange(void)
{
    ip_addr_t servers[DNS_MAX_SERVERS] = {0};
    unsigned count = 0;
    for (u8_t i = 0; i < DNS_MAX_SERVERS && count < NET_DNS_MAX; i++) {
        const ip_addr_t *server = dns_getserver(i);
        if (IP_IS_V4(server) && !ip_addr_isany(server))
            servers[count++] = *server;
    }
    for (unsigned i = 0; i < NET_DNS_MAX; i++) {
        ip_addr_copy_from_ip6(servers[count], heard[i]);
        count += !ip6_addr_isany_val(heard[i]);
    }
    for (u8_t i = 0; i < DNS_MAX_SERVERS; i++)
        dns_setserver(i, &servers[i]);
}

void net_dns_hear_ip6(unsigned index, const ip6_addr_t *server)
{
    if (index >= NET_DNS_MAX || ip6_addr_cmp(&heard[index], server))
        return;
    heard[index] = *server;
    net_dns_arrange();
    net_spread_config();
}

// What a router advertisement says, in lwIP's words: server `index` of those it names, or, NULL,
// that the one lwIP has at `index` is to be forgotten. Only core 0 heeds it; it tells the others.
void net_dns_advertised(u8_t index, const ip_addr_t *server)
{
    static const ip6_addr_t none;
    if (net_position != 0)
        return;
    if (server != NULL) {
        net_dns_hear_ip6(index, ip_2_ip6(server));
    } else {
        for (unsigned i = 0; i < NET_DNS_MAX; i++)
            if (ip6_addr_cmp(&heard[i], ip_2_ip6(dns_getserver(index))))
                net_dns_hear_ip6(i, &none);
    }
}

void net_dns_text(char text[NET_DNS_TEXT_BYTES], uint8_t family)
{
    text[0] = '\0';
    for (u8_t i = 0; i < DNS_MAX_SERVERS; i++) {
        const ip_addr_t *server = dns_getserver(i);
        if (ip_addr_isany(server) || IP_GET_TYPE(server) != family)
            continue;
        char one[NET_ADDRESS6_TEXT_BYTES];
        if (family == IPADDR_TYPE_V4)
            ipaddr_ntoa_r(server, one, sizeof(one));
        else
            net_address6_text(one, ip_2_ip6(server));
        strcat(text, text[0] == '\0' ? "" : " and ");
        strcat(text, one);
    }
}

// SPDX-License-Identifier: MIT
#include "net/dns_servers.h"

#include <string.h>

#include "net/address6.h"
#include "net/hooks.h"
#include "net/interface.h"
#include "net/spread.h"

#include "lwip/dns.h"

_Static_assert(DNS_MAX_SERVERS == 2 * NET_DNS_MAX, "there is room for both families");

// By each card; all zeros: none.
static PERCORE ip4_addr_t heard4[NET_CARDS_MAX][NET_DNS_MAX];
static PERCORE ip6_addr_t heard6[NET_CARDS_MAX][NET_DNS_MAX];

void net_dns_arrange(void)
{
    ip_addr_t servers[DNS_MAX_SERVERS] = {0};
    unsigned count = 0, count6 = 0;
    for (unsigned i = 0; i < NET_CARDS_MAX * NET_DNS_MAX && count < NET_DNS_MAX; i++) {
        ip_addr_copy_from_ip4(servers[count], heard4[i / NET_DNS_MAX][i % NET_DNS_MAX]);
        count += !ip_addr_isany_val(servers[count]);
    }
    for (unsigned i = 0; i < NET_CARDS_MAX * NET_DNS_MAX && count6 < NET_DNS_MAX; i++) {
        const ip6_addr_t *server = &heard6[i / NET_DNS_MAX][i % NET_DNS_MAX];
        ip_addr_copy_from_ip6(servers[count + count6], *server);
        count6 += !ip6_addr_isany(server);
    }
    for (u8_t i = 0; i < DNS_MAX_SERVERS; i++)
        dns_setserver(i, &servers[i]);
}

void net_dns_hear_ip4(unsigned card, unsigned index, const ip_addr_t *server)
{
    if (index < NET_DNS_MAX)
        heard4[card][index] = *ip_2_ip4(server);
}

void net_dns_hear_ip6(unsigned card, unsigned index, const ip6_addr_t *server)
{
    ip6_addr_t zoned = *server;
    ip6_addr_assign_zone(&zoned, IP6_UNICAST, &net_interface(card)->netif);
    if (index >= NET_DNS_MAX || ip6_addr_cmp(&heard6[card][index], &zoned))
        return;
    heard6[card][index] = zoned;
    net_dns_arrange();
    net_spread_config();
}

// What a DHCP server says, in lwIP's words: while its message is read.
void net_dns_by_dhcp(u8_t index, const ip_addr_t *server)
{
    net_dns_hear_ip4(net_card_of(ip_current_input_netif()), index, server);
}

// What a router advertisement says, in lwIP's words: server `index` of those it names, or, NULL,
// that the one lwIP has at `index` is to be forgotten. Only core 0 heeds it; it tells the others.
void net_dns_advertised(u8_t index, const ip_addr_t *server)
{
    static const ip6_addr_t none;
    if (net_position != 0)
        return;
    unsigned card = net_card_of(ip_current_input_netif());
    if (server != NULL) {
        net_dns_hear_ip6(card, index, ip_2_ip6(server));
        return;
    }
    for (unsigned i = 0; i < NET_DNS_MAX; i++)
        if (ip6_addr_cmp(&heard6[card][i], ip_2_ip6(dns_getserver(index))))
            net_dns_hear_ip6(card, i, &none);
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

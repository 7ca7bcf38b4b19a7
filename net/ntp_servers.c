// SPDX-License-Identifier: MIT
#include "net/ntp_servers.h"

#include "net/dhcp_mtu.h"
#include "net/interface.h"

#include "lwip/dhcp.h"
#include "lwip/ip.h"

static ip4_addr_t named[NET_CARDS_MAX]; // by the DHCP server of each card; any: none

// lwIP's DHCP client calls it with each lease, before the address, while the server's message is
// read.
void dhcp_set_ntp_servers(u8_t count, const ip4_addr_t *servers)
{
    struct netif *netif = ip_current_input_netif();
    net_dhcp_mtu_take(netif);
    named[net_card_of(netif)] = count > 0 ? servers[0] : (ip4_addr_t){0};
}

bool net_ntp_server_of(unsigned card, ip_addr_t *server)
{
    ip_addr_copy_from_ip4(*server, named[card]);
    return !ip4_addr_isany_val(named[card]);
}

bool net_ntp_server(ip_addr_t *server)
{
    for (unsigned card = 0; card < NET_CARDS_MAX; card++)
        if (net_ntp_server_of(card, server))
            return true;
    return false;
}

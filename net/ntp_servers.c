// SPDX-License-Identifier: MIT
#include "net/ntp_servers.h"

#include "net/dhcp_mtu.h"

#include "lwip/dhcp.h"
#include "lwip/ip.h"

static ip4_addr_t named; // any: none

// lwIP's DHCP client calls it with each lease, before the address.
void dhcp_set_ntp_servers(u8_t count, const ip4_addr_t *servers)
{
    net_dhcp_mtu_take(ip_current_netif());
    named = count > 0 ? servers[0] : (ip4_addr_t){0};
}

bool net_ntp_server(ip_addr_t *server)
{
    ip_addr_copy_from_ip4(*server, named);
    return !ip4_addr_isany_val(named);
}

// SPDX-License-Identifier: MIT
#include "net/ntp_servers.h"

#include "lwip/dhcp.h"

static ip4_addr_t named; // any: none

// lwIP's DHCP client calls it with each lease.
void dhcp_set_ntp_servers(u8_t count, const ip4_addr_t *servers)
{
    named = count > 0 ? servers[0] : (ip4_addr_t){0};
}

bool net_ntp_server(ip_addr_t *server)
{
    ip_addr_copy_from_ip4(*server, named);
    return !ip4_addr_isany_val(named);
}

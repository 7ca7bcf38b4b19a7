// SPDX-License-Identifier: MIT
// Sends datagrams; those by IPv4 that nearly all are, by a short way. An answer leaves from the
// address that was asked, and by its card, if that knows a way.
#pragma once

#include "net/socket.h"

#include "lwip/ip.h"
#include "lwip/udp.h"

// Who sent a datagram, and to which address of this machine. Context: lwIP's callback for it.
static inline void net_udp_came_from(struct socket_address *from, const ip_addr_t *address,
                                     u16_t port)
{
    struct netif *netif = ip_current_netif();
    from->ip = *address;
    from->port = port;
    from->own_netif = netif_get_index(netif);
    from->own_ip6 = 0;
    if (ip_current_is_v6())
        from->own_ip6 = (uint8_t)(netif_get_ip6_addr_match(netif, ip6_current_dest_addr()) + 1);
}

// Sends a copy of the data as lwIP's udp_sendto() does, which is asked for all but what goes in one
// packet, to one host, from whatever address the interface has, by a device that makes checksums.
// Returns: what udp_sendto() does, or ERR_MEM. Spec: RFC 768, RFC 791, RFC 1122 section 4.1.3.5.
err_t net_udp_send(struct udp_pcb *pcb, const void *data, u16_t size_bytes,
                   const struct socket_address *to);

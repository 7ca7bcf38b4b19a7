// SPDX-License-Identifier: MIT
#include "net/udp_send.h"

#include <string.h>

#include "net/ip4_header.h"
#include "net/route.h"

#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/prot/udp.h"
#include "lwip/stats.h"

#define HEADERS_BYTES (IP_HLEN + UDP_HLEN)

// The interface that was asked, if the routes have a choice; else NULL.
static inline struct netif *asked(const struct socket_address *to)
{
    return net_route_only != NULL ? NULL : netif_get_by_index(to->own_netif);
}

// The interface, if the short way leads to it; else NULL. It has to make the checksum of UDP, which
// in lwIP's terms is not lwIP's to generate.
static inline struct netif *short_way(const struct udp_pcb *pcb, u16_t size_bytes,
                                      const struct socket_address *to)
{
    if (!IP_IS_V4_VAL(to->ip) || !ip_addr_isany_val(pcb->local_ip) || pcb->local_port == 0 ||
        pcb->netif_idx != NETIF_NO_INDEX)
        return NULL;
    const struct netif *own = asked(to);
    const ip4_addr_t *source = own != NULL ? netif_ip4_addr(own) : ip_2_ip4(&pcb->local_ip);
    struct netif *netif = net_route4(source, ip_2_ip4(&to->ip));
    if (netif == NULL || (own != NULL && netif != own) ||
        (netif->chksum_flags & NETIF_CHECKSUM_GEN_UDP) != 0 ||
        size_bytes + HEADERS_BYTES > netif->mtu ||
        !net_ip4_is_one_host(ip_2_ip4(&to->ip)->addr, netif_ip4_netmask(netif)->addr))
        return NULL;
    return netif;
}

// The address that was asked, or that of the interface for who asked a group. Returns: NULL if it
// is not ours, or not known.
static const ip_addr_t *own_address(const struct socket_address *to)
{
    struct netif *netif = netif_get_by_index(to->own_netif);
    if (netif == NULL)
        return NULL;
    if (IP_IS_V4_VAL(to->ip))
        return ip4_addr_isany_val(*netif_ip4_addr(netif)) ? NULL : netif_ip_addr4(netif);
    if (to->own_ip6 == 0)
        return ip6_select_source_address(netif, ip_2_ip6(&to->ip));
    s8_t place = (s8_t)(to->own_ip6 - 1);
    return ip6_addr_isvalid(netif_ip6_addr_state(netif, place)) ? netif_ip_addr6(netif, place)
                                                                : NULL;
}

static err_t send_by_lwip(struct udp_pcb *pcb, const void *data, u16_t size_bytes,
                          const struct socket_address *to)
{
    struct pbuf *pbuf = pbuf_alloc(PBUF_TRANSPORT, size_bytes, PBUF_RAM);
    if (pbuf == NULL)
        return ERR_MEM;
    if (size_bytes > 0)
        memcpy(pbuf->payload, data, size_bytes);
    const ip_addr_t *own = ip_addr_isany_val(pcb->local_ip) ? own_address(to) : NULL;
    struct netif *netif = own != NULL ? ip_route(own, &to->ip) : NULL;
    err_t error = netif != NULL ? udp_sendto_if_src(pcb, pbuf, &to->ip, to->port, netif, own)
                                : udp_sendto(pcb, pbuf, &to->ip, to->port);
    pbuf_free(pbuf);
    return error;
}

static inline void write_headers(uint8_t *at, const struct udp_pcb *pcb, u16_t size_bytes,
                                 u16_t port, uint32_t source, uint32_t destination)
{
    static PERCORE uint16_t id; // lwIP's own is for what it cuts into fragments
    uint32_t start = NET_IP4_VERSION_4_IHL_5 | (uint32_t)pcb->tos << 8 |
                     (uint32_t)lwip_htons((u16_t)(size_bytes + HEADERS_BYTES)) << 16;
    uint32_t no_fragment = ++id;
    uint32_t protocol = pcb->ttl | (uint32_t)IP_PROTO_UDP << 8;
    uint16_t sum = net_ip4_fold((uint64_t)start + no_fragment + protocol + source + destination);
    net_ip4_store(at, start);
    net_ip4_store(at + 4, no_fragment);
    net_ip4_store(at + 8, protocol | (uint32_t)(uint16_t)~sum << 16);
    net_ip4_store(at + 12, source);
    net_ip4_store(at + 16, destination);
    net_ip4_store(at + 20, lwip_htons(pcb->local_port) | (uint32_t)lwip_htons(port) << 16);
    net_ip4_store(at + 24, lwip_htons((u16_t)(size_bytes + UDP_HLEN))); // no checksum yet
}

err_t net_udp_send(struct udp_pcb *pcb, const void *data, u16_t size_bytes,
                   const struct socket_address *to)
{
    struct netif *netif = short_way(pcb, size_bytes, to);
    if (netif == NULL)
        return send_by_lwip(pcb, data, size_bytes, to);
    struct pbuf *pbuf = pbuf_alloc(PBUF_LINK, (u16_t)(size_bytes + HEADERS_BYTES), PBUF_RAM);
    if (pbuf == NULL)
        return ERR_MEM;
    uint8_t *at = pbuf->payload;
    write_headers(at, pcb, size_bytes, to->port, netif_ip4_addr(netif)->addr,
                  ip_2_ip4(&to->ip)->addr);
    if (size_bytes > 0)
        memcpy(at + HEADERS_BYTES, data, size_bytes);
    NETIF_SET_HINTS(netif, &pcb->netif_hints);
    err_t error = netif->output(netif, pbuf, ip_2_ip4(&to->ip));
    NETIF_RESET_HINTS(netif);
    UDP_STATS_INC(udp.xmit);
    IP_STATS_INC(ip.xmit);
    pbuf_free(pbuf);
    return error;
}

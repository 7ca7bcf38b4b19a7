// SPDX-License-Identifier: MIT
#include "net/udp_send.h"

#include <string.h>

#include "net/ip4_header.h"

#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/prot/udp.h"
#include "lwip/stats.h"

#define HEADERS_BYTES (IP_HLEN + UDP_HLEN)

// The interface, if the short way leads to it; else NULL. It has to make the checksum of UDP, which
// in lwIP's terms is not lwIP's to generate.
static inline struct netif *short_way(const struct udp_pcb *pcb, u16_t size_bytes,
                                      const ip_addr_t *to)
{
    if (!IP_IS_V4_VAL(*to) || !ip_addr_isany_val(pcb->local_ip) || pcb->local_port == 0 ||
        pcb->netif_idx != NETIF_NO_INDEX)
        return NULL;
    struct netif *netif = ip4_route_src(ip_2_ip4(&pcb->local_ip), ip_2_ip4(to));
    if (netif == NULL || (netif->chksum_flags & NETIF_CHECKSUM_GEN_UDP) != 0 ||
        size_bytes + HEADERS_BYTES > netif->mtu ||
        !net_ip4_is_one_host(ip_2_ip4(to)->addr, netif_ip4_netmask(netif)->addr))
        return NULL;
    return netif;
}

static err_t send_by_lwip(struct udp_pcb *pcb, const void *data, u16_t size_bytes,
                          const ip_addr_t *to, u16_t port)
{
    struct pbuf *pbuf = pbuf_alloc(PBUF_TRANSPORT, size_bytes, PBUF_RAM);
    if (pbuf == NULL)
        return ERR_MEM;
    if (size_bytes > 0)
        memcpy(pbuf->payload, data, size_bytes);
    err_t error = udp_sendto(pcb, pbuf, to, port);
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

err_t net_udp_send(struct udp_pcb *pcb, const void *data, u16_t size_bytes, const ip_addr_t *to,
                   u16_t port)
{
    struct netif *netif = short_way(pcb, size_bytes, to);
    if (netif == NULL)
        return send_by_lwip(pcb, data, size_bytes, to, port);
    struct pbuf *pbuf = pbuf_alloc(PBUF_LINK, (u16_t)(size_bytes + HEADERS_BYTES), PBUF_RAM);
    if (pbuf == NULL)
        return ERR_MEM;
    uint8_t *at = pbuf->payload;
    write_headers(at, pcb, size_bytes, port, netif_ip4_addr(netif)->addr, ip_2_ip4(to)->addr);
    if (size_bytes > 0)
        memcpy(at + HEADERS_BYTES, data, size_bytes);
    NETIF_SET_HINTS(netif, &pcb->netif_hints);
    err_t error = netif->output(netif, pbuf, ip_2_ip4(to));
    NETIF_RESET_HINTS(netif);
    UDP_STATS_INC(udp.xmit);
    IP_STATS_INC(ip.xmit);
    pbuf_free(pbuf);
    return error;
}

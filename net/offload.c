// SPDX-License-Identifier: MIT
#include "net/offload.h"

#include <string.h>

#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"

static uint16_t sum6(const struct ip6_hdr *ip)
{
    const uint8_t *words = (const uint8_t *)&ip->src; // then dest
    uint64_t sum = lwip_htons(IP6H_NEXTH(ip)) + (uint64_t)ip->_plen;
    for (int i = 0; i < 8; i++) {
        uint32_t word;
        memcpy(&word, words + 4 * i, sizeof(word));
        sum += word;
    }
    return net_ip4_fold(sum);
}

// lwIP leaves a hint from which the connection is found, but for what waited for its neighbour's
// address.
void net_offload_ask_tso(const struct net_device *device, const struct netif *netif,
                         const struct pbuf *pbuf, struct net_tx_frame *frame)
{
    const struct tcp_hdr *tcp = (const void *)((uint8_t *)pbuf->payload + frame->checksum_start);
    bool is_ipv6 = ((struct eth_hdr *)pbuf->payload)->type == PP_HTONS(ETHTYPE_IPV6);
    u16_t mss = NET_MSS_ALWAYS;
    if (netif->hints != NULL)
        mss = tcp_mss(CONTAINER_OF(netif->hints, const struct tcp_pcb, netif_hints));
    u16_t headers_bytes = (u16_t)(frame->checksum_start + TCPH_HDRLEN_BYTES(tcp));
    if (pbuf->tot_len <= headers_bytes + mss || !(is_ipv6 ? device->tso6 : device->tso4))
        return;
    frame->tso_mss = mss;
    frame->tso_headers_bytes = headers_bytes;
    frame->tso_is_ipv6 = is_ipv6;
}

// By IPv4 with options, or by IPv6.
void net_offload_ask_unusual(const struct net_device *device, const struct netif *netif,
                             struct pbuf *pbuf, struct net_tx_frame *frame)
{
    const struct eth_hdr *ethernet = pbuf->payload;
    const struct ip_hdr *ip = (const struct ip_hdr *)(ethernet + 1);
    const struct ip6_hdr *ip6 = (const struct ip6_hdr *)(ethernet + 1);
    uint32_t ip_bytes;
    uint8_t protocol;
    uint16_t sum;
    if (ethernet->type == PP_HTONS(ETHTYPE_IP)) {
        if ((IPH_OFFSET(ip) & PP_HTONS(IP_MF | IP_OFFMASK)) != 0)
            return;
        ip_bytes = IPH_HL_BYTES(ip);
        protocol = IPH_PROTO(ip);
        sum = net_offload_sum4(ip, ip_bytes);
    } else if (ethernet->type == PP_HTONS(ETHTYPE_IPV6) && pbuf->len >= SIZEOF_ETH_HDR + IP6_HLEN) {
        ip_bytes = IP6_HLEN;
        protocol = IP6H_NEXTH(ip6);
        sum = sum6(ip6);
    } else {
        return;
    }
    if (protocol == IP_PROTO_TCP || protocol == IP_PROTO_UDP)
        net_offload_ask_sum(device, netif, pbuf, frame, SIZEOF_ETH_HDR + ip_bytes, protocol, sum);
}

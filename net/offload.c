// SPDX-License-Identifier: MIT
#include "net/offload.h"

#include <string.h>

#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"

uint16_t net_offload_sum6(const struct ip6_hdr *ip)
{
    const uint8_t *words = (const uint8_t *)&ip->src; // then dest
    uint64_t sum = lwip_htons(IP6H_NEXTH(ip)) + (uint64_t)ip->_plen;
    for (int i = 0; i < 8; i++) {
        uint32_t word;
        memcpy(&word, words + 4 * i, sizeof(word));
        sum += word;
    }
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)((sum >> 16) + sum);
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
        mss = CONTAINER_OF(netif->hints, const struct tcp_pcb, netif_hints)->mss;
    u16_t headers_bytes = (u16_t)(frame->checksum_start + TCPH_HDRLEN_BYTES(tcp));
    if (pbuf->tot_len <= headers_bytes + mss || !(is_ipv6 ? device->tso6 : device->tso4))
        return;
    frame->tso_mss = mss;
    frame->tso_headers_bytes = headers_bytes;
    frame->tso_is_ipv6 = is_ipv6;
}

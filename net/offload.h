// SPDX-License-Identifier: MIT
// What is asked of a device for a frame that it sends: the checksum of TCP or UDP, which lwIP left
// out, and to cut a large segment. Context: the core of the stack.
// Spec: VIRTIO 1.2 section 5.1.6.2; RFC 9293 section 3.1 and RFC 8200 section 8.1 (pseudo headers).
#pragma once

#include <string.h>

#include "kernel/device.h"

#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "lwip/prot/udp.h"

#define NET_MSS_ALWAYS 536 // what every peer takes, RFC 9293 section 3.7.1

// Has the device cut a segment that is larger than the connection's maximum. With checksum_start.
void net_offload_ask_tso(const struct net_device *device, const struct netif *netif,
                         const struct pbuf *pbuf, struct net_tx_frame *frame);
// The sum of the pseudo header, folded, not inverted: what the device starts from.
uint16_t net_offload_sum6(const struct ip6_hdr *ip);
static inline uint16_t net_offload_sum4(const struct ip_hdr *ip)
{
    uint16_t payload_bytes = (uint16_t)(lwip_ntohs(IPH_LEN(ip)) - IPH_HL_BYTES(ip));
    uint64_t sum = (uint64_t)ip->src.addr + ip->dest.addr + lwip_htons(IPH_PROTO(ip)) +
                   lwip_htons(payload_bytes);
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)((sum >> 16) + sum);
}

// For a device that fills in checksums; what is in `frame` of all this is 0 and false before. lwIP
// writes link, network and transport header into one piece; a fragment's datagram has no checksum
// (UDP by IPv4) or carries its own.
static inline void net_offload_ask(const struct net_device *device, const struct netif *netif,
                                   struct pbuf *pbuf, struct net_tx_frame *frame)
{
    uint8_t *bytes = pbuf->payload;
    const struct ip_hdr *ip = (struct ip_hdr *)(bytes + SIZEOF_ETH_HDR);
    const struct ip6_hdr *ip6 = (struct ip6_hdr *)(bytes + SIZEOF_ETH_HDR);
    uint32_t start, field, header_bytes;
    uint8_t protocol;
    uint16_t sum;
    if (pbuf->len < SIZEOF_ETH_HDR + IP_HLEN)
        return;
    if (((struct eth_hdr *)bytes)->type == PP_HTONS(ETHTYPE_IP)) {
        if ((IPH_OFFSET(ip) & PP_HTONS(IP_MF | IP_OFFMASK)) != 0)
            return;
        start = SIZEOF_ETH_HDR + IPH_HL_BYTES(ip);
        protocol = IPH_PROTO(ip);
        sum = net_offload_sum4(ip);
    } else if (((struct eth_hdr *)bytes)->type == PP_HTONS(ETHTYPE_IPV6) &&
               pbuf->len >= SIZEOF_ETH_HDR + IP6_HLEN) {
        start = SIZEOF_ETH_HDR + IP6_HLEN;
        protocol = IP6H_NEXTH(ip6);
        sum = net_offload_sum6(ip6);
    } else {
        return;
    }
    if (protocol == IP_PROTO_TCP) {
        field = offsetof(struct tcp_hdr, chksum);
        header_bytes = TCP_HLEN;
    } else if (protocol == IP_PROTO_UDP) {
        field = offsetof(struct udp_hdr, chksum);
        header_bytes = UDP_HLEN;
    } else {
        return;
    }
    if (pbuf->len < start + header_bytes)
        return;
    memcpy(bytes + start + field, &sum, sizeof(sum));
    frame->checksum_needed = true;
    frame->checksum_start = (uint16_t)start;
    frame->checksum_offset = (uint16_t)field;
    if (protocol == IP_PROTO_TCP && pbuf->tot_len > start + TCP_HLEN + NET_MSS_ALWAYS)
        net_offload_ask_tso(device, netif, pbuf, frame);
}

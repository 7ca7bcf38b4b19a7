// SPDX-License-Identifier: MIT
// What is asked of a device for a frame that it sends: the checksum of TCP or UDP, which lwIP left
// out, and to cut a large segment; and what it says of one received. Context: the core of the
// stack.
// Spec: VIRTIO 1.2 section 5.1.6.2; RFC 9293 section 3.1 and RFC 8200 section 8.1 (pseudo headers).
#pragma once

#include <string.h>

#include "kernel/device.h"
#include "net/ip4_header.h"

#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "lwip/prot/udp.h"

// Whether the device vouches for the checksum of TCP or UDP in the frame that is handed up next.
static inline void net_offload_heed(struct netif *netif, bool checksum_valid)
{
    u16_t checks = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;
    if (checksum_valid)
        netif->chksum_flags &= (u16_t)~checks;
    else
        netif->chksum_flags |= checks;
}

#define NET_MSS_ALWAYS 536 // what every peer takes, RFC 9293 section 3.7.1

// Has the device cut a segment that is larger than the connection's maximum. With checksum_start.
void net_offload_ask_tso(const struct net_device *device, const struct netif *netif,
                         const struct pbuf *pbuf, struct net_tx_frame *frame);
// net_offload_ask() of the frames that are not the usual ones.
void net_offload_ask_unusual(const struct net_device *device, const struct netif *netif,
                             struct pbuf *pbuf, struct net_tx_frame *frame);

// The sum of the pseudo header, folded, not inverted: what the device starts from. `ip_bytes`: of
// the header. What is subtracted in one's complement is added inverted.
static inline uint16_t net_offload_sum4(const struct ip_hdr *ip, uint32_t ip_bytes)
{
    return net_ip4_fold((uint64_t)ip->src.addr + ip->dest.addr + ((uint32_t)IPH_PROTO(ip) << 8) +
                        IPH_LEN(ip) + (0xffff ^ ip_bytes << 8));
}

// What starts with the header at `start` of TCP or UDP, whose pseudo header has this sum.
static inline void net_offload_ask_sum(const struct net_device *device, const struct netif *netif,
                                       struct pbuf *pbuf, struct net_tx_frame *frame,
                                       uint32_t start, uint8_t protocol, uint16_t sum)
{
    uint32_t field = protocol == IP_PROTO_TCP ? offsetof(struct tcp_hdr, chksum)
                                              : offsetof(struct udp_hdr, chksum);
    if (pbuf->len < start + field + sizeof(sum))
        return;
    memcpy((uint8_t *)pbuf->payload + start + field, &sum, sizeof(sum));
    frame->checksum_needed = true;
    frame->checksum_start = (uint16_t)start;
    frame->checksum_offset = (uint16_t)field;
    if (protocol == IP_PROTO_TCP && pbuf->tot_len > start + TCP_HLEN + NET_MSS_ALWAYS)
        net_offload_ask_tso(device, netif, pbuf, frame);
}

// For a device that fills in checksums; what is in `frame` of all this is 0 and false before. lwIP
// writes link, network and transport header into one piece; a fragment's datagram has no checksum
// (UDP by IPv4) or carries its own.
static inline void net_offload_ask(const struct net_device *device, const struct netif *netif,
                                   struct pbuf *pbuf, struct net_tx_frame *frame)
{
    const uint8_t *bytes = pbuf->payload;
    const struct ip_hdr *ip = (const struct ip_hdr *)(bytes + SIZEOF_ETH_HDR);
    if (pbuf->len < SIZEOF_ETH_HDR + IP_HLEN)
        return;
    if (((const struct eth_hdr *)bytes)->type != PP_HTONS(ETHTYPE_IP) ||
        bytes[SIZEOF_ETH_HDR] != NET_IP4_VERSION_4_IHL_5 ||
        (IPH_OFFSET(ip) & PP_HTONS(IP_MF | IP_OFFMASK)) != 0) {
        net_offload_ask_unusual(device, netif, pbuf, frame);
        return;
    }
    uint16_t sum = net_offload_sum4(ip, IP_HLEN);
    if (IPH_PROTO(ip) == IP_PROTO_TCP)
        net_offload_ask_sum(device, netif, pbuf, frame, SIZEOF_ETH_HDR + IP_HLEN, IP_PROTO_TCP,
                            sum);
    else if (IPH_PROTO(ip) == IP_PROTO_UDP)
        net_offload_ask_sum(device, netif, pbuf, frame, SIZEOF_ETH_HDR + IP_HLEN, IP_PROTO_UDP,
                            sum);
}

// SPDX-License-Identifier: MIT
#include "net/ip4_input.h"

#include <string.h>

#include "net/ip4_header.h"
#include "net/offload.h"

#include "lwip/ip.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ieee.h"
#include "lwip/prot/udp.h"
#include "lwip/stats.h"
#include "lwip/udp.h"

#define HEADERS_BYTES  (SIZEOF_ETH_HDR + IP_HLEN)
#define ETHERNET_GROUP 1                                // bit of the first byte: to more than one
#define KIND_TCP       PP_HTONL((uint32_t)IP_PROTO_TCP) // not a fragment
#define KIND_UDP       PP_HTONL((uint32_t)IP_PROTO_UDP)

static inline uint16_t load16(const uint8_t *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static inline bool is_sum_right(const uint8_t *ip)
{
    uint64_t sum = net_ip4_load(ip);
    for (int i = 4; i < IP_HLEN; i += 4)
        sum += net_ip4_load(ip + i);
    return net_ip4_fold(sum) == 0xffff;
}

// What the header says of fragments, and its protocol: one word, without the time to live.
static inline uint32_t kind_of(const uint8_t *ip)
{
    return net_ip4_load(ip + 6) & PP_HTONL((uint32_t)(IP_MF | IP_OFFMASK) << 16 | 0xff);
}

static inline bool is_usual(const uint8_t *ethernet, const struct netif *netif)
{
    const uint8_t *ip = ethernet + SIZEOF_ETH_HDR;
    uint32_t own = netif_ip4_addr(netif)->addr;
    if (net_ip4_load(ip + 16) != own || own == 0)
        return false;
    return load16(ethernet + 12) == PP_HTONS(ETHTYPE_IP) && ip[0] == NET_IP4_VERSION_4_IHL_5 &&
           (kind_of(ip) == KIND_TCP || kind_of(ip) == KIND_UDP) &&
           net_ip4_is_one_host(net_ip4_load(ip + 12), netif_ip4_netmask(netif)->addr) &&
           (ethernet[0] & ETHERNET_GROUP) == 0 && netif_is_up(netif) && is_sum_right(ip);
}

// Cuts off what the link added to make the frame long enough. Returns: false if there is less than
// the header says, or that is in pieces of which the last ones are too long.
static inline bool cut(struct pbuf *frame, const uint8_t *ip)
{
    uint16_t frame_bytes = (uint16_t)(lwip_ntohs(load16(ip + 2)) + SIZEOF_ETH_HDR);
    if (frame_bytes == frame->tot_len)
        return true;
    if (frame_bytes > frame->tot_len || frame_bytes < HEADERS_BYTES || frame->next != NULL)
        return false;
    frame->len = frame->tot_len = frame_bytes;
    return true;
}

bool net_ip4_input(struct pbuf *frame, struct netif *netif, bool checksum_valid)
{
    const uint8_t *ethernet = frame->payload, *ip = ethernet + SIZEOF_ETH_HDR;
    if (frame->len < HEADERS_BYTES || !is_usual(ethernet, netif) || !cut(frame, ip))
        return false;
    IP_STATS_INC(ip.recv);
    net_offload_heed(netif, checksum_valid);
    frame->if_idx = netif_get_index(netif);
    frame->payload = (uint8_t *)frame->payload + HEADERS_BYTES;
    frame->len = (u16_t)(frame->len - HEADERS_BYTES);
    frame->tot_len = (u16_t)(frame->tot_len - HEADERS_BYTES);
    ip_data.current_netif = netif;
    ip_data.current_input_netif = netif;
    ip_data.current_ip4_header = (const struct ip_hdr *)ip;
    ip_data.current_ip_header_tot_len = IP_HLEN;
    ip_addr_set_ip4_u32(&ip_data.current_iphdr_src, net_ip4_load(ip + 12));
    ip_addr_set_ip4_u32(&ip_data.current_iphdr_dest, net_ip4_load(ip + 16));
    if (kind_of(ip) == KIND_TCP)
        tcp_input(frame, netif);
    else
        udp_input(frame, netif);
    ip_data.current_netif = NULL;
    ip_data.current_input_netif = NULL;
    ip_data.current_ip4_header = NULL;
    ip_data.current_ip_header_tot_len = 0;
    ip4_addr_set_any(ip4_current_src_addr());
    ip4_addr_set_any(ip4_current_dest_addr());
    return true;
}

// SPDX-License-Identifier: MIT
// Functions that lwIP calls in place of its own.
#pragma once

#include "lwip/ip_addr.h"

// The number a new connection starts counting its bytes at: one nobody outside can guess, that
// grows with time for the same two ends. Spec: RFC 6528 section 3.
u32_t net_initial_sequence_number(const ip_addr_t *local_address, u16_t local_port,
                                  const ip_addr_t *remote_address, u16_t remote_port);

// ---- DNS servers: net/dns_servers.h -------------------------------------------------------------

void net_dns_advertised(u8_t index, const ip_addr_t *server);
void net_dns_by_dhcp(u8_t index, const ip_addr_t *server);

#ifdef NET_HOOKS_OF_ND6 // lwIP's nd6.c, which would overwrite what DHCP said
#define dns_setserver(index, server) net_dns_advertised(index, server)
#define htonl(value)                 lwip_htonl(value) // a name that it forgot to spell out
#endif

#ifdef NET_HOOKS_OF_DHCP // lwIP's dhcp.c, which reads as many as there are of both families
#undef DNS_MAX_SERVERS
#define DNS_MAX_SERVERS              LWIP_DHCP_MAX_DNS_SERVERS
#define dns_setserver(index, server) net_dns_by_dhcp(index, server) // of the card it came in by
#endif

// ---- leases of DHCP: net/dhcp_lease.c -----------------------------------------------------------

struct dhcp;
// Sets a card's address to what its lease says, or to none. The lease's times begin now, or end.
void net_dhcp_set_address(struct netif *netif, struct dhcp *dhcp, const ip4_addr_t *address,
                          const ip4_addr_t *mask, const ip4_addr_t *gateway);

#ifdef NET_HOOKS_OF_DHCP
#define netif_set_addr(netif, address, mask, gateway)                                              \
    net_dhcp_set_address(netif, netif_dhcp_data(netif), address, mask, gateway)
#endif

// ---- the MTU: net/dhcp_mtu.h --------------------------------------------------------------------

struct pbuf;
// An option that lwIP does not know, whose value is at `offset`.
void net_dhcp_option(u8_t code, u8_t size_bytes, struct pbuf *answer, u16_t offset);

#ifdef NET_HOOKS_OF_DHCP
#define LWIP_HOOK_DHCP_PARSE_OPTION(netif, dhcp, state, message, type, code, size_bytes, answer,   \
                                    offset)                                                        \
    ((void)(message), net_dhcp_option(code, size_bytes, answer, offset))
// It asks for the broadcast address, which nobody reads: in its place for this one.
#undef DHCP_OPTION_BROADCAST
#define DHCP_OPTION_BROADCAST 26
#endif

// ---- packets that wait for a neighbour of IPv6: net/nd6_queue.c ---------------------------------

void *net_nd6_queue_alloc(void);
void net_nd6_queue_free(void *entry);

#ifdef NET_HOOKS_OF_ND6 // all that it allocates
#undef memp_malloc
#define memp_malloc(type)      net_nd6_queue_alloc()
#define memp_free(type, entry) net_nd6_queue_free(entry)
#endif

// ---- IPv6: net/ip6.h ----------------------------------------------------------------------------

#include "lwip/ip6.h"

struct pbuf;
// Sends a packet that is too long in fragments: lwIP's, but it left the checksum to the device.
err_t net_ip6_fragment(struct pbuf *packet, struct netif *netif, const ip6_addr_t *destination);

// Frees a received packet whose extension headers are cut off, which lwIP would read all the same,
// or that names a size which no path has. Returns: 1 if it did.
int net_ip6_refuse(struct pbuf *packet, const struct netif *netif);

// An address of this machine to answer from. lwIP's icmp6.c, which does not expect that there is
// none, is compiled with this in place of its own: the unspecified address is never sent from.
const ip_addr_t *net_ip6_source_address(struct netif *netif, const ip6_addr_t *destination);

#ifdef NET_HOOKS_OF_IP6 // lwIP's ip6.c
#define ip6_frag(packet, netif, destination) net_ip6_fragment(packet, netif, destination)
#endif

// ---- several cards ------------------------------------------------------------------------------

#include "net/route.h"

// ---- finding connections: net/demux.h -----------------------------------------------------------

#include "lwip/priv/tcp_priv.h"
#include "net/demux.h"
#include "net/half_open.h"
#include "net/segments.h"
#include "net/tcp_acknowledge.h"
#include "net/tcp_hooks.h"
#include "net/tcp_timeout.h"
#include "net/tcp_timestamps.h"
#include "net/tcp_window.h"

#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, header, bytes, bytes_1, options_2, packet)                 \
    net_tcp_before_input(pcb, header, bytes_1, packet)
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(packet, header, pcb, options)                                \
    net_recovery_stamp(packet, options)

#ifdef NET_HOOKS_OF_TCP // lwIP's tcp.c and tcp_in.c are compiled with it
#undef TCP_RMV
#undef TCP_REG_ACTIVE
#undef TCP_RMV_ACTIVE
#undef TCP_OOSEQ_TIMEOUT
#define TCP_OOSEQ_TIMEOUT 30U // retransmission time-outs, which are short here (TCP_TMR_INTERVAL)

#define TCP_RMV(list, pcb)               net_demux_unlink(list, pcb)
#define TCP_REG_ACTIVE(pcb)              (net_timeout_begin(pcb), net_demux_add(pcb))
#define TCP_RMV_ACTIVE(pcb)              net_demux_unlink(&tcp_active_pcbs, pcb)
#define tcp_split_unsent_seg(pcb, bytes) net_segments_split_unsent(pcb, bytes)
#define tcp_rexmit_rto_prepare(pcb)      net_timeout_prepare(pcb)
#define tcp_zero_window_probe(pcb)       net_timeout_probe_window(pcb)
#undef TCP_WND_MAX
#define TCP_WND_MAX(pcb) net_window_most(pcb)
#endif

#ifdef NET_HOOKS_OF_TCP_OUTPUT // what a segment with a time stamp is marked with, if there are any
#undef TF_SEG_OPTS_TS
#define TF_SEG_OPTS_TS net_timestamps_on_segment
#undef LWIP_TCP_OPT_LENGTH
#define LWIP_TCP_OPT_LENGTH(flags) net_timestamps_options_bytes(flags)
// Once the flags are no constant, gcc makes it a call.
static inline __attribute__((always_inline)) struct tcp_seg *tcp_create_segment(
    const struct tcp_pcb *pcb, struct pbuf *packet, u8_t header_flags, u32_t sequence,
    u8_t option_flags);
#endif

#ifdef NET_HOOKS_OF_TCP_INPUT // what a connection is marked with whose peer has them
#undef TF_TIMESTAMP
#define TF_TIMESTAMP net_timestamps_on_connection
#endif

#ifdef NET_HOOKS_OF_TCP_OUTPUT // its tcp_out.c alone: what is named alike here
#define tcp_write             net_lwip_tcp_write
#define tcp_output            net_lwip_tcp_output
#define tcp_rexmit_rto_commit net_lwip_tcp_rexmit_rto_commit
#endif

#ifdef NET_HOOKS_OF_IP // its ip4.c alone
#define ip4_frag(packet, netif, destination) net_segments_output4(packet, netif, destination)
#endif

#ifdef NET_HOOKS_OF_TCP_INPUT // its tcp_in.c alone: where a segment's connection is looked up
#undef TCP_RMV_ACTIVE
#undef TCP_REG
#define TCP_RMV_ACTIVE(pcb)       net_demux_retire(pcb)
#define TCP_REG(list, pcb)        net_demux_to_time_wait(pcb)
#define tcp_pcb_remove(list, pcb) net_demux_drop(pcb)
#define tcp_active_pcbs                                                                            \
    (*net_demux_active(ip_current_src_addr(), tcphdr->src, ip_current_dest_addr(), tcphdr->dest))
#define tcp_tw_pcbs (*net_demux_time_wait(flags, seqno))
#undef TCP_EVENT_CONNECTED
#define TCP_EVENT_CONNECTED(pcb, error, result)                                                    \
    do {                                                                                           \
        net_timeout_established(pcb);                                                              \
        (result) =                                                                                 \
            (pcb)->connected == NULL ? ERR_OK : (pcb)->connected((pcb)->callback_arg, pcb, error); \
    } while (0)
#define tcp_backlog_accepted(pcb) (net_timeout_established(pcb), net_half_open_remove(pcb))
#define tcp_rexmit_fast(pcb)      net_tcp_rexmit_fast(pcb)
// Every second segment is acknowledged when the batch it came in ends, and one that fills a hole.
// What came in one frame may have been several.
#undef tcp_ack
#define tcp_send_empty_ack(pcb) net_acknowledge_out_of_order(pcb)
#define tcp_ack(pcb)                                                                               \
    do {                                                                                           \
        if (((pcb)->flags & TF_ACK_DELAY) != 0 || tcplen > (pcb)->mss ||                           \
            seqno != inseg.tcphdr->seqno) {                                                        \
            net_window_received(pcb, (pcb)->rcv_nxt - inseg.tcphdr->seqno);                        \
            tcp_set_flags(pcb, TF_ACK_DELAY);                                                      \
            net_acknowledge_soon(pcb);                                                             \
        } else {                                                                                   \
            tcp_set_flags(pcb, TF_ACK_DELAY);                                                      \
        }                                                                                          \
    } while (0)
#endif

// SPDX-License-Identifier: MIT
// How lwIP is built for Toril: one stack a core, no lock, no thread of its own, the raw API.
// What is not named here keeps lwIP's default.
#pragma once

// ---- who runs it --------------------------------------------------------------------------------

#define NO_SYS                    1 // callbacks on the owning core; no mailboxes, no semaphores
#define SYS_LIGHTWEIGHT_PROT      0 // a core shares its stack with nobody, interrupts only mark
#define LWIP_NETCONN              0
#define LWIP_SOCKET               0
#define LWIP_TIMERS               0 // net/timers.c runs the timers, each only while it is needed
#define LWIP_ASSERT_CORE_LOCKED() net_assert_owner()
#define LWIP_HOOK_FILENAME        "net/hooks.h"

#define LWIP_HOOK_IP6_INPUT(packet, netif)           net_ip6_refuse(packet, netif)
#define LWIP_HOOK_IP4_ROUTE_SRC(source, destination) net_route4(source, destination)
#define LWIP_HOOK_IP6_ROUTE(source, destination)     net_route6(source, destination)
#define LWIP_HOOK_TCP_ISN                            net_initial_sequence_number

// ---- protocols ----------------------------------------------------------------------------------

#define LWIP_IPV4                      1
#define LWIP_IPV6                      1
#define LWIP_ARP                       1
#define LWIP_ICMP                      1
#define LWIP_UDP                       1
#define LWIP_TCP                       1
#define LWIP_DHCP                      1
#define LWIP_DNS                       1
#define LWIP_IGMP                      1
#define LWIP_RAW                       0 // a function call for each packet received
#define LWIP_NETIF_HOSTNAME            1
#define LWIP_NETIF_STATUS_CALLBACK     1
#define LWIP_HAVE_LOOPIF               0
#define LWIP_NETIF_LOOPBACK            0
#define IP_DEFAULT_TTL                 64
#define LWIP_IPV6_NUM_ADDRESSES        5 // of each card: link-local, and of four prefixes
#define LWIP_ND6_NUM_ROUTERS           8 // of all cards together
#define LWIP_ND6_NUM_PREFIXES          16
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS NET_DNS_MAX

// ---- memory -------------------------------------------------------------------------------------

// Everything is allocated from the core's heap: no pool is reserved on cores without traffic, and
// the number of connections is bounded by memory alone.
#define MEM_LIBC_MALLOC              1
#define MEMP_MEM_MALLOC              1
#define mem_clib_malloc              heap_alloc
#define mem_clib_calloc(n, s)        heap_alloc_zeroed((n) * (s))
#define mem_clib_free                heap_free
#define MEM_ALIGNMENT                8
#define PBUF_POOL_FREE_OOSEQ         0              // there is no pool of pbufs that could run dry
#define LWIP_SUPPORT_CUSTOM_PBUF     1              // received buffers become pbufs without a copy
#define LWIP_PBUF_CUSTOM_DATA        u32_t sent_us; // net/tcp_recovery.h
#define PBUF_LINK_ENCAPSULATION_HLEN 12 // for virtio: its header and the frame are one piece then
#define ETH_PAD_SIZE                 0  // frames start at their header: unaligned loads are free

// ---- TCP ----------------------------------------------------------------------------------------

// The most, in frames of 9000 bytes; the interface's MTU and the peer make it less, 1460 as a rule.
#define TCP_MSS                  8960
#define TCP_MSS_AS_A_RULE        1460
#define TCP_OVERSIZE             TCP_MSS_AS_A_RULE // room behind copied data for what comes next
#define TCP_WND_UPDATE_THRESHOLD (TCP_WND / 8) // what is freed before the peer is told of just that
#define LWIP_WND_SCALE           1
#define TCP_RCV_SCALE            7 // windows of up to 8 MiB: net/tcp_window.h
// Bytes in flight in each direction: 256 KiB fill 1 Gbit/s at 2 ms, 100 Mbit/s at 20 ms. Where that
// is too little they grow. Neither is reserved: memory is taken as data arrives or is written.
#define NET_WINDOW_MAX   (4 * 1024 * 1024) // 40 MB/s at 100 ms
#define TCP_WND          (256 * 1024)
#define TCP_SND_BUF      (256 * 1024)
#define TCP_SND_QUEUELEN (4 * NET_WINDOW_MAX / TCP_MSS_AS_A_RULE) // pbufs: headers and data, twice
#define TCP_SNDLOWAT     (2 * TCP_MSS_AS_A_RULE + 1)
// lwIP times retransmissions in units of twice this, and waits three of them at least: 200 to 300
// ms behind what is lost, as others do (RFC 6298 has 1 s). Delayed acknowledgements wait for one.
#define TCP_TMR_INTERVAL           50
#define TCP_SYNMAXRTX              5 // after 1, 3, 7, 15 and 31 s: net/tcp_timeout.c
#define TCP_LISTEN_BACKLOG         1
#define TCP_DEFAULT_LISTEN_BACKLOG 255 // not reached: net/half_open.h
#define LWIP_TCP_KEEPALIVE         1
#define SO_REUSE                   1 // a port can be listened at while old connections end
#define LWIP_TCP_TIMESTAMPS        1 // by option: net/tcp_timestamps.h
#define TCP_QUEUE_OOSEQ            1
#define LWIP_TCP_SACK_OUT          1 // costs nothing until a segment is missing
#define LWIP_TCP_PCB_NUM_EXT_ARGS  7 // of net/demux.h
// Of one connection: a window of segments for an MTU of 576, and more. What is beyond is sent again
// by the peer.
#define NET_OOSEQ_BYTES_MIN        (TCP_MSS_AS_A_RULE / 4)
#define TCP_OOSEQ_PBUFS_LIMIT(pcb) ((u16_t)(net_window_most(pcb) / NET_OOSEQ_BYTES_MIN))
// Ending connections are searched one by one for every SYN, so TIME-WAIT is short: 5 s still
// outlast two retransmissions of the peer's FIN.
#define TCP_MSL 2500

// ---- below TCP ----------------------------------------------------------------------------------

#define ARP_TABLE_SIZE        127 // the most its 7 bits of index hold
#define LWIP_NETIF_HWADDRHINT 1   // a connection remembers its neighbour's row of that table
// Packets to a neighbour whose address is being asked for wait instead of replacing each other:
// the answers to the first connections after boot are such packets.
#define ARP_QUEUEING  1
#define ARP_QUEUE_LEN 64
// A destination is found at once by its connection, or by a walk over the table.
#define LWIP_ND6_NUM_DESTINATIONS 127 // the most its 7 bits of index hold
#define LWIP_ND6_NUM_NEIGHBORS    64
#define IP_FORWARD                0
#define IP_REASS_MAX_PBUFS        64 // one datagram of 64 KiB in frames of 1500 bytes is 45
#define IP_REASS_MAXAGE           15
#define IPV6_FRAG_COPYHEADER      1 // pointers do not fit into the header of a fragment
#define LWIP_NETIF_TX_SINGLE_PBUF 0 // devices take pieces, so written data need not be copied

// A DHCP server checks that an address is free (RFC 2131 section 3.1); checking again here would
// hold up every boot by a second.
#define DHCP_DOES_ARP_CHECK       0
#define LWIP_DHCP_GET_NTP_SRV     1 // net/ntp_servers.c
#define LWIP_DHCP_MAX_DNS_SERVERS NET_DNS_MAX
#define DNS_MAX_SERVERS           (2 * NET_DNS_MAX) // of each family

// ---- checksums ----------------------------------------------------------------------------------

#define LWIP_CHECKSUM_CTRL_PER_NETIF 1 // a device may make and check those of TCP and UDP
#define LWIP_CHECKSUM_ON_COPY        0 // with such a device there is nothing to sum while copying
#define LWIP_CHKSUM                  net_checksum_of
#define LWIP_INLINE_IP_CHKSUM        1 // IPv4's own header is always summed here, on the way

// ---- counters -----------------------------------------------------------------------------------

#define LWIP_STATS         1
#define LWIP_STATS_LARGE   1 // 32 bits
#define LWIP_STATS_DISPLAY 0
#define MEM_STATS          0 // the heap has its own
#define MEMP_STATS         0
#define SYS_STATS          0
#define LINK_STATS         1
#define ETHARP_STATS       1
#define IP_STATS           1
#define IP6_STATS          1
#define ICMP6_STATS        1
#define IP6_FRAG_STATS     1
#define ND6_STATS          1
#define MLD6_STATS         1
#define IGMP_STATS         1
#define IPFRAG_STATS       1
#define ICMP_STATS         1
#define UDP_STATS          1
#define TCP_STATS          1

// lwIP declares none of these where it needs them.
#include "kernel/heap.h"
#include "net/address.h"
#include "net/arch/cc.h"

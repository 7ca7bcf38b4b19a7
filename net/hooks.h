// SPDX-License-Identifier: MIT
// Functions that lwIP calls in place of its own.
#pragma once

#include "lwip/ip_addr.h"

// The number a new connection starts counting its bytes at: one nobody outside can guess, that
// grows with time for the same two ends. Spec: RFC 6528 section 3.
u32_t net_initial_sequence_number(const ip_addr_t *local_address, u16_t local_port,
                                  const ip_addr_t *remote_address, u16_t remote_port);

// ---- finding connections: net/demux.h -------------------------------------------------------------

#include "lwip/priv/tcp_priv.h"
#include "net/demux.h"

#ifdef NET_HOOKS_OF_TCP // lwIP's tcp.c and tcp_in.c are compiled with it
#undef TCP_RMV
#undef TCP_REG_ACTIVE
#undef TCP_RMV_ACTIVE
#define TCP_RMV(list, pcb)  net_demux_unlink(list, pcb)
#define TCP_REG_ACTIVE(pcb) net_demux_add(pcb)
#define TCP_RMV_ACTIVE(pcb) net_demux_unlink(&tcp_active_pcbs, pcb)
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
#endif

// SPDX-License-Identifier: MIT
// Finds the connection that a TCP segment belongs to, in constant time. lwIP walks its lists of
// connections one by one; net/hooks.h puts these functions where it does, so that the walk finds
// what it looks for at its first step, or an empty list. Context: the core of the stack.
#pragma once

#include "lwip/tcp.h"

// What lwIP keeps for us with each connection: itself, its hash, its predecessor in the list that
// it is in, its neighbours in that of net/half_open.h, and what net/tcp_recovery.h and
// net/tcp_window.h add.
enum {
    NET_EXT_ARG_PCB,
    NET_EXT_ARG_HASH,
    NET_EXT_ARG_PREVIOUS,
    NET_EXT_ARG_OLDER,
    NET_EXT_ARG_NEWER,
    NET_EXT_ARG_RECOVERY,
    NET_EXT_ARG_WINDOW,
    NET_EXT_ARGS,
};

// The list that tcp_input() walks: its first element is the active connection between the two ends,
// or it is empty.
struct tcp_pcb **net_demux_active(const ip_addr_t *remote_address, u16_t remote_port,
                                  const ip_addr_t *local_address, u16_t local_port);
// The same for a connection in TIME-WAIT, which a SYN of new numbers ends. After net_demux_active()
// for the same segment.
struct tcp_pcb **net_demux_time_wait(u8_t flags, u32_t sequence);

// A connection becomes active, leaves one of lwIP's lists, or goes to TIME-WAIT.
void net_demux_add(struct tcp_pcb *pcb);
void net_demux_unlink(struct tcp_pcb **list, struct tcp_pcb *pcb);
void net_demux_to_time_wait(struct tcp_pcb *pcb);
// lwIP's TCP_RMV() and tcp_pcb_remove() of an active one.
void net_demux_retire(struct tcp_pcb *pcb);
void net_demux_drop(struct tcp_pcb *pcb);

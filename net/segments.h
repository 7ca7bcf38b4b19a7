// SPDX-License-Identifier: MIT
// Large TCP segments, for devices that cut them (TSO). lwIP goes on counting in the connection's
// true maximum segment size, so that windows, Nagle's rule and what follows a loss stay as they
// are; only what is queued by tcp_write() comes in segments of many times that. They are divided
// where the difference would be seen: at the end of the window, at what the peer acknowledges, and
// so that a retransmission is one segment of true size.
// net/hooks.h puts these functions into lwIP. Context: the core of the stack.
#pragma once

#include "lwip/priv/tcp_priv.h"

// Bits of tcp_seg.flags that lwIP leaves free, for net/tcp_scoreboard.h. Neither SACKED nor LOST:
// on its way. Both parts of a segment that is divided keep them.
#define NET_SEGMENT_SACKED 0x20
#define NET_SEGMENT_LOST   0x40
#define NET_SEGMENT_RESENT 0x80 // more than once: which one arrived is not known
#define NET_SEGMENT_MARKS  (NET_SEGMENT_SACKED | NET_SEGMENT_LOST | NET_SEGMENT_RESENT)

// From now on tcp_write() may make large segments, if every interface cuts them, of both families.
void net_segments_allow(bool by_this_interface);
bool net_segments_are_allowed(void);

// An acknowledgement in the middle of a large segment divides it, and what is acknowledged is
// freed.
void net_segments_divide_at(struct tcp_pcb *pcb, u32_t acknowledged);
// The first true segment of one in flight becomes a segment of its own, if it can be.
void net_segments_divide_first(struct tcp_pcb *pcb, struct tcp_seg **link);
// Divides the first unsent segment that is too long for the window at its end.
void net_segments_fit_to_window(struct tcp_pcb *pcb);
// Before the maximum segment size counts: lwIP heeds the peer's word of it in any segment.
void net_segments_raise_mss(struct tcp_pcb *pcb);

// In place of lwIP's functions of these names: tcp_split_unsent_seg(), and ip4_frag() for what is
// longer than the interface's MTU.
err_t net_segments_split_unsent(struct tcp_pcb *pcb, u16_t bytes);
err_t net_segments_output4(struct pbuf *packet, struct netif *netif, const ip4_addr_t *destination);

// lwIP's own tcp_write(), which goes by this name.
err_t net_lwip_tcp_write(struct tcp_pcb *pcb, const void *data, u16_t size_bytes, u8_t flags);

// SPDX-License-Identifier: MIT
// Large TCP segments, for devices that cut them (TSO). lwIP goes on counting in the connection's
// true maximum segment size, so that windows, Nagle's rule and what follows a loss stay as they
// are; only what is queued by tcp_write() comes in segments of many times that. They are divided
// where the difference would be seen: at the end of the window, at what the peer acknowledges, and
// so that a retransmission is one segment of true size.
// net/hooks.h puts these functions into lwIP. Context: the core of the stack.
#pragma once

#include "net/tcp_duplicates.h"
#include "net/tcp_recovery.h"

#include "lwip/priv/tcp_priv.h"

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
// lwIP's hook before a segment is looked at.
static inline err_t net_segments_before_input(struct tcp_pcb *pcb, const struct tcp_hdr *header,
                                              uint32_t option_bytes, uint32_t data_bytes)
{
    if (pcb->state < ESTABLISHED || pcb->state == TIME_WAIT)
        return ERR_OK;
    if (header->seqno != pcb->rcv_nxt && net_duplicate_answer(pcb, header, data_bytes))
        return ERR_ABRT; // lwIP frees it
    const struct tcp_seg *first = pcb->unacked;
    if ((first != NULL && (first->len > pcb->mss || first->next != NULL)) ||
        (pcb->flags & (TF_RTO | NET_TF_RECOVERY)) != 0) {
        net_segments_divide_at(pcb, header->ackno);
        if ((pcb->flags & NET_TF_RECOVERY) != 0)
            net_recovery_input(pcb, header, option_bytes);
    }
    return ERR_OK;
}

// In place of lwIP's functions of these names: tcp_split_unsent_seg(), tcp_rexmit_fast(), and
// ip4_frag() for what is longer than the interface's MTU.
err_t net_segments_split_unsent(struct tcp_pcb *pcb, u16_t bytes);
void net_segments_rexmit_fast(struct tcp_pcb *pcb);
err_t net_segments_output4(struct pbuf *packet, struct netif *netif, const ip4_addr_t *destination);

// lwIP's own tcp_write() and tcp_output(), which go by these names.
err_t net_lwip_tcp_write(struct tcp_pcb *pcb, const void *data, u16_t size_bytes, u8_t flags);
err_t net_lwip_tcp_output(struct tcp_pcb *pcb);
void net_lwip_tcp_rexmit_rto_commit(struct tcp_pcb *pcb);

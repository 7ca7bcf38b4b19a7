// SPDX-License-Identifier: MIT
// Where lwIP's segments come in and go out: net/segments.h divides large ones, what comes twice is
// net/tcp_duplicates.h's, what waits behind a hole net/tcp_reassembly.h's, and what is lost
// net/tcp_recovery.h's. None of them calls back here.
// net/hooks.h puts these functions into lwIP, and tcp_output() takes the place of lwIP's.
// Context: the core of the stack.
#pragma once

#include "net/segments.h"
#include "net/tcp_duplicates.h"
#include "net/tcp_reassembly.h"
#include "net/tcp_recovery.h"

#include "lwip/priv/tcp_priv.h"

// Of a segment that is not the next one, or does not acknowledge all: whether it cannot be the
// peer's, for its numbers are out of all windows. lwIP would take the window that it names, and its
// data whatever it acknowledges, from who has but guessed the ports. The peer is answered, in case
// it meant it. Spec: RFC 9293 section 3.10.7.4, RFC 5961 section 5.2.
bool net_tcp_is_foreign(struct tcp_pcb *pcb, const struct tcp_hdr *header);

// Before lwIP looks at a segment. Returns: ERR_ABRT if it need not, and frees it.
static inline err_t net_tcp_before_input(struct tcp_pcb *pcb, const struct tcp_hdr *header,
                                         uint32_t option_bytes, struct pbuf *packet)
{
    if (pcb->state < ESTABLISHED || pcb->state == TIME_WAIT)
        return ERR_OK;
    bool is_next = header->seqno == pcb->rcv_nxt;
    if ((!is_next || header->ackno != pcb->snd_nxt) && net_tcp_is_foreign(pcb, header))
        return ERR_ABRT;
    if (!is_next && (net_duplicate_answer(pcb, header, packet->tot_len) ||
                     (option_bytes == 0 && net_reassembly_take(pcb, header, packet))))
        return ERR_ABRT;
    const struct tcp_seg *first = pcb->unacked;
    if ((first != NULL && (first->len > pcb->mss || first->next != NULL)) ||
        (pcb->flags & (TF_RTO | NET_TF_RECOVERY)) != 0) {
        net_segments_divide_at(pcb, header->ackno);
        if ((pcb->flags & NET_TF_RECOVERY) != 0)
            net_recovery_input(pcb, header, option_bytes);
    }
    return ERR_OK;
}

// In place of tcp_rexmit_fast().
void net_tcp_rexmit_fast(struct tcp_pcb *pcb);

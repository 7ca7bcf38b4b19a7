// SPDX-License-Identifier: MIT
#include "net/tcp_hooks.h"

bool net_tcp_is_foreign(struct tcp_pcb *pcb, const struct tcp_hdr *header)
{
    uint8_t flags = TCPH_FLAGS(header);
    if ((flags & (TCP_RST | TCP_SYN)) != 0)
        return false; // lwIP looks at its number, or answers it
    if ((flags & TCP_ACK) == 0)
        return true;
    // What comes twice is behind, and may say something new.
    bool is_in_window = header->seqno - pcb->rcv_nxt <= pcb->rcv_wnd ||
                        pcb->rcv_nxt - header->seqno <= NET_WINDOW_MAX;
    bool is_of_sent = header->ackno - pcb->lastack <= pcb->snd_nxt - pcb->lastack ||
                      pcb->lastack - header->ackno <= NET_WINDOW_MAX;
    if (is_in_window && is_of_sent)
        return false;
    (void)tcp_send_empty_ack(pcb);
    return true;
}

err_t tcp_output(struct tcp_pcb *pcb)
{
    if (pcb == tcp_input_pcb)
        return ERR_OK; // it calls again in the end
    const struct tcp_seg *first = pcb->unsent;
    if (first != NULL && (first->len > pcb->mss || first->next != NULL)) {
        net_segments_raise_mss(pcb);
        if ((pcb->flags & NET_TF_RECOVERY) == 0)
            net_recovery_begin(pcb);
        if ((pcb->flags & NET_TF_RECOVERY) == 0)
            net_segments_fit_to_window(pcb);
    }
    if ((pcb->flags & NET_TF_RECOVERY) != 0)
        return net_recovery_output(pcb);
    return net_lwip_tcp_output(pcb);
}

void tcp_rexmit_rto_commit(struct tcp_pcb *pcb)
{
    if (pcb->nrtx < UINT8_MAX)
        pcb->nrtx++;
    tcp_output(pcb);
}

void net_tcp_rexmit_fast(struct tcp_pcb *pcb)
{
    if ((pcb->flags & NET_TF_RECOVERY) != 0)
        return;
    const struct tcp_seg *first = pcb->unacked;
    if (first != NULL && first->len > pcb->mss && (pcb->flags & TF_INFR) == 0)
        net_segments_divide_first(pcb, &pcb->unacked);
    tcp_rexmit_fast(pcb);
}

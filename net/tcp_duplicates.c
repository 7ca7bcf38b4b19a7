// SPDX-License-Identifier: MIT
#include "net/tcp_duplicates.h"

#include <string.h>

bool net_duplicate_report(struct tcp_pcb *pcb, uint32_t start, uint32_t end)
{
    // lwIP sends the blocks that it has: for one answer this is the first of them.
    struct tcp_sack_range saved[LWIP_TCP_MAX_SACK_NUM];
    memcpy(saved, pcb->rcv_sacks, sizeof(saved));
    memcpy(&pcb->rcv_sacks[1], saved, sizeof(saved) - sizeof(saved[0]));
    pcb->rcv_sacks[0] = (struct tcp_sack_range){start, end};
    err_t error = tcp_send_empty_ack(pcb);
    memcpy(pcb->rcv_sacks, saved, sizeof(saved));
    pcb->tmr = tcp_ticks; // the peer lives
    pcb->keep_cnt_sent = 0;
    return error == ERR_OK;
}

bool net_duplicate_answer(struct tcp_pcb *pcb, const struct tcp_hdr *header, uint32_t data_bytes)
{
    uint32_t start = header->seqno, end = start + data_bytes;
    if (data_bytes == 0 || (pcb->flags & TF_SACK) == 0 || TCP_SEQ_GT(end, pcb->rcv_nxt) ||
        (TCPH_FLAGS(header) & (TCP_SYN | TCP_FIN | TCP_RST)) != 0)
        return false;
    // What else it says may be new: lwIP is to see it then, and answers once more.
    return net_duplicate_report(pcb, start, end) && header->ackno == pcb->lastack;
}

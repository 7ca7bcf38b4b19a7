// SPDX-License-Identifier: MIT
#include "net/tcp_reassembly.h"

#include <string.h>

#include "net/tcp_acknowledge.h"
#include "net/tcp_duplicates.h"

static uint32_t end_of(const struct tcp_seg *seg)
{
    return seg->tcphdr->seqno + seg->len;
}

// Returns: the last one that begins at `start` or before, NULL if there is none. *left: where the
// unbroken range that it ends, or is in, begins.
static struct tcp_seg *find(const struct tcp_pcb *pcb, uint32_t start, uint32_t *left)
{
    struct tcp_seg *found = NULL, *next = pcb->ooseq;
    for (; next != NULL && TCP_SEQ_LEQ(next->tcphdr->seqno, start); next = next->next) {
        if (found == NULL || end_of(found) != next->tcphdr->seqno)
            *left = next->tcphdr->seqno;
        found = next;
    }
    return found;
}

static uint32_t find_right(const struct tcp_seg *seg)
{
    while (seg->next != NULL && seg->next->tcphdr->seqno == end_of(seg))
        seg = seg->next;
    return end_of(seg);
}

// The peer is told of this range first, in place of the parts it was told of before.
static void report(struct tcp_pcb *pcb, uint32_t left, uint32_t right)
{
    struct tcp_sack_range blocks[LWIP_TCP_MAX_SACK_NUM + 1] = {{left, right}};
    unsigned count = 1;
    if ((pcb->flags & TF_SACK) == 0)
        return;
    for (unsigned i = 0; i < LWIP_TCP_MAX_SACK_NUM && LWIP_TCP_SACK_VALID(pcb, i); i++)
        if (TCP_SEQ_LT(pcb->rcv_sacks[i].right, left) || TCP_SEQ_GT(pcb->rcv_sacks[i].left, right))
            blocks[count++] = pcb->rcv_sacks[i];
    memcpy(pcb->rcv_sacks, blocks, sizeof(pcb->rcv_sacks));
}

// It has nothing in it but data: what else it says is as before.
static bool is_data_alone(const struct tcp_pcb *pcb, const struct tcp_hdr *header)
{
    return (TCPH_FLAGS(header) & (TCP_SYN | TCP_FIN | TCP_RST | TCP_URG | TCP_ACK)) == TCP_ACK &&
           header->ackno == pcb->lastack &&
           (uint32_t)header->wnd << pcb->snd_scale == pcb->snd_wnd &&
           (pcb->flags & TF_RXCLOSED) == 0;
}

// Small ones are left to lwIP, which counts how many buffers wait.
static bool may_join(const struct tcp_pcb *pcb, const struct tcp_seg *seg, uint32_t start,
                     const struct pbuf *packet)
{
    uint32_t end = start + packet->tot_len;
    return end_of(seg) == start && (TCPH_FLAGS(seg->tcphdr) & TCP_FIN) == 0 &&
           (seg->next == NULL || TCP_SEQ_LEQ(end, seg->next->tcphdr->seqno)) &&
           TCP_SEQ_LEQ(end, pcb->rcv_nxt + pcb->rcv_wnd) &&
           seg->len + packet->tot_len <= UINT16_MAX &&
           packet->tot_len >= NET_OOSEQ_BYTES_MIN * pbuf_clen(packet);
}

bool net_reassembly_take(struct tcp_pcb *pcb, const struct tcp_hdr *header, struct pbuf *packet)
{
    uint32_t start = header->seqno, left;
    if (packet->tot_len == 0 || !is_data_alone(pcb, header))
        return false;
    struct tcp_seg *seg = find(pcb, start, &left);
    if (seg == NULL)
        return false;
    if (TCP_SEQ_LEQ(start + packet->tot_len, end_of(seg))) {
        report(pcb, left, find_right(seg)); // what it is a part of follows: RFC 2883 section 4
        (void)net_duplicate_report(pcb, start, start + packet->tot_len);
        return true; // lwIP would drop what it has behind it
    }
    if (!may_join(pcb, seg, start, packet))
        return false;
    pbuf_chain(seg->p, packet);
    seg->len = (u16_t)(seg->len + packet->tot_len);
    report(pcb, left, find_right(seg));
    pcb->tmr = tcp_ticks; // the peer lives
    pcb->keep_cnt_sent = 0;
    net_acknowledge_out_of_order(pcb);
    return true;
}

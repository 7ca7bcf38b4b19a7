// SPDX-License-Identifier: MIT
#include "net/segments.h"

#include <string.h>

#include "lwip/ip4_frag.h"
#include "lwip/memp.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ethernet.h"

// The most an IP packet holds whose frame's length still fits a pbuf's 16 bits.
#define PAYLOAD_BYTES_MAX (UINT16_MAX - SIZEOF_ETH_HDR - 60 - TCP_HLEN - LWIP_TCP_OPT_LEN_TS_OUT)
// What is copied lies in one piece and is copied once more where it is divided.
#define COPIED_BYTES_MAX (8 * TCP_MSS_AS_A_RULE)
// With so much of the window on its way a large segment rather waits for the next acknowledgement
// than goes out in small parts.
#define PART_OF_WINDOW 3
// Some peer may ask for segments of a byte each, thousands of which cost it one request: the least
// is what others have for it. Packets of that size pass everywhere.
#define MSS_MIN 48

static PERCORE struct {
    bool is_asked;   // an interface has said whether it cuts segments
    bool is_allowed; // all that were asked do
} state;

void net_segments_allow(bool by_this_interface)
{
    state.is_allowed = by_this_interface && (state.is_allowed || !state.is_asked);
    state.is_asked = true;
}

// ---- dividing -----------------------------------------------------------------------------------

// The same bytes once more: of lasting memory a reference, else a copy.
static struct pbuf *second_piece(const struct pbuf *from, u16_t offset, u16_t bytes)
{
    const u8_t copied = PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS | PBUF_TYPE_FLAG_DATA_VOLATILE;
    bool is_lasting = (from->type_internal & copied) == 0;
    struct pbuf *piece = pbuf_alloc(PBUF_RAW, bytes, is_lasting ? PBUF_ROM : PBUF_RAM);
    if (piece == NULL)
        return NULL;
    uint8_t *data = (uint8_t *)from->payload + offset;
    if (is_lasting)
        piece->payload = data;
    else
        memcpy(piece->payload, data, bytes);
    return piece;
}

static u16_t options_bytes(const struct tcp_seg *seg)
{
    return LWIP_TCP_OPT_LENGTH(seg->flags);
}

// Room for headers, TCP's options behind it, then the first `bytes` of the segment's data.
static struct pbuf *copy_front(const struct tcp_seg *seg, u16_t bytes)
{
    struct pbuf *front = pbuf_alloc(PBUF_TRANSPORT, options_bytes(seg), PBUF_RAM);
    u16_t offset = (u16_t)(seg->p->tot_len - seg->len); // the headers'
    for (const struct pbuf *from = seg->p; front != NULL && bytes > 0; from = from->next) {
        if (offset >= from->len) {
            offset = (u16_t)(offset - from->len);
            continue;
        }
        u16_t part = (u16_t)LWIP_MIN(bytes, from->len - offset);
        struct pbuf *piece = second_piece(from, offset, part);
        if (piece == NULL) {
            pbuf_free(front);
            return NULL;
        }
        pbuf_cat(front, piece);
        bytes = (u16_t)(bytes - part);
        offset = 0;
    }
    return front;
}

// Takes the first `bytes` of data off the segment; its header moves up to the rest.
static void drop_front(struct tcp_pcb *pcb, struct tcp_seg *seg, u16_t bytes)
{
    struct pbuf *head = seg->p;
    u16_t lower_headers = (u16_t)((uint8_t *)seg->tcphdr - (uint8_t *)head->payload);
    pbuf_remove_header(head, lower_headers); // of when it was sent
    u16_t left = bytes, tcp_bytes = (u16_t)(TCP_HLEN + options_bytes(seg));
    u16_t in_head = (u16_t)LWIP_MIN(left, head->len - tcp_bytes);
    memmove((uint8_t *)head->payload + in_head, head->payload, tcp_bytes);
    pbuf_remove_header(head, in_head);
    left = (u16_t)(left - in_head);
    head->tot_len = (u16_t)(head->tot_len - left);
    while (left > 0) {
        struct pbuf *next = head->next;
        if (next->len > left) {
            pbuf_remove_header(next, left);
            break;
        }
        left = (u16_t)(left - next->len);
        head->next = next->next;
        next->next = NULL;
        pbuf_free(next);
        pcb->snd_queuelen--;
    }
    seg->tcphdr = head->payload;
    seg->tcphdr->seqno = lwip_htonl(lwip_ntohl(seg->tcphdr->seqno) + bytes);
    seg->len = (u16_t)(seg->len - bytes);
}

// Makes the first `bytes` of *link's data a segment of its own in front of it. Not while the device
// still reads it. Returns: false if it stays whole.
static bool divide(struct tcp_pcb *pcb, struct tcp_seg **link, u16_t bytes)
{
    struct tcp_seg *seg = *link;
    if (seg->p->ref != 1 || (seg->flags & ~(NET_SEGMENT_MARKS | TF_SEG_OPTS_TS)) != 0 ||
        TCPH_HDRLEN_BYTES(seg->tcphdr) != TCP_HLEN + options_bytes(seg))
        return false;
    struct tcp_seg *front = memp_malloc(MEMP_TCP_SEG);
    if (front == NULL)
        return false;
    memset(front, 0, sizeof(*front));
    front->p = copy_front(seg, bytes);
    if (front->p == NULL || pbuf_add_header(front->p, TCP_HLEN) != 0) {
        tcp_seg_free(front);
        return false;
    }
    front->len = bytes;
    front->flags = seg->flags;
    front->p->sent_us = seg->p->sent_us;
    front->tcphdr = front->p->payload;
    memcpy(front->tcphdr, seg->tcphdr, TCP_HLEN);      // options are written when it is sent
    TCPH_UNSET_FLAG(front->tcphdr, TCP_PSH | TCP_FIN); // they come with the last byte
    pcb->snd_queuelen = (u16_t)(pcb->snd_queuelen + pbuf_clen(front->p));
    drop_front(pcb, seg, bytes);
    front->next = seg;
    *link = front;
    return true;
}

// Bytes from the segment's first one up to `sequence`; negative when that lies before.
static s32_t bytes_up_to(const struct tcp_seg *seg, u32_t sequence)
{
    return (s32_t)(sequence - lwip_ntohl(seg->tcphdr->seqno));
}

static void divide_list_at(struct tcp_pcb *pcb, struct tcp_seg **link, u32_t sequence)
{
    while (*link != NULL && bytes_up_to(*link, sequence) >= (s32_t)(*link)->len)
        link = &(*link)->next;
    if (*link != NULL && bytes_up_to(*link, sequence) > 0)
        (void)divide(pcb, link, (u16_t)bytes_up_to(*link, sequence));
}

void net_segments_divide_first(struct tcp_pcb *pcb, struct tcp_seg **link)
{
    (void)divide(pcb, link, tcp_mss(pcb));
}

void net_segments_divide_at(struct tcp_pcb *pcb, u32_t acknowledged)
{
    if (!state.is_allowed || !TCP_SEQ_BETWEEN(acknowledged, pcb->lastack + 1, pcb->snd_nxt))
        return;
    divide_list_at(pcb, &pcb->unacked, acknowledged);
    divide_list_at(pcb, &pcb->unsent, acknowledged); // after a timeout it was sent once
}

// ---- writing ------------------------------------------------------------------------------------

// How long tcp_write() may make a segment.
static u16_t segment_bytes(const struct tcp_pcb *pcb, u8_t flags)
{
    u32_t most = (flags & TCP_WRITE_FLAG_COPY) != 0 ? COPIED_BYTES_MAX : PAYLOAD_BYTES_MAX;
    u32_t mss = tcp_mss(pcb);
    most = LWIP_MIN(most, pcb->snd_wnd_max / 2);                // as lwIP does
    most = LWIP_MAX(most - most % mss, mss) + (pcb->mss - mss); // which takes the options off
    const struct tcp_seg *last = pcb->unsent;
    while (last != NULL && last->next != NULL)
        last = last->next;
    // It goes on in the last segment, which may have been made under another limit.
    u32_t least = last == NULL ? 0 : (u32_t)last->len + options_bytes(last) + pcb->unsent_oversize;
    return (u16_t)LWIP_MAX(most, least);
}

void net_segments_raise_mss(struct tcp_pcb *pcb)
{
    pcb->mss = LWIP_MAX(pcb->mss, MSS_MIN);
}

err_t tcp_write(struct tcp_pcb *pcb, const void *data, u16_t size_bytes, u8_t flags)
{
    if (size_bytes <= pcb->mss && (pcb->unsent == NULL || !state.is_allowed))
        return net_lwip_tcp_write(pcb, data, size_bytes, flags);
    net_segments_raise_mss(pcb);
    if (!state.is_allowed)
        return net_lwip_tcp_write(pcb, data, size_bytes, flags);
    u16_t mss = pcb->mss;
    pcb->mss = segment_bytes(pcb, flags);
    err_t error = net_lwip_tcp_write(pcb, data, size_bytes, flags);
    pcb->mss = mss;
    return error;
}

// ---- sending ------------------------------------------------------------------------------------

// Divides the first segment that is too long for the window at its end.
void net_segments_fit_to_window(struct tcp_pcb *pcb)
{
    if (pcb->unsent == NULL || (pcb->unsent->len <= pcb->mss && pcb->unsent->next == NULL))
        return;
    s32_t window = (s32_t)LWIP_MIN(pcb->snd_wnd, pcb->cwnd);
    u32_t window_end = pcb->lastack + (u32_t)window;
    struct tcp_seg **link = &pcb->unsent;
    while (*link != NULL && bytes_up_to(*link, window_end) >= (s32_t)(*link)->len)
        link = &(*link)->next;
    struct tcp_seg *seg = *link;
    if (seg == NULL || seg->len <= pcb->mss)
        return;
    s32_t room = bytes_up_to(seg, window_end);
    bool is_recovering = (pcb->flags & (TF_INFR | TF_RTO)) != 0;
    if (room < pcb->mss ||
        (room < window / PART_OF_WINDOW && pcb->unacked != NULL && !is_recovering))
        return;
    (void)divide(pcb, link, (u16_t)(room - room % tcp_mss(pcb)));
}

err_t net_segments_split_unsent(struct tcp_pcb *pcb, u16_t bytes)
{
    struct tcp_seg *first = pcb->unsent;
    if (first == NULL || bytes == 0)
        return ERR_MEM;
    if (first->len <= bytes)
        return ERR_OK;
    return divide(pcb, &pcb->unsent, bytes) ? ERR_OK : ERR_MEM;
}

bool net_segments_are_allowed(void)
{
    return state.is_allowed;
}

err_t net_segments_output4(struct pbuf *packet, struct netif *netif, const ip4_addr_t *destination)
{
    const struct ip_hdr *ip = packet->payload;
    if (IPH_PROTO(ip) == IP_PROTO_TCP && state.is_allowed)
        return netif->output(netif, packet, destination);
    return ip4_frag(packet, netif, destination);
}

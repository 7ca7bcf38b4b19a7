// SPDX-License-Identifier: MIT
#include "net/tcp_scoreboard.h"

#include "net/segments.h"

#define OPTION_END   0
#define OPTION_NONE  1
#define OPTION_SACK  5
#define BLOCK_BYTES  8
#define LOST_BEHIND  3 // segments that arrived behind one: it is lost, on a line that keeps order
#define PATIENCE_MAX 64

// Of times that wrap after 71 minutes.
static bool is_later(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

// ---- options ------------------------------------------------------------------------------------

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

void net_sack_read(struct net_sack *sack, const uint8_t *options, uint32_t size_bytes)
{
    sack->count = 0;
    for (uint32_t at = 0; at < size_bytes && options[at] != OPTION_END;) {
        if (options[at] == OPTION_NONE) {
            at++;
            continue;
        }
        if (at + 1 >= size_bytes || options[at + 1] < 2 || at + options[at + 1] > size_bytes)
            return;
        uint32_t end = at + options[at + 1];
        if (options[at] == OPTION_SACK) {
            for (uint32_t block = at + 2;
                 block + BLOCK_BYTES <= end && sack->count < NET_SACK_BLOCKS_MAX;
                 block += BLOCK_BYTES)
                sack->blocks[sack->count++] =
                    (struct tcp_sack_range){get32(options + block), get32(options + block + 4)};
            return;
        }
        at = end;
    }
}

// The first block tells of a duplicate when it is acknowledged, or part of the second one.
static bool is_about_duplicate(const struct net_sack *sack, uint32_t up_to)
{
    if (sack->count == 0)
        return false;
    const struct tcp_sack_range *first = &sack->blocks[0], *second = &sack->blocks[1];
    if (!TCP_SEQ_LT(first->left, first->right))
        return false;
    return TCP_SEQ_LEQ(first->right, up_to) ||
           (sack->count > 1 && TCP_SEQ_GEQ(first->left, second->left) &&
            TCP_SEQ_LEQ(first->right, second->right));
}

// ---- what arrived -------------------------------------------------------------------------------

static void arrived(struct net_scoreboard *board, const struct tcp_seg *seg,
                    struct net_acknowledged *got, uint32_t highest_before)
{
    uint32_t end = net_segment_end(seg), sent_us = seg->p->sent_us;
    uint32_t trip_us = got->now_us - sent_us;
    trip_us = (int32_t)trip_us > 0 ? trip_us : 1;
    got->delivered += TCP_TCPLEN(seg);
    if ((seg->flags & NET_SEGMENT_RESENT) == 0) {
        got->trip_us = trip_us;
        if (board->shortest_trip_us == 0 || trip_us < board->shortest_trip_us)
            board->shortest_trip_us = trip_us;
        if (TCP_SEQ_LT(end, highest_before))
            board->has_reordered = true;
    } else if (trip_us < board->shortest_trip_us) {
        return; // too soon: it is the one sent before
    }
    if (!board->has_newest || is_later(sent_us, board->newest_sent_us) ||
        (sent_us == board->newest_sent_us && TCP_SEQ_GT(end, board->newest_end))) {
        board->has_newest = true;
        board->newest_sent_us = sent_us;
        board->newest_end = end;
    }
    board->newest_trip_us = trip_us;
}

static void take_block(struct net_scoreboard *board, struct tcp_pcb *pcb,
                       const struct tcp_sack_range *block, struct net_acknowledged *got,
                       uint32_t highest_before)
{
    if (!TCP_SEQ_LT(block->left, block->right) || TCP_SEQ_LT(block->left, got->up_to) ||
        TCP_SEQ_GT(block->right, pcb->snd_nxt))
        return;
    net_segments_divide_at(pcb, block->left);
    net_segments_divide_at(pcb, block->right);
    for (struct tcp_seg *seg = pcb->unacked;
         seg != NULL && TCP_SEQ_LT(net_segment_start(seg), block->right); seg = seg->next) {
        if ((seg->flags & NET_SEGMENT_SACKED) != 0 ||
            TCP_SEQ_LT(net_segment_start(seg), block->left) ||
            TCP_SEQ_GT(net_segment_end(seg), block->right))
            continue;
        arrived(board, seg, got, highest_before);
        seg->flags = (u8_t)((seg->flags & ~NET_SEGMENT_LOST) | NET_SEGMENT_SACKED);
        board->is_disordered = true;
    }
    if (TCP_SEQ_GT(block->right, board->highest))
        board->highest = block->right;
}

void net_scoreboard_take(struct net_scoreboard *board, struct tcp_pcb *pcb,
                         const struct net_sack *sack, struct net_acknowledged *got)
{
    got->delivered = got->trip_us = got->duplicates = 0;
    if (TCP_SEQ_LT(board->highest, pcb->lastack))
        board->highest = pcb->lastack;
    uint32_t highest_before = board->highest;
    for (struct tcp_seg *seg = pcb->unacked;
         seg != NULL && TCP_SEQ_LEQ(net_segment_end(seg), got->up_to); seg = seg->next)
        if ((seg->flags & NET_SEGMENT_SACKED) == 0)
            arrived(board, seg, got, highest_before);
    unsigned first = is_about_duplicate(sack, got->up_to) ? 1 : 0;
    for (unsigned i = first; i < sack->count; i++)
        take_block(board, pcb, &sack->blocks[i], got, highest_before);
    if (first == 0)
        return;
    got->duplicates = (sack->blocks[0].right - sack->blocks[0].left + pcb->mss - 1) / pcb->mss;
    if (TCP_SEQ_GEQ(got->up_to, board->patience_from)) {
        if (board->patience < PATIENCE_MAX)
            board->patience++;
        board->patience_from = pcb->snd_nxt;
    }
}

// ---- what is lost -------------------------------------------------------------------------------

static uint32_t bytes_sacked(const struct tcp_pcb *pcb)
{
    uint32_t bytes = 0;
    for (const struct tcp_seg *seg = pcb->unacked; seg != NULL; seg = seg->next)
        if ((seg->flags & NET_SEGMENT_SACKED) != 0)
            bytes += seg->len;
    return bytes;
}

// How much later than in order something may come. Section 6.2 step 4.
static uint32_t reordering_us(const struct net_scoreboard *board, const struct tcp_pcb *pcb,
                              uint32_t trip_us, bool is_recovering)
{
    if (!board->has_reordered &&
        (is_recovering || bytes_sacked(pcb) >= (uint32_t)LOST_BEHIND * pcb->mss))
        return 0;
    uint32_t wait_us = (board->patience + 1u) * (board->shortest_trip_us / 4);
    return wait_us < trip_us ? wait_us : trip_us;
}

uint32_t net_scoreboard_find_lost(struct net_scoreboard *board, struct tcp_pcb *pcb, uint32_t up_to,
                                  uint32_t now_us, uint32_t trip_us, bool is_recovering,
                                  uint32_t *wait_us)
{
    *wait_us = 0;
    if (!board->is_disordered || !board->has_newest)
        return 0;
    uint32_t lost = 0;
    uint32_t due_us = board->newest_trip_us + reordering_us(board, pcb, trip_us, is_recovering);
    for (struct tcp_seg *seg = pcb->unacked; seg != NULL; seg = seg->next) {
        uint32_t end = net_segment_end(seg), sent_us = seg->p->sent_us;
        if (TCP_SEQ_LEQ(end, up_to) || (seg->flags & (NET_SEGMENT_SACKED | NET_SEGMENT_LOST)) != 0)
            continue;
        bool is_older = is_later(board->newest_sent_us, sent_us) ||
                        (board->newest_sent_us == sent_us && TCP_SEQ_GT(board->newest_end, end));
        if (!is_older)
            continue;
        if (!is_later(sent_us + due_us, now_us)) {
            seg->flags |= NET_SEGMENT_LOST;
            lost += TCP_TCPLEN(seg);
        } else if (sent_us + due_us - now_us > *wait_us) {
            *wait_us = sent_us + due_us - now_us;
        }
    }
    return lost;
}

void net_scoreboard_all_lost(struct net_scoreboard *board, struct tcp_pcb *pcb)
{
    // A peer that has thrown away what it said it had (RFC 2018 section 8).
    bool is_forgotten = pcb->unacked != NULL && (pcb->unacked->flags & NET_SEGMENT_SACKED) != 0;
    for (struct tcp_seg *seg = pcb->unacked; seg != NULL; seg = seg->next) {
        if (is_forgotten)
            seg->flags &= (u8_t)~NET_SEGMENT_SACKED;
        if ((seg->flags & NET_SEGMENT_SACKED) == 0)
            seg->flags |= NET_SEGMENT_LOST;
    }
    board->is_disordered = true;
}

bool net_scoreboard_choose_last(struct net_scoreboard *board, struct tcp_pcb *pcb)
{
    struct tcp_seg *last = NULL;
    for (struct tcp_seg *seg = pcb->unacked; seg != NULL; seg = seg->next) {
        if ((seg->flags & NET_SEGMENT_LOST) != 0)
            return false;
        if ((seg->flags & NET_SEGMENT_SACKED) == 0)
            last = seg;
    }
    if (last == NULL)
        return false;
    if (last->len > pcb->mss) // its last part: this one, what is before goes in front of it
        net_segments_divide_at(pcb, net_segment_end(last) - pcb->mss);
    last->flags |= NET_SEGMENT_LOST;
    board->is_disordered = true;
    return true;
}

uint32_t net_scoreboard_in_flight(struct net_scoreboard *board, const struct tcp_pcb *pcb,
                                  uint32_t up_to)
{
    if (!board->is_disordered)
        return pcb->snd_nxt - up_to;
    uint32_t bytes = 0;
    bool is_marked = false;
    for (const struct tcp_seg *seg = pcb->unacked; seg != NULL; seg = seg->next) {
        if (TCP_SEQ_LEQ(net_segment_end(seg), up_to))
            continue;
        if ((seg->flags & NET_SEGMENT_MARKS) != 0)
            is_marked = true;
        if ((seg->flags & (NET_SEGMENT_SACKED | NET_SEGMENT_LOST)) == 0)
            bytes += TCP_TCPLEN(seg);
    }
    board->is_disordered = is_marked;
    return bytes;
}

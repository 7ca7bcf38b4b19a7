// SPDX-License-Identifier: MIT
// What became of each segment in flight: the marks on lwIP's list of those that are not
// acknowledged, by what the peer acknowledges selectively, and which of them are lost by when they
// were sent. Sends nothing itself. Context: the core of the stack.
// Spec: RFC 2018 (blocks), RFC 2883 (duplicates), RFC 8985 (RACK).
#pragma once

#include "lwip/priv/tcp_priv.h"

#define NET_SACK_BLOCKS_MAX 4
struct net_sack {
    struct tcp_sack_range blocks[NET_SACK_BLOCKS_MAX];
    unsigned count;
};

struct net_scoreboard {
    bool is_disordered; // a segment in flight is marked
    bool has_reordered; // the line has been seen to reorder
    bool has_newest;
    uint8_t patience;       // in quarters of a round trip, once it has reordered
    uint32_t patience_from; // the patience grows once a round: not before this is acknowledged
    uint32_t highest;       // end of what was acknowledged selectively
    // Of what arrived: the one sent last, and how long that took.
    uint32_t newest_sent_us, newest_end, newest_trip_us;
    uint32_t shortest_trip_us;
};

// What one acknowledgement told.
struct net_acknowledged {
    uint32_t now_us;
    uint32_t up_to;      // its number
    uint32_t delivered;  // bytes that arrived, as far as the peer had not said so before
    uint32_t trip_us;    // a round trip, 0: none was measured
    uint32_t duplicates; // segments that arrived twice
};

// The blocks in a segment's options. `options` are `size_bytes` bytes behind the TCP header.
void net_sack_read(struct net_sack *sack, const uint8_t *options, uint32_t size_bytes);

// Marks what `sack` and `got->up_to` say has arrived; what is acknowledged is still in the list.
// Fills the rest of `got`, whose up_to and now_us are set.
void net_scoreboard_take(struct net_scoreboard *board, struct tcp_pcb *pcb,
                         const struct net_sack *sack, struct net_acknowledged *got);
// Marks as lost what was sent so long before something that arrived that it should have, too.
// `up_to` is acknowledged; `trip_us` is the usual round trip. Returns: bytes newly lost. *wait_us:
// after how long to look again, 0 for no need to.
uint32_t net_scoreboard_find_lost(struct net_scoreboard *board, struct tcp_pcb *pcb, uint32_t up_to,
                                  uint32_t now_us, uint32_t trip_us, bool is_recovering,
                                  uint32_t *wait_us);
// After a retransmission timeout: all that has not arrived is lost.
void net_scoreboard_all_lost(struct net_scoreboard *board, struct tcp_pcb *pcb);
// The last segment that has not arrived becomes lost, unless others are: one is to be sent again.
// Returns: whether it did.
bool net_scoreboard_choose_last(struct net_scoreboard *board, struct tcp_pcb *pcb);
// Bytes on their way beyond `up_to` (RFC 6675's pipe). Notices when nothing is marked any more.
uint32_t net_scoreboard_in_flight(struct net_scoreboard *board, const struct tcp_pcb *pcb,
                                  uint32_t up_to);

static inline uint32_t net_segment_start(const struct tcp_seg *seg)
{
    return lwip_ntohl(seg->tcphdr->seqno);
}
static inline uint32_t net_segment_end(const struct tcp_seg *seg)
{
    return net_segment_start(seg) + TCP_TCPLEN(seg);
}

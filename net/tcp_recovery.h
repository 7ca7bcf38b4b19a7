// SPDX-License-Identifier: MIT
// What follows a loss on a connection that has more than a segment to send at a time: which
// segments are sent again and when, and how much may be on its way. It stands in for lwIP's, which
// sends one segment again in a round trip. lwIP keeps its queues; this here marks segments, moves
// those to be sent again, and sets the window that lwIP sends by. Where the peer has no selective
// acknowledgements, and for connections that send a segment and wait, lwIP's own stays in charge.
// net/tcp_hooks.h and net/hooks.h call it. Context: the core of the stack.
// Spec: RFC 8985 (RACK-TLP), RFC 6937 (proportional rate reduction), RFC 6298 (timeouts),
// RFC 3708 (undoing what duplicates show to be needless), RFC 9438 (CUBIC).
#pragma once

#include "lwip/priv/tcp_priv.h"

// A bit of tcp_pcb.flags that lwIP leaves free: the connection has a struct net_recovery.
#define NET_TF_RECOVERY 0x2000

struct net_recovery_stats {
    uint64_t resent_early;   // segments sent again because others arrived
    uint64_t resent_timeout; // after a timeout
    uint64_t probes;         // sent because nothing came back for a while
    uint64_t timeouts;       // of retransmission
    uint64_t needless;       // segments that arrived twice, as peers said
    uint64_t undone;         // times that the window was given back for that
};
// Of any core; what another one counts may be a moment old.
struct net_recovery_stats net_recovery_stats_of(unsigned core);

// A connection is about to send more than one segment. Without memory it goes on as it was.
void net_recovery_begin(struct tcp_pcb *pcb);
// A segment came for a connection that has one. `options` are its TCP options.
void net_recovery_input(struct tcp_pcb *pcb, const struct tcp_hdr *header, uint32_t option_bytes);
// In place of tcp_output() for such a connection.
err_t net_recovery_output(struct tcp_pcb *pcb);
// lwIP's own tcp_output(), which goes by this name.
err_t net_lwip_tcp_output(struct tcp_pcb *pcb);

// When segments are sent, as they are stamped: microseconds, wrapping. Of this core's last look.
extern PERCORE uint32_t net_recovery_now_us;
static inline u32_t *net_recovery_stamp(struct pbuf *packet, u32_t *options)
{
    packet->sent_us = net_recovery_now_us;
    return options;
}

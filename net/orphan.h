// SPDX-License-Identifier: MIT
// Connections that their owner has let go: lwIP alone delivers what was written, and the end. It
// has no time limit that fits: in LAST-ACK it forgets what is unsent after 5 s, everywhere else it
// tries for many minutes, and for ever with a peer that answers but takes nothing. Here each has
// time as long as its peer takes something. Context: the core of the stack.
#pragma once

#include <stdbool.h>

#include "lwip/tcp.h"

// A peer has this long to take so many bytes, or the rest.
#define NET_ORPHAN_PATIENCE_S 60
#define NET_ORPHAN_BYTES_MIN  4096
// With more of them on a core, of which each may hold some 60 KiB, they have only this.
#define NET_ORPHANS_MAX         1024
#define NET_ORPHAN_IMPATIENCE_S 5

// None of its callbacks is called again.
void net_orphan_make(struct tcp_pcb *pcb);
// The same, and this side is closed.
// Returns: ERR_OK; ERR_ABRT if it was reset, which a callback of the connection returns to lwIP.
err_t net_orphan_close(struct tcp_pcb *pcb);
// The same, by a reset. A callback of the connection returns ERR_ABRT to lwIP.
void net_orphan_reset(struct tcp_pcb *pcb);
bool net_orphan_is(const struct tcp_pcb *pcb);
// A connection, of any owner, is about to leave the list of those that are active.
void net_orphan_left(const struct tcp_pcb *pcb);

struct net_orphan_stats {
    uint64_t count;   // now
    uint64_t dropped; // their time was over
};
struct net_orphan_stats net_orphan_stats_of(unsigned core);

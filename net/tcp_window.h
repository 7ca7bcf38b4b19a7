// SPDX-License-Identifier: MIT
// How much a connection may have on its way in each direction: lwIP's fixed sizes at first, more
// where a long round trip makes it worth it and both ends keep up. Context: the core of the stack.
#pragma once

#include "net/demux.h"

#include "lwip/tcp.h"

// The most that all connections of a core have together beyond lwIP's sizes, so that peers who let
// them grow and then keep everything waiting cannot fill its memory.
#define NET_WINDOW_EXTRA_MAX (16 * 1024 * 1024)

struct net_window {
    uint32_t extra; // bytes beyond TCP_WND
    uint32_t from;  // sequence number and time that a window's worth is counted from
    uint64_t from_ns;
};

// lwIP's TCP_WND_MAX(): what the window is when the app has taken all.
static inline uint32_t net_window_most(const struct tcp_pcb *pcb)
{
    const struct net_window *window = pcb->ext_args[NET_EXT_ARG_WINDOW].data;
    return (pcb->flags & TF_WND_SCALE) == 0 ? LWIP_MIN(TCP_WND, 0xffff)
           : window == NULL                 ? TCP_WND
                                            : TCP_WND + window->extra;
}

// Several segments came, the last `now_bytes` bytes just now. May make the window larger.
void net_window_received(struct tcp_pcb *pcb, uint32_t now_bytes);

// Bytes written that are not acknowledged.
static inline uint32_t net_window_queued(const struct tcp_pcb *pcb)
{
    return pcb->snd_lbb - pcb->lastack;
}
// Makes room to write more than TCP_SND_BUF and the *extra bytes of before, if the app fills that
// and `useful` bytes may be on their way. Adds to *extra.
void net_window_grow_buffer(struct tcp_pcb *pcb, uint32_t *extra, uint32_t useful);
// Nothing is queued, or the connection is about to end: takes that room back.
void net_window_shrink_buffer(struct tcp_pcb *pcb, uint32_t *extra);

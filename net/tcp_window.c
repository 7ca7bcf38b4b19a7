// SPDX-License-Identifier: MIT
#include "net/tcp_window.h"

#include "kernel/heap.h"
#include "kernel/time.h"

// A window's worth that takes longer than this to come is not held up by the window.
#define SLOW_NS NS_PER_S

static PERCORE uint32_t extra_bytes; // of all connections

// Doubles what there is, as far as may be. Returns: by how much it grows.
static uint32_t take_extra(uint32_t size_bytes)
{
    uint32_t more = LWIP_MIN(size_bytes, NET_WINDOW_MAX - LWIP_MIN(size_bytes, NET_WINDOW_MAX));
    more = LWIP_MIN(more, NET_WINDOW_EXTRA_MAX - extra_bytes);
    extra_bytes += more;
    return more;
}

// ---- receiving ----------------------------------------------------------------------------------

static void destroyed(u8_t id, void *data)
{
    (void)id;
    struct net_window *window = data;
    extra_bytes -= window->extra;
    heap_free(window);
}
static const struct tcp_ext_arg_callbacks callbacks = {destroyed, NULL};

static struct net_window *begin(struct tcp_pcb *pcb)
{
    struct net_window *window = heap_alloc_zeroed(sizeof(*window));
    if (window == NULL)
        return NULL;
    window->from = pcb->rcv_nxt;
    window->from_ns = time_now_ns();
    tcp_ext_arg_set_callbacks(pcb, NET_EXT_ARG_WINDOW, &callbacks);
    tcp_ext_arg_set(pcb, NET_EXT_ARG_WINDOW, window);
    return window;
}

void net_window_received(struct tcp_pcb *pcb, uint32_t now_bytes)
{
    struct net_window *window = tcp_ext_arg_get(pcb, NET_EXT_ARG_WINDOW);
    if ((pcb->flags & TF_WND_SCALE) == 0 || (window == NULL && (window = begin(pcb)) == NULL))
        return;
    uint32_t most = net_window_most(pcb);
    if (pcb->rcv_nxt - window->from < most)
        return;
    uint64_t now_ns = time_now_ns();
    bool is_fast = now_ns - window->from_ns<SLOW_NS, keeps_up = pcb->rcv_wnd + now_bytes> most / 2;
    window->from = pcb->rcv_nxt;
    window->from_ns = now_ns;
    if (is_fast && keeps_up) {
        uint32_t more = take_extra(most);
        window->extra += more;
        pcb->rcv_wnd += more;
    }
}

// ---- sending ------------------------------------------------------------------------------------

void net_window_grow_buffer(struct tcp_pcb *pcb, uint32_t *extra, uint32_t useful)
{
    uint32_t size_bytes = TCP_SND_BUF + *extra;
    if (pcb->snd_buf >= size_bytes / 2 || useful < size_bytes - size_bytes / 8)
        return;
    uint32_t more = take_extra(size_bytes);
    *extra += more;
    pcb->snd_buf += more;
}

void net_window_shrink_buffer(struct tcp_pcb *pcb, uint32_t *extra)
{
    extra_bytes -= *extra;
    pcb->snd_buf -= LWIP_MIN(*extra, pcb->snd_buf);
    *extra = 0;
}

// SPDX-License-Identifier: MIT
#include "net/orphan.h"

#include "kernel/core.h"

#include "lwip/priv/tcp_priv.h"

#define POLL_INTERVAL (1000 / TCP_SLOW_INTERVAL) // between looks
#define TICKS(s)      ((s)*1000 / TCP_SLOW_INTERVAL)

static PERCORE struct net_orphan_stats stats;

// What was acknowledged when its time began, and when that was. lwIP keeps it as the argument of
// the callback.
struct mark {
    u32_t acknowledged, tick;
};
_Static_assert(sizeof(struct mark) == sizeof(void *), "it takes the place of a pointer");

static void begin_time(struct tcp_pcb *pcb)
{
    tcp_arg(pcb, (void *)((uintptr_t)tcp_ticks << 32 | pcb->lastack));
}

static struct mark mark_of(const void *argument)
{
    uintptr_t value = (uintptr_t)argument;
    return (struct mark){(u32_t)value, (u32_t)(value >> 32)};
}

// A peer whose window is closed takes a reset with the very number that it waits for, and lwIP
// counts the byte of its last probe. Spec: RFC 9293, 3.10.7.4.
static void reset(struct tcp_pcb *pcb)
{
    if (pcb->persist_backoff > 0)
        pcb->snd_nxt = pcb->lastack;
    tcp_abort(pcb);
}

static err_t watch(void *argument, struct tcp_pcb *pcb)
{
    struct mark mark = mark_of(argument);
    u32_t patience = stats.count > NET_ORPHANS_MAX ? TICKS(NET_ORPHAN_IMPATIENCE_S)
                                                   : TICKS(NET_ORPHAN_PATIENCE_S);
    if (pcb->lastack - mark.acknowledged >= NET_ORPHAN_BYTES_MIN) {
        begin_time(pcb);
    } else if (tcp_ticks - mark.tick > patience) {
        stats.dropped++;
        reset(pcb);
        return ERR_ABRT;
    }
    if (pcb->state != FIN_WAIT_2)
        pcb->tmr = tcp_ticks; // time in LAST-ACK begins anew; in FIN-WAIT-2 when it comes there
    return ERR_OK;
}

static bool is_active(const struct tcp_pcb *pcb)
{
    return pcb->state != CLOSED && pcb->state != LISTEN && pcb->state != TIME_WAIT;
}

bool net_orphan_is(const struct tcp_pcb *pcb)
{
    return pcb->poll == watch;
}

void net_orphan_make(struct tcp_pcb *pcb)
{
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    if (!net_orphan_is(pcb) && is_active(pcb))
        stats.count++;
    begin_time(pcb);
    tcp_poll(pcb, watch, POLL_INTERVAL);
}

err_t net_orphan_close(struct tcp_pcb *pcb)
{
    net_orphan_make(pcb);
    if (tcp_close(pcb) == ERR_OK)
        return ERR_OK;
    tcp_abort(pcb);
    return ERR_ABRT;
}

void net_orphan_reset(struct tcp_pcb *pcb)
{
    net_orphan_make(pcb);
    reset(pcb);
}

void net_orphan_left(const struct tcp_pcb *pcb)
{
    if (net_orphan_is(pcb))
        stats.count--;
}

struct net_orphan_stats net_orphan_stats_of(unsigned core)
{
    const typeof(stats) *of = core_local_of(core, &stats);
    return of == NULL ? (struct net_orphan_stats){0} : *of;
}

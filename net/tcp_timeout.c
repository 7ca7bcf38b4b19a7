// SPDX-License-Identifier: MIT
#include "net/tcp_timeout.h"

#include "net/tcp_recovery.h"

#include "lwip/priv/tcp_priv.h"

// In lwIP's ticks, as all that it times.
#define FIRST      (1000 / TCP_SLOW_INTERVAL)
#define AFTER_LOSS (3000 / TCP_SLOW_INTERVAL) // the handshake was not measured
#define SPREAD_MIN 3                          // where lwIP's own comes to rest

// lwIP keeps the round trip eight times, and four times its variance.
static void set(struct tcp_pcb *pcb, s16_t trip, s16_t spread)
{
    pcb->sa = (s16_t)(8 * trip);
    pcb->sv = spread;
    pcb->rto = (s16_t)(trip + spread);
}

void net_timeout_begin(struct tcp_pcb *pcb)
{
    set(pcb, 0, FIRST);
}

void net_timeout_established(struct tcp_pcb *pcb)
{
    s16_t trip = (s16_t)LWIP_MIN(tcp_ticks - pcb->rttest, FIRST);
    if (pcb->nrtx == 0) // not later, then
        set(pcb, trip, LWIP_MAX(2 * trip, SPREAD_MIN));
    else // which of those sent was answered is not known
        set(pcb, 0, AFTER_LOSS);
    pcb->rttest = 0; // else lwIP counts what passes until there are data
}

err_t net_timeout_prepare(struct tcp_pcb *pcb)
{
    if ((pcb->flags & NET_TF_RECOVERY) != 0)
        return ERR_VAL; // its timeouts are our own
    err_t error = tcp_rexmit_rto_prepare(pcb);
    if (error == ERR_OK && pcb->state == SYN_SENT)
        pcb->rto = (s16_t)(2 * pcb->rto); // that of others lwIP doubles itself
    return error;
}

err_t net_timeout_probe_window(struct tcp_pcb *pcb)
{
    u8_t sent = pcb->persist_probe;
    err_t error = tcp_zero_window_probe(pcb);
    if (error == ERR_MEM)
        pcb->persist_probe = sent; // it is tried again with the next tick
    return error;
}

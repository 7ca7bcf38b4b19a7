// SPDX-License-Identifier: MIT
#include "net/tcp_acknowledge.h"

// The peer's clock: it is told after so many segments, however long the batch.
#define SEGMENTS_MAX 16

PERCORE struct tcp_pcb *net_acknowledge_owed;
static PERCORE struct {
    uint32_t from;   // what it had received before
    bool is_due;     // whatever else was sent meanwhile
    uint32_t newest; // where the newest block begins
} owed;

void net_acknowledge_owed_now(void)
{
    struct tcp_pcb *pcb = net_acknowledge_owed;
    net_acknowledge_owed = NULL;
    if (owed.is_due || (pcb->flags & TF_ACK_DELAY) != 0)
        (void)tcp_send_empty_ack(pcb);
}

static void owe(struct tcp_pcb *pcb)
{
    if (net_acknowledge_owed == pcb)
        return;
    net_acknowledge_now();
    net_acknowledge_owed = pcb;
    owed.from = pcb->rcv_nxt;
    owed.is_due = false;
}

void net_acknowledge_soon(struct tcp_pcb *pcb)
{
    owe(pcb);
    if (pcb->rcv_nxt - owed.from >= (uint32_t)SEGMENTS_MAX * pcb->mss)
        net_acknowledge_now();
}

void net_acknowledge_out_of_order(struct tcp_pcb *pcb)
{
    if ((pcb->flags & TF_SACK) == 0) { // such a peer counts answers
        (void)tcp_send_empty_ack(pcb);
        return;
    }
    owe(pcb);
    owed.is_due = true;
    if (pcb->rcv_sacks[0].left == owed.newest)
        return;
    // At once: four blocks fit, so each is told of in several answers, some of which get lost.
    owed.newest = pcb->rcv_sacks[0].left;
    net_acknowledge_now();
}

void net_acknowledge_forget(const struct tcp_pcb *pcb)
{
    if (net_acknowledge_owed == pcb)
        net_acknowledge_owed = NULL;
}

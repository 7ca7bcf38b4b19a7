// SPDX-License-Identifier: MIT
// One acknowledgement for what a connection received in one batch of frames, where lwIP sends one
// for every second segment and for each behind a hole. Nothing waits: a batch is what the card had
// ready. Context: the core of the stack.
// Spec: RFC 9293 section 3.8.6.3, RFC 2018 section 4 (what an acknowledgement must report).
#pragma once

#include "kernel/compiler.h"

#include "lwip/priv/tcp_priv.h"

// Data came in order, and its acknowledgement is not to wait for more: TF_ACK_DELAY is set, so data
// that is sent meanwhile carries it.
void net_acknowledge_soon(struct tcp_pcb *pcb);
// A segment came that is answered in any case: at once, if the first block to be reported is
// another one than in the last answer. In place of lwIP's tcp_send_empty_ack().
void net_acknowledge_out_of_order(struct tcp_pcb *pcb);
// The batch is at its end.
extern PERCORE struct tcp_pcb *net_acknowledge_owed; // NULL: nothing is
void net_acknowledge_owed_now(void);
static inline void net_acknowledge_now(void)
{
    if (net_acknowledge_owed != NULL)
        net_acknowledge_owed_now();
}
// The connection is about to be freed.
void net_acknowledge_forget(const struct tcp_pcb *pcb);

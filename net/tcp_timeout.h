// SPDX-License-Identifier: MIT
// What lwIP's retransmission timeout of a connection starts from. lwIP begins with 3 s and comes
// down over many round trips; here it is 1 s, and what the handshake took decides from then on.
// net/hooks.h puts these functions into lwIP. Context: the core of the stack.
// Spec: RFC 6298 sections 2 and 5.
#pragma once

#include "lwip/tcp.h"

// A connection came to be; nothing was sent yet.
void net_timeout_begin(struct tcp_pcb *pcb);
// The peer has answered the SYN that was sent.
void net_timeout_established(struct tcp_pcb *pcb);
// In place of tcp_rexmit_rto_prepare(): the timeout has passed.
err_t net_timeout_prepare(struct tcp_pcb *pcb);
// In place of tcp_zero_window_probe(), for a peer whose window is closed. lwIP ends a connection
// after so many probes that were not answered, and counts those that never left for want of room.
err_t net_timeout_probe_window(struct tcp_pcb *pcb);

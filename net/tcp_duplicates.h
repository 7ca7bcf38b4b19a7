// SPDX-License-Identifier: MIT
// Segments that came before: the peer is told so, selectively, and learns that what it sent again
// was only late, not lost. Context: the core of the stack.
// Spec: RFC 2883.
#pragma once

#include "lwip/priv/tcp_priv.h"

// Reports these bytes as come before, behind them what is reported anyway.
// Returns: whether there was memory.
bool net_duplicate_report(struct tcp_pcb *pcb, uint32_t start, uint32_t end);

// A segment came that is not the next one. lwIP's hook before it looks at it.
// Returns: whether it was nothing but a duplicate, and is answered.
bool net_duplicate_answer(struct tcp_pcb *pcb, const struct tcp_hdr *header, uint32_t data_bytes);

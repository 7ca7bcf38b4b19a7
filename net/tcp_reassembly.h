// SPDX-License-Identifier: MIT
// Segments that wait behind a hole. lwIP keeps each by itself and walks over all that wait for each
// one that comes; here one that continues another is joined to it, so that the walk is as long as
// there are holes. All else is lwIP's. Context: the core of the stack.
#pragma once

#include "lwip/priv/tcp_priv.h"

// A segment without options came that is not the next one. lwIP's hook before it looks at it.
// Returns: whether it was joined, and the packet with it, or was a duplicate of what waits; it is
// acknowledged then.
bool net_reassembly_take(struct tcp_pcb *pcb, const struct tcp_hdr *header, struct pbuf *packet);

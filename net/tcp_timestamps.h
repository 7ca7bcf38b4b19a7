// SPDX-License-Identifier: MIT
// Time stamps on TCP's segments, by option, on connections whose peer has them, too: lwIP sends
// them and gives back the peer's, which measures its round trips by them and knows old segments.
// net/hooks.h puts these into lwIP. Spec: RFC 7323.
#pragma once

#include "lwip/priv/tcp_priv.h"

// What lwIP sets on a connection that has them, and on its segments; 0 without the option.
// Read-only once net_start() has begun.
extern u16_t net_timestamps_on_connection;
extern u8_t net_timestamps_on_segment;

#define NET_SEGMENT_OPTIONS                                                                        \
    (TF_SEG_OPTS_MSS | TF_SEG_OPTS_TS | TF_SEG_OPTS_WND_SCALE | TF_SEG_OPTS_SACK_PERM)
// How long the options of a segment with such flags are: as lwIP says, but most have none.
static inline u8_t net_timestamps_options_bytes(u8_t flags)
{
    return (flags & NET_SEGMENT_OPTIONS) == 0 ? 0 : LWIP_TCP_OPT_LENGTH(flags);
}

// Context: core 0, before there are connections.
void net_timestamps_start(void);

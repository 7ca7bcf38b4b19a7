// SPDX-License-Identifier: MIT
// CUBIC: how large a connection's congestion window may become after a loss, by the time since it
// and where the window was then, so that long round trips are no handicap. Numbers only: nothing of
// lwIP, no clock of its own. Windows are in bytes, times in microseconds and may wrap.
// Spec: RFC 9438.
#pragma once

#include "kernel/compiler.h"

struct net_cubic {
    bool has_begun;     // there was an acknowledgement since the last loss
    uint32_t begun_us;  // when that was
    uint32_t plateau;   // W_max: the window where the last loss was, or somewhat below
    uint32_t rise_ms;   // K: until the plateau is reached again
    uint32_t reno;      // W_est: the window that Reno would have by now
    uint32_t reno_part; // bytes acknowledged that have not made it grow yet
    uint32_t before;    // the window before the last loss
};

// Something was lost with a window of `window`. Returns: what it becomes, two segments at least.
uint32_t net_cubic_lost(struct net_cubic *cubic, uint32_t window, uint32_t segment_bytes);
// `acknowledged` bytes arrived beyond slow start. Returns: the window, grown by half at most.
uint32_t net_cubic_acknowledged(struct net_cubic *cubic, uint32_t window, uint32_t acknowledged,
                                uint32_t now_us, uint32_t round_trip_us, uint32_t segment_bytes);

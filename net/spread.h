// SPDX-License-Identifier: MIT
// Which cores have a network, and in which order. Core 0 alone until net_spread(); read-only after
// it.
#pragma once

#include "kernel/core.h"
#include "net/interface.h"
#include "net/net_core.h"
#include "net/steer.h"

extern unsigned net_spread_count;                           // cores that have a network
extern struct net_steer_map net_spread_maps[NET_CARDS_MAX]; // the same count, each card's pairs
extern PERCORE unsigned net_position;                       // this core's

// The core at a position.
unsigned net_spread_core(unsigned position);
// Tells the other cores what core 0 learned of the network. Context: core 0.
void net_spread_config(void);

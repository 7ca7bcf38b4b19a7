// SPDX-License-Identifier: MIT
#pragma once

// Adds what the network counted to the table of kernel/counters.h. Context: core 0 while booting.
void net_counters_start(void);

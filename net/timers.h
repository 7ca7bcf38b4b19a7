// SPDX-License-Identifier: MIT
// lwIP's own clocks, driven from one timer of the core that is armed for the earliest of those that
// have something to do: an idle machine wakes once a second, one without connections never for TCP.
// Context: the core of the stack.
#pragma once

// Starts the clocks. Called once, after lwip_init().
void net_timers_start(void);

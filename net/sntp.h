// SPDX-License-Identifier: MIT
// The date from a time server: option `ntp`. A thread of core 0 asks, sets the clock of all cores,
// and sleeps until it asks again. Spec: RFC 4330.
#pragma once

// Does nothing without the option. Context: a thread of core 0, once, after net_start().
void net_sntp_start(void);

// SPDX-License-Identifier: MIT
// The time server that DHCP names (option 42). Core 0 hears of it; any may ask.
#pragma once

#include "kernel/compiler.h"

#include "lwip/ip_addr.h"

// Returns: false if there is none.
bool net_ntp_server(ip_addr_t *server);

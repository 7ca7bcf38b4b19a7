// SPDX-License-Identifier: MIT
// The time servers that DHCP names (option 42). Core 0 hears of them; any may ask.
#pragma once

#include "kernel/compiler.h"

#include "lwip/ip_addr.h"

// The one of the first card where one is named, or of this card. Returns: false if there is none.
bool net_ntp_server(ip_addr_t *server);
bool net_ntp_server_of(unsigned card, ip_addr_t *server);

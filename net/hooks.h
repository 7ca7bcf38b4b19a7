// SPDX-License-Identifier: MIT
// Functions that lwIP calls in place of its own.
#pragma once

#include "lwip/ip_addr.h"

// The number a new connection starts counting its bytes at: one nobody outside can guess, that
// grows with time for the same two ends. Spec: RFC 6528 section 3.
u32_t net_initial_sequence_number(const ip_addr_t *local_address, u16_t local_port,
                                  const ip_addr_t *remote_address, u16_t remote_port);

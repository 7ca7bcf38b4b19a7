// SPDX-License-Identifier: MIT
// Sends datagrams; those by IPv4 that nearly all are, by a short way.
#pragma once

#include "lwip/udp.h"

// Sends a copy of the data as lwIP's udp_sendto() does, which is asked for all but what goes in one
// packet, to one host, from whatever address the interface has, by a device that makes checksums.
// Returns: what udp_sendto() does, or ERR_MEM. Spec: RFC 768, RFC 791.
err_t net_udp_send(struct udp_pcb *pcb, const void *data, u16_t size_bytes, const ip_addr_t *to,
                   u16_t port);

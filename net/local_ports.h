// SPDX-License-Identifier: MIT
// The local ports of connections and datagrams that begin here: each core has a range of its own,
// so that the port alone says whose an answer is.
#pragma once

#include "kernel/compiler.h"

struct tcp_pcb;
struct udp_pcb;

// This core's range from now on; all of them, until it is called.
void net_local_ports_set(uint16_t first, uint16_t last);

// Gives a connection that is to be opened from this core a local port whose answers come back to
// this core, one that nobody can guess. Before tcp_connect(). Returns: ERR_OK, or ERR_USE when
// there is none left, which the log says, once in 10 seconds; those of connections that ended come
// back within two minutes. Spec: RFC 6056, 3.3.1.
signed char net_bind_own_port(struct tcp_pcb *pcb) MUST_CHECK;
// The same for datagrams.
signed char net_bind_own_udp_port(struct udp_pcb *pcb) MUST_CHECK;

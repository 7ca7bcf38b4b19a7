// SPDX-License-Identifier: MIT
// Errors that this machine answers packets with by ICMP and ICMPv6: ten a second from each core,
// and about as many at once. What is beyond is not sent. lwIP calls these functions in place of its
// own; answers to pings are not among them. Context: the core of the stack.
// Spec: RFC 4443 section 2.4, RFC 1812 section 4.3.2.8.
#pragma once

#include "kernel/compiler.h"

// How many a core has not sent for this. Context: any core; what another one counts may be a moment
// old.
uint64_t net_icmp_errors_withheld_of(unsigned core);

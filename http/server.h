// SPDX-License-Identifier: MIT
// HTTP on TCP: connections of this core, their time limits, and how many there may be.
// Context: a thread of a core whose network was started; all else happens in that core's loop.
#pragma once

#include "kernel/compiler.h"

#define HTTP_CONNECTIONS_DEFAULT 1024

// Listens on `port` of every address of this core, for good. More connections than
// `connections_max` end the oldest idle one; if none is idle, the new one is answered 503.
// Returns: 0, -ENOMEM, or -EADDRINUSE.
int http_server_start(uint16_t port, unsigned connections_max) MUST_CHECK;

// Listens no more on this core and ends its connections: at once those that are idle, the others
// with the answer that is under way, or the next one. Context: also the core's loop.
void http_server_stop(void);
// After that: closes what is done. Returns: how many answers of this core are still under way, the
// last of their bytes not acknowledged.
unsigned http_server_left(void);

// SPDX-License-Identifier: MIT
// HTTPS: the server of http/server.h with TLS between it and TCP.
#pragma once

#include "http/server.h"
#include "tls/context.h"

// As http_server_start(), for clients that speak TLS. Who finds no room is not told 503, but
// dropped.
int http_server_start_secure(uint16_t port, unsigned connections_max,
                             struct tls_context *context) MUST_CHECK;

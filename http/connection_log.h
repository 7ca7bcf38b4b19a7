// SPDX-License-Identifier: MIT
// What a connection tells the access log of a request. For http/connection.c.
#pragma once

#include "http/resources.h"
#include "kernel/compiler.h"

struct http_connection;

// `body_bytes`: of what follows the response. Context: the access log is on.
void http_connection_log(struct http_connection *connection, const struct http_response *response,
                         uint64_t body_bytes);

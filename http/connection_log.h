// SPDX-License-Identifier: MIT
// What a connection tells the access log of a request.
#pragma once

#include "http/resources.h"
#include "kernel/compiler.h"

struct http_connection;

// Writes who a connection is with, HTTP_CLIENT_BYTES at most, for the access log. The owner's, set
// before the first connection; NULL: not known.
extern void (*http_client_name)(const struct http_connection *connection, char *text);

// `body_bytes`: of what follows the response. Context: the access log is on.
void http_connection_log(struct http_connection *connection, const struct http_response *response,
                         uint64_t body_bytes);
// For a body that is made while it is sent: its size is known at its end. Takes over the fields of
// the request that is answered. Context: the same.
void http_connection_log_later(struct http_connection *connection,
                               const struct http_response *response);
// The body has ended, or the connection before it did: a line that waits for that is written.
void http_connection_log_end(struct http_connection *connection);

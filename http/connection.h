// SPDX-License-Identifier: MIT
// One HTTP/1.x connection as a state machine without a thread: bytes in, responses out, in order.
// It knows nothing of TCP: the owner hands it what came in, takes what goes out through `write`,
// keeps the time, and closes.
// Spec: RFC 9110 (semantics), RFC 9112 (HTTP/1.1).
#pragma once

#include "http/connection_state.h"
#include "kernel/compiler.h"

// `wake` is only called if there are routes.
void http_connection_start(struct http_connection *connection, http_write_fn write,
                           http_wake_fn wake);
// Frees what it holds, in whatever state it is.
void http_connection_release(struct http_connection *connection);

// Reads bytes that came in and answers the requests in them. `data` is not needed afterwards.
// Returns: how many bytes it read. Fewer than `size_bytes`: a response waits for room; hand in the
// rest after http_connection_resume().
size_t http_connection_receive(struct http_connection *connection, const char *data,
                               size_t size_bytes) MUST_CHECK;
// Goes on writing: there is room again.
void http_connection_resume(struct http_connection *connection);
// Answers with an error and ends: 408 for a request that takes too long, 503 for one too many.
void http_connection_refuse(struct http_connection *connection, unsigned status);
// The next request that is answered, or the one that a handler has, is the last one.
void http_connection_finish(struct http_connection *connection);

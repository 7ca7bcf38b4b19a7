// SPDX-License-Identifier: MIT
// What a connection writes: the pieces of a response, and what is made or read while they are sent.
#pragma once

#include "http/resources.h"
#include "kernel/compiler.h"

struct http_connection;

// Queues some bytes; there is room for three pieces. `lasting`: they stay where they are for good.
void http_output_add(struct http_connection *connection, const char *data, size_t size_bytes,
                     bool lasting);
// Queues a response.
void http_output_queue(struct http_connection *connection, const struct http_response *response,
                       bool keep_alive);
// Writes of what is queued as much as there is room for.
void http_output_start(struct http_connection *connection);
// The same behind `taken` bytes of it, which are written already.
void http_output_from(struct http_connection *connection, size_t taken);
// Goes on: there is room again.
void http_output_continue(struct http_connection *connection);
// What was written is needed no more.
void http_output_release(struct http_connection *connection);

// SPDX-License-Identifier: MIT
// What a connection does with the bytes that come in: llhttp cuts them, and its callbacks, here,
// find what each request is about, keep what is needed of it, and check it. It pauses behind each
// request that is whole.
#pragma once

#include "kernel/compiler.h"

#define HTTP_READING_METHODS (1ull << HTTP_GET | 1ull << HTTP_HEAD)

struct http_connection;

// Makes the connection's parser ready for a first request.
void http_parser_start(struct http_connection *connection);
// The input ends at `end`, within a request: text that is borrowed from it is kept.
// Returns: 0, or the status that the request is refused with.
unsigned http_parser_input_ends(struct http_connection *connection, const char *end) MUST_CHECK;
// Returns: the status that a request is refused with at which the parser stopped.
unsigned http_parser_refusal(const struct http_connection *connection, const char *end);

// SPDX-License-Identifier: MIT
// A request that has a route (http/route.h): what of it is kept, from its target's end to its
// answer. What handlers may know of it is in http/http.h.
#pragma once

#include "http/fields.h"
#include "http/http.h"
#include "kernel/compiler.h"

// Of bodies that are kept whole, on one core; further ones are refused with 503.
#define HTTP_BODIES_BYTES_MAX (16u << 20)

struct http_connection;

struct http_request {
    struct http_connection *connection; // NULL: the client is gone
    const struct http_route *route;
    const char *method;
    bool seen;   // accept() or receive() knows it
    bool handed; // handle() has it: it ends when it is answered
    struct http_fields fields;
    struct http_known_fields *known; // heap; NULL: none
    char *body;                      // heap; a NUL follows what is in use
    size_t body_bytes, body_capacity;
    size_t body_expected; // by content-length; 0: not known
    void *state;
};

// The request's header section is complete. Returns: 0, or the status that it is refused with.
unsigned http_request_accept(struct http_request *request);
// A piece of its body. Returns: as above.
unsigned http_request_receive(struct http_request *request, const char *data, size_t size_bytes);
// Hands it to its handler, which owns it from here on.
// Returns: 0, or the status that it is to be answered with instead.
unsigned http_request_handle(struct http_request *request) MUST_CHECK;
// Context: it was answered, or never had a connection.
void http_request_free(struct http_request *request);
// The connection's request, if it has one, goes to no handler, or its answer nowhere. Frees it,
// unless its handler has it.
void http_request_leave(struct http_connection *connection);

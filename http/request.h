// SPDX-License-Identifier: MIT
// A request that has a route: what of it is kept, from its target's end to its answer. What
// handlers may know of it is in http/http.h.
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

// Finds the route of a target, as sent. Returns: 0 with the request in *request, NULL if there is
// none; its connection is for the caller to set. -EINVAL for a target that cannot be read, -ENOMEM.
// *allowed: a bit for each llhttp_method_t that a route of this path has.
int http_route_find(unsigned method, const char *target, size_t length,
                    struct http_request **request, uint64_t *allowed) MUST_CHECK;

// The request's header section is complete. Returns: 0, or the status that it is refused with.
unsigned http_request_accept(struct http_request *request);
// A piece of its body. Returns: as above.
unsigned http_request_receive(struct http_request *request, const char *data, size_t size_bytes);
// Hands it to its handler, which owns it from here on.
void http_request_handle(struct http_request *request);
// Context: it was answered, or never had a connection.
void http_request_free(struct http_request *request);
// Its connection is gone, or refused it. Frees it, unless its handler has it.
void http_request_leave(struct http_request *request);

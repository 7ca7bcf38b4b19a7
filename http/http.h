// SPDX-License-Identifier: MIT
// A service in a few lines: handlers by method and path. apps/service is a whole one.
//
// A path of a route is made of literal segments, ":name" for one segment that is not empty, and
// "*name" at the end for all the rest. What was sent is percent-decoded segment by segment, so %2F
// is no separator, and %00 is a byte like any other. Of several routes that fit, the first counts;
// files and pages of a path come before them. The server answers what fits none (404, 405 with
// Allow) and HEAD where there is GET; a body that is too large is refused (413) before it is sent,
// if the client asks (Expect: 100-continue).
//
// Context: handlers run in the loop of the core that has the connection, so they must not block,
// unless their route says `in_thread`. A handler answers its request exactly once, at once or
// later, from the loop or a thread of the same core; until then nothing more is read of that
// connection. A request is valid until it is answered, also if its client goes away meanwhile.
#pragma once

#include "kernel/compiler.h"

struct http_request;

typedef void http_handler_fn(struct http_request *request);

#define HTTP_BODY_BYTES_DEFAULT 65536
#define HTTP_BODY_BYTES_LIMIT   (1u << 30)

struct http_route {
    const char *method;      // GET answers HEAD as well
    const char *path;        // begins with '/'
    size_t body_bytes_max;   // a larger body is 413; 0: none at all
    http_handler_fn *handle; // the whole request has arrived
    bool in_thread;          // in a thread of its own, which may block
    // Looks at a request before its body is read. Returns: 0, or the status that it is refused
    // with.
    unsigned (*accept)(struct http_request *request);
    // Takes the body in pieces as they arrive; http_body() has nothing then. Returns as above.
    unsigned (*receive)(struct http_request *request, const char *data, size_t size_bytes);
    // A request that accept() or receive() saw ends without handle(). It must not be answered.
    void (*abandon)(struct http_request *request);
};

// Adds a route, for good. Its strings are kept. Context: before the server starts.
void http_route_add(const struct http_route *route);
// The same for a handler that needs nothing but the whole request, body included.
void http_route(const char *method, const char *path, http_handler_fn *handle);

// ---- the request --------------------------------------------------------------------------------
// Owns: what is returned belongs to the request. Texts end with a NUL, which does not count in
// their length; `length` may be NULL.

const char *http_method(const struct http_request *request);
// What stood in place of ":name" or "*name" of the route's path. Returns: never NULL.
const char *http_parameter(const struct http_request *request, const char *name, size_t *length);
// A value of the query, decoded ('+' is a blank). Returns: the first one, or NULL.
const char *http_query(const struct http_request *request, const char *name, size_t *length);
// A header field's value; names in any case. Returns: the first one, or NULL.
const char *http_header(const struct http_request *request, const char *name, size_t *length);
// The whole body; "" if there is none.
const char *http_body(const struct http_request *request, size_t *size_bytes);
// The same, and it belongs to the caller, who frees it. Returns: NULL if there is none.
char *http_body_take(struct http_request *request, size_t *size_bytes) MUST_CHECK;
// Judges the conditions that a request came with (If-Match, If-None-Match), which are about what it
// would answer or replace. `etag`: of what is there, quoted; NULL: nothing is.
// Context: any core, while the request waits for its answer.
// Returns: 0, or the status to answer with: 304 or 412. Spec: RFC 9110, 13.2.2.
unsigned http_conditions(const struct http_request *request, const char *etag);
// A pointer of the handler's own; NULL at first.
void **http_state(struct http_request *request);
// false once the client is gone: what is answered then goes nowhere, but must be.
bool http_is_wanted(const struct http_request *request);

// ---- the answer ---------------------------------------------------------------------------------

struct http_answer {
    unsigned status;          // 200 to 599; 204 and 304 have no body, whatever stands below
    const char *content_type; // NULL: none
    const char *fields;       // further header lines, each with its "\r\n"; NULL: none
    const char *body;
    size_t body_bytes;
    // What becomes of the body. It is copied, unless it stays where it is for good, or somebody
    // wants to be told, by release(context), that it is needed no more.
    bool lasting;
    void (*release)(void *context);
    // Or the body is made while it is sent: fills a buffer whenever there is room for more, in the
    // core's loop. Returns: how many bytes, 0 at the end. `release`, if any, follows in any case.
    size_t (*produce)(void *context, char *buffer, size_t size_bytes);
    void *context;
};

// Answers; the request is gone afterwards.
void http_answer(struct http_request *request, const struct http_answer *answer);
// With nothing but a status: the server's page for it.
void http_answer_status(struct http_request *request, unsigned status);
// With formatted text, UTF-8.
void http_answer_format(struct http_request *request, unsigned status, const char *format, ...)
    PRINTF_LIKE(3, 4);

// SPDX-License-Identifier: MIT
#include "http/request.h"

#include <string.h>

#include "http/conditions.h"
#include "http/connection_state.h"
#include "http/known_fields.h"
#include "kernel/heap.h"
#include "kernel/panic.h"
#include "kernel/thread.h"

#define BODY_BYTES_FIRST 4096 // what is allocated for a body at first, more as it arrives

static PERCORE size_t bodies_bytes;

// ---- its life -----------------------------------------------------------------------------------

static void body_free(struct http_request *request)
{
    heap_free(request->body);
    bodies_bytes -= request->body_capacity;
    request->body = NULL;
    request->body_bytes = request->body_capacity = 0;
}

void http_request_free(struct http_request *request)
{
    body_free(request);
    http_fields_free(&request->fields);
    heap_free(request->known);
    heap_free(request);
}

void http_request_leave(struct http_connection *connection)
{
    struct http_request *request = connection->request;
    connection->request = NULL;
    connection->waits = false;
    if (!request)
        return;
    request->connection = NULL;
    if (request->handed)
        return;
    if (request->seen && request->route->abandon)
        request->route->abandon(request);
    http_request_free(request);
}

unsigned http_request_accept(struct http_request *request)
{
    if (request->fields.failed)
        return 503;
    request->seen = true;
    return request->route->accept ? request->route->accept(request) : 0;
}

// Makes room for the body and a NUL after it.
static bool body_reserve(struct http_request *request, size_t size_bytes)
{
    if (size_bytes <= request->body_capacity)
        return true;
    size_t capacity = request->body_capacity ? 2 * request->body_capacity : BODY_BYTES_FIRST;
    if (capacity < size_bytes)
        capacity = size_bytes;
    if (request->body_expected >= size_bytes && capacity > request->body_expected)
        capacity = request->body_expected;
    size_t added = capacity - request->body_capacity;
    char *block = added <= HTTP_BODIES_BYTES_MAX - bodies_bytes ? heap_alloc(capacity + 1) : NULL;
    if (!block)
        return false;
    if (request->body)
        memcpy(block, request->body, request->body_bytes);
    heap_free(request->body);
    request->body = block;
    request->body_capacity = capacity;
    bodies_bytes += added;
    return true;
}

unsigned http_request_receive(struct http_request *request, const char *data, size_t size_bytes)
{
    if (request->route->receive)
        return request->route->receive(request, data, size_bytes);
    if (!body_reserve(request, request->body_bytes + size_bytes))
        return 503;
    memcpy(request->body + request->body_bytes, data, size_bytes);
    request->body_bytes += size_bytes;
    request->body[request->body_bytes] = '\0';
    return 0;
}

static void thread_main(void *argument)
{
    struct http_request *request = argument;
    request->route->handle(request);
}

unsigned http_request_handle(struct http_request *request)
{
    request->handed = true;
    if (request->route->in_thread)
        return thread_create("http handler", thread_main, request) ? 0 : 503;
    request->route->handle(request);
    return 0;
}

// ---- what handlers ask --------------------------------------------------------------------------

const char *http_method(const struct http_request *request)
{
    return request->method;
}

const char *http_parameter(const struct http_request *request, const char *name, size_t *length)
{
    const char *value = http_fields_find(&request->fields, HTTP_IN_PATH, name, length);
    if (!value)
        panic("http: route %s has no parameter: %s", request->route->path, name);
    return value;
}

const char *http_query(const struct http_request *request, const char *name, size_t *length)
{
    return http_fields_find(&request->fields, HTTP_IN_QUERY, name, length);
}

const char *http_header(const struct http_request *request, const char *name, size_t *length)
{
    return http_fields_find(&request->fields, HTTP_IN_HEADER, name, length);
}

const char *http_body(const struct http_request *request, size_t *size_bytes)
{
    if (size_bytes)
        *size_bytes = request->body_bytes;
    return request->body ? request->body : "";
}

char *http_body_take(struct http_request *request, size_t *size_bytes)
{
    char *body = request->body;
    size_t used = *size_bytes = request->body_bytes;
    // What grew by doubling is not kept for long.
    char *exact = body && request->body_capacity - used > used / 8 ? heap_alloc(used + 1) : NULL;
    if (exact) {
        memcpy(exact, body, used + 1);
    } else {
        exact = body;
        request->body = NULL;
    }
    body_free(request);
    return exact;
}

unsigned http_conditions(const struct http_request *request, const char *etag)
{
    const struct http_validators current = {etag, 0};
    bool is_read = strcmp(request->method, "GET") == 0;
    if (!etag) // "*" means anything that is there
        return http_known_fields_get(request->known, HTTP_FIELD_IF_MATCH).at ? 412 : 0;
    switch (http_conditions_judge(request->known, &current, is_read)) {
    case HTTP_NOT_MODIFIED:
        return 304;
    case HTTP_PRECONDITION_FAILED:
        return 412;
    default:
        return 0;
    }
}

void **http_state(struct http_request *request)
{
    return &request->state;
}

bool http_is_wanted(const struct http_request *request)
{
    return request->connection != NULL;
}

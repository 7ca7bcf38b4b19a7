// SPDX-License-Identifier: MIT
#include "http/connection_log.h"

#include "http/access_log.h"
#include "http/connection_state.h"
#include "http/request.h"
#include "kernel/heap.h"

void (*http_client_name)(const struct http_connection *connection, char *text);

// What is known before the body is.
static struct http_access access_of(const struct http_connection *connection,
                                    const struct http_response *response)
{
    const llhttp_t *parser = &connection->parser;
    const struct http_known_fields *fields = connection->fields;
    if (!fields && connection->request) // its handler has them
        fields = connection->request->known;
    struct http_slice target = http_known_fields_get(fields, HTTP_FIELD_TARGET);
    struct http_access access = {
        .client = "-",
        .method = target.at ? llhttp_method_name((llhttp_method_t)parser->method) : NULL,
        .target = target,
        .major = parser->http_major,
        .minor = parser->http_minor,
        .status = response->status,
        .referer = http_known_fields_get(fields, HTTP_FIELD_REFERER),
        .user_agent = http_known_fields_get(fields, HTTP_FIELD_USER_AGENT),
    };
    if (http_client_name)
        http_client_name(connection, access.client);
    return access;
}

void http_connection_log(struct http_connection *connection, const struct http_response *response,
                         uint64_t body_bytes)
{
    struct http_access access = access_of(connection, response);
    access.body_bytes = response->total_bytes - response->head_bytes + body_bytes;
    for (unsigned i = 0; connection->rest && i < connection->rest->count; i++)
        access.body_bytes += connection->rest->pieces[i].left;
    if (connection->head_only)
        access.body_bytes = 0;
    http_access_log_write(&access);
}

void http_connection_log_later(struct http_connection *connection,
                               const struct http_response *response)
{
    struct http_access *access = heap_alloc(sizeof(*access));
    if (!access) {
        http_connection_log(connection, response, 0); // better than no line
        return;
    }
    *access = access_of(connection, response);
    connection->unlogged = access;
    connection->fields = connection->request->known; // the line's texts are in there
    connection->request->known = NULL;
}

void http_connection_log_end(struct http_connection *connection)
{
    struct http_access *access = connection->unlogged;
    if (!access)
        return;
    connection->unlogged = NULL;
    access->body_bytes = connection->rest->made_bytes;
    http_access_log_write(access);
    heap_free(access);
    http_known_fields_drop(&connection->fields);
}

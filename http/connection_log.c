// SPDX-License-Identifier: MIT
#include "http/connection_log.h"

#include "http/connection.h"

void (*http_client_name)(const struct http_connection *connection, char *text);

void http_connection_log(struct http_connection *connection, const struct http_response *response,
                         uint64_t body_bytes)
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
        .body_bytes = response->total_bytes - response->head_bytes + body_bytes,
        .referer = http_known_fields_get(fields, HTTP_FIELD_REFERER),
        .user_agent = http_known_fields_get(fields, HTTP_FIELD_USER_AGENT),
    };
    for (unsigned i = 0; connection->rest && i < connection->rest->count; i++)
        access.body_bytes += connection->rest->pieces[i].left;
    if (connection->head_only)
        access.body_bytes = 0;
    if (http_client_name)
        http_client_name(connection, access.client);
    http_access_log_write(&access);
}

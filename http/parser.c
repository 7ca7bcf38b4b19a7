// SPDX-License-Identifier: MIT
#include "http/parser.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "http/access_log.h"
#include "http/connection_state.h"
#include "http/hosts.h"
#include "http/request.h"
#include "http/route.h"
#include "http/target.h"
#include "kernel/heap.h"

// What the parser's callbacks return to stop it; `refusal` then says why.
#define STOP (-1)

// ---- the request's text -------------------------------------------------------------------------

static int refuse(struct http_connection *connection, unsigned status)
{
    connection->refusal = status;
    return STOP;
}

// Moves collected text into a block of its own, because the input goes away or has a gap.
static bool text_keep(struct http_connection *connection, size_t more_bytes)
{
    size_t needed = connection->text_length + more_bytes;
    if (needed > connection->text_capacity) {
        size_t capacity = connection->text_capacity ? connection->text_capacity : 256;
        while (capacity < needed)
            capacity *= 2;
        char *block = heap_alloc(capacity);
        if (!block)
            return false;
        memcpy(block, connection->text, connection->text_length);
        heap_free(connection->text_block);
        connection->text_block = block;
        connection->text_capacity = (uint32_t)capacity;
    } else if (connection->text != connection->text_block) {
        memcpy(connection->text_block, connection->text, connection->text_length);
    }
    connection->text = connection->text_block;
    return true;
}

static int text_add(struct http_connection *connection, const char *at, size_t length)
{
    if (connection->text_length == 0) {
        connection->text = at;
    } else if (connection->text + connection->text_length != at ||
               connection->text == connection->text_block) {
        if (!text_keep(connection, length))
            return refuse(connection, 503);
        memcpy(connection->text_block + connection->text_length, at, length);
    }
    connection->text_length += (uint32_t)length;
    return 0;
}

static void text_drop(struct http_connection *connection)
{
    connection->text = NULL;
    connection->text_length = 0;
}

// Adds the bytes read up to `at` to the request's size and checks it. Every byte counts, also the
// white space and chunk framing that no callback hands out.
static int request_measure(struct http_connection *connection, const char *at)
{
    if (!connection->mark)
        return 0;
    connection->request_bytes += (uint32_t)(at - connection->mark);
    connection->mark = at;
    if (!connection->in_body && connection->request_bytes > HTTP_HEAD_BYTES_MAX)
        return refuse(connection, 431);
    // a body in small chunks is mostly framing: twice its limit allows for some
    if (connection->in_body &&
        connection->request_bytes > HTTP_HEAD_BYTES_MAX + 2 * connection->body_bytes_max)
        return refuse(connection, 413);
    return 0;
}

// A header value that goes on in a further line is refused: others may read it differently, and the
// parser would not tell. Between a header's name and its value, or two pieces of the value, no line
// ends. Spec: RFC 9112, 5.2.
static void gap_begin(struct http_connection *connection, const char *at)
{
    connection->gap = at;
    connection->in_gap = true;
    connection->gap_has_newline = false;
}

static void gap_look(struct http_connection *connection, const char *end)
{
    if (connection->in_gap && connection->gap < end &&
        memchr(connection->gap, '\n', (size_t)(end - connection->gap)))
        connection->gap_has_newline = true;
}

// ---- what the parser found ----------------------------------------------------------------------

static int on_message_begin(llhttp_t *parser)
{
    struct http_connection *connection = parser->data;
    connection->resource = NULL;
    connection->allowed = 0;
    text_drop(connection);
    connection->mark = NULL;
    connection->request_bytes = 0;
    connection->body_bytes = 0;
    connection->field_count = 0;
    connection->name_length = 0;
    connection->measured = connection->in_body = connection->host_seen = false;
    connection->head_only = false;
    connection->expects_continue = connection->coding_unknown = false;
    http_known_fields_drop(&connection->fields);
    connection->begun = true;
    connection->in_gap = false;
    parser->http_minor = 1; // what an error before the version is answered with
    return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t length)
{
    struct http_connection *connection = parser->data;
    if (connection->text_length + length > HTTP_TARGET_BYTES_MAX)
        return refuse(connection, 414);
    connection->mark = at + length; // the header section is counted from here
    connection->measured = true;
    return text_add(connection, at, length);
}

// Returns: 0, or -EINVAL for a target that names no path.
static int resource_search(struct http_connection *connection)
{
    char path[HTTP_TARGET_BYTES_MAX];
    int length = http_target_path(connection->text, connection->text_length, path);
    if (length < 0)
        return length;
    connection->resource = http_find(path, (size_t)length);
    return 0;
}

// What a file's path cannot be, a route's parameter may: `error` only counts where no route fits.
static int route_search(struct http_connection *connection, int error)
{
    int failed =
        http_route_find(connection->parser.method, connection->text, connection->text_length,
                        &connection->request, &connection->allowed);
    if (failed)
        return failed;
    if (connection->request) {
        connection->request->connection = connection;
        connection->resource = NULL;
    }
    return connection->allowed || connection->request ? 0 : error;
}

static int on_url_complete(llhttp_t *parser)
{
    struct http_connection *connection = parser->data;
    connection->head_only = parser->method == HTTP_HEAD;
    bool is_server = connection->text_length == 1 && connection->text[0] == '*';
    if (parser->method == HTTP_CONNECT || (parser->method == HTTP_OPTIONS && is_server))
        return refuse(connection, 405); // their targets are no paths
    if (parser->method == HTTP_PRI)
        return refuse(connection, 505); // how HTTP/2 begins
    connection->names_https = http_target_is_https(connection->text, connection->text_length);
    if (connection->names_https && !connection->secure)
        return refuse(connection, 400); // RFC 9110, 7.4
    // Nearly every target is a path as it stands in the table.
    connection->resource = http_find(connection->text, connection->text_length);
    int error = connection->resource ? 0 : resource_search(connection);
    bool reads = parser->method == HTTP_GET || parser->method == HTTP_HEAD;
    if (connection->resource)
        connection->allowed = HTTP_READING_METHODS;
    if (!connection->resource || !reads)
        error = route_search(connection, error);
    if (error == 0 && (http_hosts_count > 0 || http_access_log != HTTP_LOG_OFF))
        error = http_known_fields_keep(&connection->fields, HTTP_FIELD_TARGET, connection->text,
                                       connection->text_length);
    text_drop(connection);
    return error == 0 ? 0 : refuse(connection, error == -ENOMEM ? 503 : 400);
}

static int on_version_complete(llhttp_t *parser)
{
    struct http_connection *connection = parser->data;
    return parser->http_major == 1 ? 0 : refuse(connection, 505);
}

// A handler may ask for any header; trailers are not kept.
static bool keeps_fields(const struct http_connection *connection)
{
    return connection->request && !connection->in_body;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t length)
{
    struct http_connection *connection = parser->data;
    size_t used = connection->name_length;
    if (keeps_fields(connection)) {
        if (used == 0)
            http_fields_open(&connection->request->fields, HTTP_IN_HEADER);
        http_fields_add_name(&connection->request->fields, at, length);
    }
    if (used + length <= sizeof(connection->name)) {
        memcpy(connection->name + used, at, length);
        connection->name_length = (uint8_t)(used + length);
    } else {
        connection->name_length = sizeof(connection->name) + 1; // none that matters is so long
    }
    gap_begin(connection, at + length);
    return request_measure(connection, at + length);
}

static int on_header_field_complete(llhttp_t *parser)
{
    struct http_connection *connection = parser->data;
    const char *name = connection->name;
    size_t length = connection->name_length;
    connection->name_length = 0;
    connection->field = HTTP_FIELD_OTHER;
    if (++connection->field_count > HTTP_HEAD_FIELDS_MAX)
        return refuse(connection, 431);
    if (length == 0)
        return refuse(connection, 400);
    if (connection->in_body)
        return 0; // a trailer: nothing in it matters
    connection->field = (uint8_t)http_field_named(name, length);
    if (connection->field == HTTP_FIELD_HOST) {
        if (connection->host_seen)
            return refuse(connection, 400);
        connection->host_seen = true;
    }
    return 0;
}

// Spec: RFC 3986, 3.2: what a host and port may be made of: letters, digits, -._~%!$&'()*+,;=:[]
static bool host_is_plausible(const char *host, size_t length)
{
    static const uint64_t allowed[2] = {0x2FFF7FF200000000, 0x47FFFFFEAFFFFFFE};
    for (size_t i = 0; i < length; i++) {
        unsigned char letter = (unsigned char)host[i];
        if (letter > 127 || !(allowed[letter / 64] >> (letter % 64) & 1))
            return false;
    }
    return true;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t length)
{
    struct http_connection *connection = parser->data;
    if (length == 0)
        return 0; // an empty value, told about after its line
    gap_look(connection, at);
    if (connection->gap_has_newline)
        return refuse(connection, 400);
    gap_begin(connection, at + length);
    if (request_measure(connection, at + length) != 0)
        return STOP;
    if (keeps_fields(connection))
        http_fields_add_value(&connection->request->fields, at, length);
    return connection->field == HTTP_FIELD_OTHER ? 0 : text_add(connection, at, length);
}

static int field_keep(struct http_connection *connection, enum http_field field, const char *value,
                      size_t length)
{
    int error = http_known_fields_keep(&connection->fields, field, value, length);
    return error == 0 ? 0 : refuse(connection, 503);
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct http_connection *connection = parser->data;
    const char *value = connection->text;
    size_t length = connection->text_length;
    uint8_t field = connection->field;
    connection->field = HTTP_FIELD_OTHER;
    connection->in_gap = false;
    text_drop(connection);
    if (keeps_fields(connection))
        http_fields_close(&connection->request->fields);
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
        length--;
    switch (field) {
    case HTTP_FIELD_OTHER:
        return 0;
    case HTTP_FIELD_REFERER:
    case HTTP_FIELD_USER_AGENT:
        return http_access_log == HTTP_LOG_COMBINED ? field_keep(connection, field, value, length)
                                                    : 0;
    case HTTP_FIELD_HOST:
        if (!host_is_plausible(value, length))
            return refuse(connection, 400);
        return http_hosts_count > 0 ? field_keep(connection, field, value, length) : 0;
    case HTTP_FIELD_EXPECT:
        connection->expects_continue =
            length == 12 && strncasecmp(value, "100-continue", length) == 0;
        return connection->expects_continue ? 0 : refuse(connection, 417);
    case HTTP_FIELD_TRANSFER_ENCODING:
        if (length != 7 || strncasecmp(value, "chunked", length) != 0)
            connection->coding_unknown = true;
        return 0;
    default:
        return field_keep(connection, field, value, length);
    }
}

// A virtual host serves what is in its folder and nothing else. What the target names is preferred
// to field Host. Spec: RFC 9112, 3.2.2. Returns: 0, or -EINVAL for a target that names no path.
static int host_apply(struct http_connection *connection)
{
    struct http_slice target = http_known_fields_get(connection->fields, HTTP_FIELD_TARGET);
    struct http_slice name = http_known_fields_get(connection->fields, HTTP_FIELD_HOST);
    size_t length;
    const char *authority = http_target_authority(target.at, target.length, &length);
    if (authority)
        name = (struct http_slice){authority, length};
    const struct http_host *host = name.at ? http_host_find(name.at, name.length) : NULL;
    if (!host)
        return 0;
    char path[HTTP_TARGET_BYTES_MAX];
    int path_length = http_target_path(target.at, target.length, path);
    if (path_length < 0)
        return path_length;
    http_request_leave(connection);
    connection->resource = http_host_resource(host, path, (size_t)path_length);
    connection->allowed = connection->resource ? HTTP_READING_METHODS : 0;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct http_connection *connection = parser->data;
    bool chunked = parser->flags & F_TRANSFER_ENCODING;
    connection->in_body = true;
    if (http_hosts_count > 0 && host_apply(connection) != 0)
        return refuse(connection, 400);
    struct http_request *request = connection->request;
    connection->body_bytes_max =
        request ? (uint32_t)request->route->body_bytes_max : HTTP_BODY_BYTES_MAX;
    // No protocol to upgrade to: the header is ignored, the message read as any other.
    parser->upgrade = 0;
    if (parser->http_major != 1)
        return refuse(connection, 505); // HTTP/0.9 names no version
    if (parser->http_minor > 0 && !connection->host_seen)
        return refuse(connection, 400);
    if (chunked && parser->http_minor == 0)
        return refuse(connection, 400); // RFC 9112, 6.1: its framing is not to be trusted
    if (connection->coding_unknown)     // what cannot be undone is no body; RFC 9112, 6.1 and 6.3
        return refuse(connection, parser->flags & F_CHUNKED ? 501 : 400);
    if (parser->content_length > connection->body_bytes_max)
        return refuse(connection, 413);
    if (request) {
        request->body_expected = parser->content_length;
        unsigned status = http_request_accept(request);
        return status ? refuse(connection, status) : 0;
    }
    // A client that waits for leave to send its body gets the answer at once: no resource takes
    // one.
    bool reads = parser->method == HTTP_GET || parser->method == HTTP_HEAD;
    if (connection->expects_continue && (chunked || parser->content_length > 0))
        return refuse(connection, !connection->allowed ? 404 : reads ? 417 : 405);
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
    struct http_connection *connection = parser->data;
    connection->body_bytes += (uint32_t)length;
    if (connection->body_bytes > connection->body_bytes_max)
        return refuse(connection, 413);
    if (request_measure(connection, at + length) != 0)
        return STOP;
    unsigned status =
        connection->request ? http_request_receive(connection->request, at, length) : 0;
    return status ? refuse(connection, status) : 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct http_connection *connection = parser->data;
    connection->keep_alive = llhttp_should_keep_alive(parser) &&
                             !(parser->flags & F_CONNECTION_CLOSE) && !connection->finishing;
    connection->begun = connection->in_body = false;
    connection->answered++;
    connection->mark = NULL;
    heap_free(connection->text_block);
    connection->text_block = NULL;
    connection->text_capacity = 0;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_url_complete = on_url_complete,
    .on_version_complete = on_version_complete,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

// ---- what the connection calls ------------------------------------------------------------------

void http_parser_start(struct http_connection *connection)
{
    llhttp_init(&connection->parser, HTTP_REQUEST, &settings);
    connection->parser.data = connection;
    connection->parser.http_minor = 1;
    // on_version_complete() tells versions apart: 505 is not 400
    connection->parser.lenient_flags = LENIENT_VERSION;
}

unsigned http_parser_input_ends(struct http_connection *connection, const char *end)
{
    connection->refusal = 0;
    gap_look(connection, end);
    if (request_measure(connection, end) == 0 && connection->text_length > 0 &&
        connection->text != connection->text_block && !text_keep(connection, 0))
        connection->refusal = 503;
    connection->mark = NULL;
    return connection->refusal;
}

unsigned http_parser_refusal(const struct http_connection *connection, const char *end)
{
    const llhttp_t *parser = &connection->parser;
    if (connection->refusal)
        return connection->refusal;
    static const char separators[] = "()<>@,;:\\\"/[]?={} \t";
    bool inside = parser->error_pos && parser->error_pos < end;
    unsigned char letter = inside ? (unsigned char)*parser->error_pos : 0;
    switch (parser->error) {
    case HPE_INVALID_METHOD:
        // a method that nobody knows, unless it is no word at all
        return letter > 0x20 && letter < 0x7F && !strchr(separators, letter) ? 501 : 400;
    case HPE_PAUSED_H2_UPGRADE:
        return 505;
    default:
        return 400;
    }
}

// SPDX-License-Identifier: MIT
#include "http/connection.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "http/answer.h"
#include "http/conditions.h"
#include "http/counters.h"
#include "http/date.h"
#include "http/file.h"
#include "http/hosts.h"
#include "http/memo.h"
#include "http/target.h"
#include "kernel/heap.h"
#include "kernel/panic.h"

// What the parser's callbacks return to stop it; `refusal` then says why.
#define STOP (-1)
// Up to here a response is put together before it is written.
#define HTTP_WHOLE_BYTES_MAX 512

#define READING_METHODS (1ull << HTTP_GET | 1ull << HTTP_HEAD)

// ---- writing ------------------------------------------------------------------------------------

// Takes what follows of a response in many pieces. Returns: false if that was all.
static bool output_refill(struct http_connection *connection)
{
    struct http_pieces *rest = connection->rest;
    connection->piece_count = connection->piece_at = 0;
    if (!rest)
        return false;
    bool more = rest->next < rest->count || rest->refill(rest);
    if (more)
        connection->pieces[connection->piece_count++] = rest->pieces[rest->next++];
    if (!more || (rest->next == rest->count && !rest->refill)) {
        heap_free(rest);
        connection->rest = NULL;
    }
    return more;
}

// What was written is needed no more.
static void output_release(struct http_connection *connection)
{
    void (*release)(void *context) = connection->release;
    http_text_free(&connection->owned);
    connection->release = NULL;
    if (release)
        release(connection->release_context);
}

static void output_continue(struct http_connection *connection)
{
    do {
        while (http_connection_writes(connection)) {
            struct http_piece *piece = &connection->pieces[connection->piece_at];
            bool more = connection->piece_at + 1 < connection->piece_count || connection->rest;
            size_t taken =
                connection->write(connection, piece->data, piece->left, piece->lasting, more);
            ASSERT(taken <= piece->left);
            piece->data += taken;
            piece->left -= (uint32_t)taken;
            if (piece->left)
                return;
            connection->piece_at++;
        }
    } while (output_refill(connection));
    if (connection->owned.data)
        output_release(connection);
    connection->finished = connection->last;
}

// Writes a short response whole: one copy, one segment of lwIP's. Returns: how much was taken.
static size_t write_whole(struct http_connection *connection)
{
    char whole[HTTP_WHOLE_BYTES_MAX];
    size_t used = 0;
    for (unsigned i = 0; i < connection->piece_count; i++) {
        if (connection->pieces[i].left > sizeof(whole) - used)
            return 0;
        memcpy(whole + used, connection->pieces[i].data, connection->pieces[i].left);
        used += connection->pieces[i].left;
    }
    return connection->write(connection, whole, used, false, connection->rest != NULL);
}

// Goes on behind what was taken already of the queued pieces.
static void output_from(struct http_connection *connection, size_t taken)
{
    while (taken > 0 && http_connection_writes(connection)) {
        struct http_piece *piece = &connection->pieces[connection->piece_at];
        uint32_t now = taken < piece->left ? (uint32_t)taken : piece->left;
        piece->data += now;
        piece->left -= now;
        taken -= now;
        if (piece->left > 0)
            return; // there is no more room
        connection->piece_at++;
    }
    output_continue(connection);
}

static void output_start(struct http_connection *connection)
{
    output_from(connection, connection->piece_count > 1 ? write_whole(connection) : 0);
}

static void piece_add(struct http_connection *connection, const char *data, size_t size_bytes,
                      bool lasting)
{
    connection->pieces[connection->piece_count++] =
        (struct http_piece){data, (uint32_t)size_bytes, lasting};
}

// Queues a response. Its lines for this moment, if there are any,
// stand between the status line and the rest; else the whole is one piece.
static void response_queue(struct http_connection *connection, const struct http_response *response,
                           bool keep_alive)
{
    bool lasting = !connection->owned.data;
    size_t size = connection->head_only ? response->head_bytes : response->total_bytes;
    const char *date = http_date_line();
    const char *line = "";
    if (!keep_alive)
        line = "Connection: close\r\n";
    else if (connection->parser.http_minor == 0)
        line = "Connection: keep-alive\r\n";

    size_t skip = 0;
    if (date || line[0]) {
        size_t used = skip = response->status_line_bytes;
        ASSERT(used + HTTP_DATE_LINE_BYTES + strlen(line) <= sizeof(connection->prefix));
        memcpy(connection->prefix, response->data, used);
        if (date) {
            memcpy(connection->prefix + used, date, HTTP_DATE_LINE_BYTES);
            used += HTTP_DATE_LINE_BYTES;
        }
        memcpy(connection->prefix + used, line, strlen(line));
        piece_add(connection, connection->prefix, used + strlen(line), false);
    }
    piece_add(connection, response->data + skip, size - skip, lasting);
    connection->last = !keep_alive;
    http_count((enum http_counter)(response->status / 100 - 1), 1);
}

void (*http_client_name)(const struct http_connection *connection, char *text);

// `body_bytes`: of what follows the response.
static void access_log(struct http_connection *connection, const struct http_response *response,
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

// Queues a response and writes what there is room for.
static void respond(struct http_connection *connection, const struct http_response *response,
                    bool keep_alive)
{
    if (http_access_log != HTTP_LOG_OFF)
        access_log(connection, response, 0);
    response_queue(connection, response, keep_alive);
    output_start(connection);
}

void http_connection_answer(struct http_connection *connection, const struct http_response *head,
                            struct http_text *text, const struct http_answer *answer,
                            struct http_pieces *rest)
{
    bool apart = head->total_bytes == head->head_bytes && answer->body_bytes > 0;
    if (http_access_log != HTTP_LOG_OFF)
        access_log(connection, head, apart ? answer->body_bytes : 0);
    connection->waits = false;
    connection->request = NULL;
    connection->owned = *text;
    connection->rest = rest;
    // HTTP/1.0 has no chunks: the body ends with the connection.
    bool ends = rest && connection->parser.http_minor == 0;
    response_queue(connection, head, connection->keep_alive && !ends);
    if (apart && !connection->head_only)
        piece_add(connection, answer->body, answer->body_bytes, answer->lasting);
    connection->release = answer->release;
    connection->release_context = answer->context;
    output_start(connection);
    if (!connection->handling)
        connection->wake(connection);
}

// What a method is refused with that its path does not have.
static const struct http_response *method_refusal(struct http_connection *connection,
                                                  struct http_response *rendered)
{
    if (connection->allowed == 0 || connection->allowed == READING_METHODS)
        return http_status_response(405);
    if (http_answer_render_methods(connection->allowed, &connection->owned, rendered) == 0)
        return rendered;
    http_text_free(&connection->owned);
    return http_status_response(503);
}

// The request is refused, or its connection ends.
static void request_leave(struct http_connection *connection)
{
    if (connection->request)
        http_request_leave(connection->request);
    connection->request = NULL;
    connection->waits = false;
}

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

static void fields_drop(struct http_connection *connection)
{
    if (!connection->fields)
        return;
    heap_free(connection->fields);
    connection->fields = NULL;
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
    connection->expects_continue = false;
    fields_drop(connection);
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
    if (parser->method == HTTP_CONNECT || parser->method == HTTP_OPTIONS)
        return refuse(connection, 405); // their targets need not be paths
    if (parser->method == HTTP_PRI)
        return refuse(connection, 505); // how HTTP/2 begins
    // Nearly every target is a path as it stands in the table.
    connection->resource = http_find(connection->text, connection->text_length);
    int error = connection->resource ? 0 : resource_search(connection);
    bool reads = parser->method == HTTP_GET || parser->method == HTTP_HEAD;
    if (connection->resource)
        connection->allowed = READING_METHODS;
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
    request_leave(connection);
    connection->resource = http_host_resource(host, path, (size_t)path_length);
    connection->allowed = connection->resource ? READING_METHODS : 0;
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

// Hands a request to its handler, which may answer it now or later.
static void request_handle(struct http_connection *connection, bool keep_alive)
{
    connection->keep_alive = keep_alive;
    connection->request->known = connection->fields;
    connection->fields = NULL;
    connection->waits = connection->handling = true;
    http_request_handle(connection->request);
    connection->handling = false;
}

static void answer_file(struct http_connection *connection, bool keep_alive)
{
    bool is_get = connection->parser.method == HTTP_GET;
    struct http_made made;
    const struct http_response *response =
        http_file_answer(connection->resource, connection->fields, is_get, &made);
    if (!response) {
        http_text_free(&made.text);
        heap_free(made.body);
        respond(connection, http_status_response(503), false);
        return;
    }
    connection->owned = made.text;
    connection->rest = made.body;
    if (keep_alive && is_get && connection->parser.http_minor == 1 && connection->body_bytes == 0 &&
        response != &made.response && http_access_log == HTTP_LOG_OFF)
        connection->memorable = response;
    respond(connection, response, keep_alive);
}

static void answer_rendered(struct http_connection *connection, bool keep_alive)
{
    static const struct http_validators none = {NULL, 0};
    struct http_response rendered;
    enum http_verdict verdict = http_conditions_judge(connection->fields, &none, true);
    if (verdict != HTTP_PROCEED) {
        unsigned status = verdict == HTTP_NOT_MODIFIED ? 304 : 412;
        respond(connection, http_status_response(status), keep_alive);
    } else if (http_render(connection->resource, &connection->owned, &rendered) == 0) {
        respond(connection, &rendered, keep_alive);
    } else {
        http_text_free(&connection->owned);
        respond(connection, http_status_response(503), false);
    }
}

// Answers the request that was read.
static void answer(struct http_connection *connection, bool keep_alive)
{
    uint8_t method = connection->parser.method;
    struct http_response rendered;
    if (!connection->allowed)
        respond(connection, http_status_response(404), keep_alive);
    else if (!(connection->allowed >> method & 1))
        respond(connection, method_refusal(connection, &rendered), keep_alive);
    else if (connection->resource->render)
        answer_rendered(connection, keep_alive);
    else
        answer_file(connection, keep_alive);
    fields_drop(connection);
}

static int on_message_complete(llhttp_t *parser)
{
    struct http_connection *connection = parser->data;
    bool keep_alive = llhttp_should_keep_alive(parser) && !(parser->flags & F_CONNECTION_CLOSE) &&
                      !connection->finishing;
    connection->begun = connection->in_body = false;
    connection->answered++;
    connection->mark = NULL;
    heap_free(connection->text_block);
    connection->text_block = NULL;
    connection->text_capacity = 0;
    if (connection->request)
        request_handle(connection, keep_alive);
    else
        answer(connection, keep_alive);
    return connection->last || connection->waits || http_connection_writes(connection) ? HPE_PAUSED
                                                                                       : 0;
}

static const llhttp_settings_t parser_settings = {
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

// ---- the connection -----------------------------------------------------------------------------

void http_connection_start(struct http_connection *connection, http_write_fn write,
                           http_wake_fn wake)
{
    *connection = (struct http_connection){.write = write, .wake = wake};
    llhttp_init(&connection->parser, HTTP_REQUEST, &parser_settings);
    connection->parser.data = connection;
    connection->parser.http_minor = 1;
    // on_version_complete() tells versions apart: 505 is not 400
    connection->parser.lenient_flags = LENIENT_VERSION;
}

void http_connection_release(struct http_connection *connection)
{
    request_leave(connection);
    heap_free(connection->text_block);
    heap_free(connection->fields);
    heap_free(connection->rest);
    if (connection->owned.data)
        output_release(connection);
}

void http_connection_refuse(struct http_connection *connection, unsigned status)
{
    if (connection->last || http_connection_writes(connection))
        return;
    connection->begun = false;
    struct http_response rendered;
    respond(connection,
            status == 405 ? method_refusal(connection, &rendered) : http_status_response(status),
            false);
    request_leave(connection);
}

void http_connection_finish(struct http_connection *connection)
{
    connection->finishing = true;
    connection->keep_alive = false;
}

// What a request that the parser could not read is answered with.
static unsigned refusal_status(const llhttp_t *parser, const char *end)
{
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

// Tells a client that waits for it to send its body; nothing of that is here already.
// Spec: RFC 9110, 10.1.1 and 15.2.1.
static void continue_send(struct http_connection *connection)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    connection->expects_continue = false;
    if (connection->body_bytes > 0 || connection->parser.http_minor == 0)
        return;
    http_count(HTTP_RESPONSES_1XX, 1);
    piece_add(connection, line, sizeof(line) - 1, true);
    output_start(connection);
}

// Text borrowed from the input is kept before the input goes away.
static void input_ends(struct http_connection *connection, const char *end)
{
    if (!connection->begun || connection->last)
        return;
    connection->refusal = 0;
    gap_look(connection, end);
    if (request_measure(connection, end) == 0 && connection->text_length > 0 &&
        connection->text != connection->text_block && !text_keep(connection, 0))
        connection->refusal = 503;
    connection->mark = NULL;
    if (connection->refusal)
        http_connection_refuse(connection, connection->refusal);
    else if (connection->in_body && connection->request && connection->expects_continue)
        continue_send(connection);
}

static void respond_known(struct http_connection *connection, const struct http_memo *memo)
{
    size_t taken = 0;
    connection->answered++;
    if (memo->text_bytes > 0)
        taken = connection->write(connection, memo->text, memo->text_bytes, false, false);
    if (taken > 0 && taken == memo->text_bytes) {
        http_count((enum http_counter)(memo->response->status / 100 - 1), 1);
        return;
    }
    connection->head_only = false;
    connection->parser.http_minor = 1;
    response_queue(connection, memo->response, true);
    output_from(connection, taken);
}

// Answers requests that came before. Returns: how many bytes they take.
static size_t answer_known(struct http_connection *connection, const char *data, size_t size_bytes)
{
    size_t read = 0;
    const struct http_memo *memo;
    while (read < size_bytes && !http_connection_writes(connection) &&
           (memo = http_memo_find(data + read, size_bytes - read)) != NULL) {
        read += memo->request_bytes;
        respond_known(connection, memo);
    }
    return read;
}

size_t http_connection_receive(struct http_connection *connection, const char *data,
                               size_t size_bytes)
{
    llhttp_t *parser = &connection->parser;
    if (connection->waits || http_connection_writes(connection))
        return 0;
    if (connection->last || size_bytes == 0)
        return size_bytes;
    if (!connection->begun) {
        size_t read = answer_known(connection, data, size_bytes);
        if (read == size_bytes || http_connection_writes(connection))
            return read;
        if (read > 0)
            return read + http_connection_receive(connection, data + read, size_bytes - read);
    }
    const char *end = data + size_bytes;
    bool is_whole =
        !connection->begun; // the input begins with a request, it does not go on with one
    uint32_t answered_before = connection->answered;
    connection->memorable = NULL;
    // Counting goes on where the input before this one ended.
    if (connection->begun && connection->measured)
        connection->mark = data;
    connection->gap = data;
    connection->refusal = 0;
    llhttp_errno_t result = llhttp_execute(parser, data, size_bytes);
    if (result == HPE_OK) {
        is_whole &= !connection->begun && connection->answered == answered_before + 1;
        if (is_whole && connection->memorable != NULL)
            http_memo_keep(data, size_bytes, connection->memorable);
        input_ends(connection, end);
        return size_bytes;
    }
    if (result == HPE_PAUSED) {
        if (connection->last)
            return size_bytes;
        size_t read = (size_t)(llhttp_get_error_pos(parser) - data);
        llhttp_resume(parser);
        return read;
    }
    unsigned status = connection->refusal ? connection->refusal : refusal_status(parser, end);
    http_connection_refuse(connection, status);
    return size_bytes;
}

void http_connection_resume(struct http_connection *connection)
{
    if (http_connection_writes(connection))
        output_continue(connection);
}

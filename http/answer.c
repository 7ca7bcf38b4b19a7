// SPDX-License-Identifier: MIT
#include "http/answer.h"

#include <errno.h>
#include <llhttp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "http/connection_log.h"
#include "http/connection_state.h"
#include "http/output.h"
#include "http/request.h"
#include "kernel/heap.h"
#include "kernel/panic.h"

#define TEXT_TYPE "text/plain; charset=utf-8"

static const char *reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {422, "Unprocessable Content"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return ""; // it may be empty
}

int http_answer_render(const struct http_answer *answer, bool chunked, struct http_text *text,
                       struct http_response *out)
{
    *out = (struct http_response){.status = answer->status};
    http_text_format(text, "HTTP/1.1 %u %s\r\n", answer->status, reason(answer->status));
    out->status_line_bytes = (uint32_t)text->used_bytes;
    if (answer->content_type)
        http_text_format(text, "Content-Type: %s\r\n", answer->content_type);
    if (answer->produce && chunked)
        http_text_format(text, "Transfer-Encoding: chunked\r\n");
    else if (!answer->produce && answer->status >= 200 && answer->status != 204 &&
             answer->status != 304)
        http_text_format(text, "Content-Length: %zu\r\n", answer->body_bytes);
    if (answer->fields)
        http_text_put(text, answer->fields, strlen(answer->fields));
    http_text_put(text, "\r\n", 2);
    out->head_bytes = (uint32_t)text->used_bytes;
    if (!answer->lasting && !answer->release && answer->body_bytes > 0)
        http_text_put(text, answer->body, answer->body_bytes);
    out->total_bytes = (uint32_t)text->used_bytes;
    out->data = text->data;
    return text->failed ? -ENOMEM : 0;
}

int http_answer_render_methods(uint64_t allowed, struct http_text *text, struct http_response *out)
{
    char line[256];
    int used = snprintf(line, sizeof(line), "Allow:");
    const char *comma = "";
    for (unsigned method = 0; method < 64; method++) {
        if (!(allowed >> method & 1) || (size_t)used >= sizeof(line) - 32)
            continue;
        used += snprintf(line + used, sizeof(line) - (size_t)used, "%s %s", comma,
                         llhttp_method_name((llhttp_method_t)method));
        comma = ",";
    }
    snprintf(line + used, sizeof(line) - (size_t)used, "\r\n");
    static const char body[] = "Method Not Allowed\n";
    return http_answer_render(&(struct http_answer){.status = 405,
                                                    .content_type = TEXT_TYPE,
                                                    .fields = line,
                                                    .body = body,
                                                    .body_bytes = sizeof(body) - 1},
                              false, text, out);
}

// ---- bodies that are made while they are sent ---------------------------------------------------

#define CHUNK_BYTES_MAX      4096
#define CHUNK_HEAD_BYTES_MAX 8

// Behind an http_pieces with one piece.
struct produced {
    size_t (*produce)(void *context, char *buffer, size_t size_bytes);
    void *context;
    bool chunked, ended;
    char text[CHUNK_HEAD_BYTES_MAX + CHUNK_BYTES_MAX + 2];
};

// Makes the next chunk. Spec: RFC 9112, 7.1; the last one is empty.
static bool produced_refill(struct http_pieces *pieces)
{
    struct produced *made = (struct produced *)&pieces->pieces[1];
    if (made->ended)
        return false;
    char *start = made->text + CHUNK_HEAD_BYTES_MAX;
    size_t used = made->produce(made->context, start, CHUNK_BYTES_MAX);
    ASSERT(used <= CHUNK_BYTES_MAX);
    made->ended = used == 0;
    pieces->made_bytes += used;
    if (made->chunked) {
        char head[CHUNK_HEAD_BYTES_MAX + 1];
        int head_bytes = snprintf(head, sizeof(head), "%zx\r\n", used);
        memcpy(start + used, "\r\n", 2);
        start -= head_bytes;
        memcpy(start, head, (size_t)head_bytes);
        used += (size_t)head_bytes + 2;
    }
    pieces->pieces[0] = (struct http_piece){start, (uint32_t)used, false};
    pieces->next = 0;
    return used > 0;
}

// Returns: NULL when out of memory.
static struct http_pieces *produced_make(const struct http_answer *answer, bool chunked)
{
    struct http_pieces *pieces =
        heap_alloc(sizeof(*pieces) + sizeof(pieces->pieces[0]) + sizeof(struct produced));
    if (!pieces)
        return NULL;
    *pieces = (struct http_pieces){.count = 1, .next = 1, .refill = produced_refill};
    struct produced *made = (struct produced *)&pieces->pieces[1];
    made->produce = answer->produce;
    made->context = answer->context;
    made->chunked = chunked;
    made->ended = false;
    return pieces;
}

// ---- handlers' ----------------------------------------------------------------------------------

// `head` lies in *text, which the connection takes over; the body of `answer` follows unless it is
// in `head` already, and `rest`, a heap block or NULL.
static void answer_send(struct http_connection *connection, const struct http_response *head,
                        struct http_text *text, const struct http_answer *answer,
                        struct http_pieces *rest)
{
    bool apart = head->total_bytes == head->head_bytes && answer->body_bytes > 0;
    if (http_access_log != HTTP_LOG_OFF && rest)
        http_connection_log_later(connection, head);
    else if (http_access_log != HTTP_LOG_OFF)
        http_connection_log(connection, head, apart ? answer->body_bytes : 0);
    connection->waits = false;
    connection->request = NULL;
    connection->owned = *text;
    connection->rest = rest;
    // HTTP/1.0 has no chunks: the body ends with the connection.
    bool ends = rest && connection->parser.http_minor == 0;
    http_output_queue(connection, head, connection->keep_alive && !ends);
    if (apart && !connection->head_only)
        http_output_add(connection, answer->body, answer->body_bytes, answer->lasting);
    connection->release = answer->release;
    connection->release_context = answer->context;
    http_output_start(connection);
    if (!connection->handling)
        connection->wake(connection);
}

static void answer_end(struct http_request *request, const struct http_answer *answer,
                       const struct http_response *response, struct http_text *text,
                       struct http_pieces *rest)
{
    struct http_connection *connection = request->connection;
    request->connection = NULL;
    answer_send(connection, response, text, answer, rest);
    http_request_free(request);
}

// Without the body that a status cannot have: it would be read as the next response.
// Spec: RFC 9112, 6.3.
static struct http_answer answer_with_status(const struct http_answer *answer)
{
    struct http_answer allowed = *answer;
    if (answer->status == 204 || answer->status == 304) {
        allowed.body_bytes = 0;
        allowed.produce = NULL;
    }
    return allowed;
}

void http_answer(struct http_request *request, const struct http_answer *given)
{
    ASSERT(request->handed && given->status >= 200 && given->status < 600);
    struct http_answer allowed = answer_with_status(given), *answer = &allowed;
    struct http_text text = {0};
    struct http_response response;
    struct http_connection *connection = request->connection;
    bool wanted = connection != NULL;
    bool chunked = wanted && connection->parser.http_minor > 0;
    bool produces = wanted && answer->produce && !connection->head_only;
    struct http_pieces *rest = produces ? produced_make(answer, chunked) : NULL;
    if (wanted && (rest || !produces) &&
        http_answer_render(answer, chunked, &text, &response) == 0) {
        answer_end(request, answer, &response, &text, rest);
        return;
    }
    heap_free(rest);
    http_text_free(&text);
    if (answer->release)
        answer->release(answer->context);
    if (wanted)
        http_answer_status(request, 503);
    else
        http_request_free(request);
}

// The page must not need memory: it may be the lack of it that is told.
void http_answer_status(struct http_request *request, unsigned status)
{
    const struct http_response *page = http_status_find(status);
    struct http_text none = {0};
    if (!request->connection)
        http_request_free(request);
    else if (page)
        answer_end(request, &(struct http_answer){0}, page, &none, NULL);
    else
        http_answer(request, &(struct http_answer){.status = status});
}

void http_answer_format(struct http_request *request, unsigned status, const char *format, ...)
{
    char text[1024];
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    struct http_answer answer = {.status = status, .content_type = TEXT_TYPE, .body = text};
    int length = vsnprintf(text, sizeof(text), format, arguments);
    struct http_text longer = {0};
    if (length >= (int)sizeof(text)) {
        http_text_format_list(&longer, format, again);
        answer.body = longer.data;
    }
    answer.body_bytes = length > 0 ? (size_t)length : 0;
    if (longer.failed)
        http_answer_status(request, 503);
    else
        http_answer(request, &answer);
    http_text_free(&longer);
    va_end(again);
    va_end(arguments);
}

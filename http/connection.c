// SPDX-License-Identifier: MIT
#include "http/connection.h"

#include <string.h>

#include "http/answer.h"
#include "http/conditions.h"
#include "http/connection_log.h"
#include "http/counters.h"
#include "http/file.h"
#include "http/memo.h"
#include "http/output.h"
#include "http/parser.h"
#include "http/request.h"
#include "kernel/heap.h"

// ---- answering ----------------------------------------------------------------------------------

static void queue(struct http_connection *connection, const struct http_response *response,
                  bool keep_alive)
{
    if (http_access_log != HTTP_LOG_OFF)
        http_connection_log(connection, response, 0);
    http_output_queue(connection, response, keep_alive);
}

// Queues a response and writes what there is room for.
static void respond(struct http_connection *connection, const struct http_response *response,
                    bool keep_alive)
{
    queue(connection, response, keep_alive);
    http_output_start(connection);
}

// What is made for this request alone, or why it cannot be.
static const struct http_response *rendered_or_503(struct http_connection *connection, int error,
                                                   const struct http_response *rendered)
{
    if (error == 0)
        return rendered;
    http_text_free(&connection->owned);
    return http_status_response(503);
}

// What a method is refused with that its path does not have.
static const struct http_response *method_refusal(struct http_connection *connection,
                                                  struct http_response *rendered)
{
    if (connection->allowed == 0 || connection->allowed == HTTP_READING_METHODS)
        return http_status_response(405);
    return rendered_or_503(
        connection, http_answer_render_methods(connection->allowed, &connection->owned, rendered),
        rendered);
}

// A route may refuse with a status that no page is made for.
static const struct http_response *refusal(struct http_connection *connection, unsigned status,
                                           struct http_response *rendered)
{
    const struct http_response *page = http_status_find(status);
    struct http_answer bare = {.status = status};
    if (status == 405)
        return method_refusal(connection, rendered);
    if (page)
        return page;
    return rendered_or_503(
        connection, http_answer_render(&bare, false, &connection->owned, rendered), rendered);
}

// Hands a request to its handler, which may answer it now or later.
static void request_handle(struct http_connection *connection)
{
    connection->request->known = connection->fields;
    connection->fields = NULL;
    connection->waits = connection->handling = true;
    struct http_request *request = connection->request;
    unsigned refusal = http_request_handle(request);
    if (refusal)
        http_answer_status(request, refusal);
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
        response != &made.response && !connection->names_https && http_access_log == HTTP_LOG_OFF)
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
    http_known_fields_drop(&connection->fields);
}

// A request was read: answers it, or hands it to its handler.
static void take(struct http_connection *connection)
{
    if (connection->request)
        request_handle(connection);
    else
        answer(connection, connection->keep_alive);
}

// ---- the connection -----------------------------------------------------------------------------

void http_connection_start(struct http_connection *connection, http_write_fn write,
                           http_wake_fn wake)
{
    *connection = (struct http_connection){.write = write, .wake = wake};
    http_parser_start(connection);
}

void http_connection_release(struct http_connection *connection)
{
    http_request_leave(connection);
    heap_free(connection->text_block);
    http_connection_log_end(connection);
    http_known_fields_drop(&connection->fields);
    heap_free(connection->rest);
    if (connection->owned.data)
        http_output_release(connection);
}

void http_connection_refuse(struct http_connection *connection, unsigned status)
{
    if (connection->last || http_connection_writes(connection))
        return;
    connection->begun = false;
    struct http_response rendered;
    queue(connection, refusal(connection, status, &rendered), false);
    http_request_leave(connection); // it may have the memory that the answer is written with
    http_output_start(connection);
}

void http_connection_finish(struct http_connection *connection)
{
    connection->finishing = true;
    connection->keep_alive = false;
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
    http_output_add(connection, line, sizeof(line) - 1, true);
    http_output_start(connection);
}

static void input_ends(struct http_connection *connection, const char *end)
{
    if (!connection->begun || connection->last)
        return;
    unsigned refusal = http_parser_input_ends(connection, end);
    if (refusal)
        http_connection_refuse(connection, refusal);
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
    http_output_queue(connection, memo->response, true);
    http_output_from(connection, taken);
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

// Reads requests and answers them. Returns: how many bytes it read: fewer, because an answer waits.
// Known ones are spared its large frame.
static __attribute__((noinline)) size_t read_requests(struct http_connection *connection,
                                                      const char *data, const char *end)
{
    llhttp_t *parser = &connection->parser;
    const char *at = data;
    // It begins with a request, and does not go on with one.
    bool is_whole = !connection->begun;
    uint32_t answered_before = connection->answered;
    connection->memorable = NULL;
    // Counting goes on where the input before this one ended.
    if (connection->begun && connection->measured)
        connection->mark = data;
    connection->gap = data;
    connection->refusal = 0;
    llhttp_errno_t result = HPE_PAUSED; // behind each request
    while (at < end && (result = llhttp_execute(parser, at, (size_t)(end - at))) == HPE_PAUSED) {
        at = llhttp_get_error_pos(parser);
        llhttp_resume(parser);
        take(connection);
        if (connection->last)
            return (size_t)(end - data);
        if (connection->waits || http_connection_writes(connection))
            return (size_t)(at - data);
    }
    if (result != HPE_OK && result != HPE_PAUSED) {
        http_connection_refuse(connection, http_parser_refusal(connection, end));
        return (size_t)(end - data);
    }
    is_whole &= !connection->begun && connection->answered == answered_before + 1;
    if (is_whole && connection->memorable != NULL)
        http_memo_keep(data, (size_t)(end - data), connection->memorable);
    input_ends(connection, end);
    return (size_t)(end - data);
}

size_t http_connection_receive(struct http_connection *connection, const char *data,
                               size_t size_bytes)
{
    if (connection->waits || http_connection_writes(connection))
        return 0;
    if (connection->last || size_bytes == 0)
        return size_bytes;
    size_t known = connection->begun ? 0 : answer_known(connection, data, size_bytes);
    if (known == size_bytes || http_connection_writes(connection))
        return known;
    return known + read_requests(connection, data + known, data + size_bytes);
}

void http_connection_resume(struct http_connection *connection)
{
    if (http_connection_writes(connection))
        http_output_continue(connection);
}

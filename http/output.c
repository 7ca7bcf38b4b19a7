// SPDX-License-Identifier: MIT
#include "http/output.h"

#include <string.h>

#include "http/connection_log.h"
#include "http/connection_state.h"
#include "http/counters.h"
#include "http/date.h"
#include "kernel/heap.h"
#include "kernel/panic.h"

// Up to here a response is put together before it is written.
#define HTTP_WHOLE_BYTES_MAX 512

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
        http_connection_log_end(connection);
        heap_free(rest);
        connection->rest = NULL;
    }
    return more;
}

void http_output_release(struct http_connection *connection)
{
    void (*release)(void *context) = connection->release;
    http_text_free(&connection->owned);
    connection->release = NULL;
    if (release)
        release(connection->release_context);
}

void http_output_continue(struct http_connection *connection)
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
        http_output_release(connection);
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

void http_output_from(struct http_connection *connection, size_t taken)
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
    http_output_continue(connection);
}

void http_output_start(struct http_connection *connection)
{
    http_output_from(connection, connection->piece_count > 1 ? write_whole(connection) : 0);
}

void http_output_add(struct http_connection *connection, const char *data, size_t size_bytes,
                     bool lasting)
{
    connection->pieces[connection->piece_count++] =
        (struct http_piece){data, (uint32_t)size_bytes, lasting};
}

// Lines for this moment, if there are any, stand between the status line and the rest; else the
// whole is one piece.
void http_output_queue(struct http_connection *connection, const struct http_response *response,
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
        http_output_add(connection, connection->prefix, used + strlen(line), false);
    }
    http_output_add(connection, response->data + skip, size - skip, lasting);
    connection->last = !keep_alive;
    http_count((enum http_counter)(response->status / 100 - 1), 1);
}

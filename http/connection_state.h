// SPDX-License-Identifier: MIT
// What is known of a connection, for all parts of it: connection.c drives, parser.c reads requests,
// request.c keeps one for its handler, answer.c takes the answer, output.c writes it, and
// connection_log.c tells the access log. Each calls only those behind it.
#pragma once

#include <llhttp.h>

#include "http/access_log.h"
#include "http/known_fields.h"
#include "http/resources.h"
#include "kernel/compiler.h"

#define HTTP_HEAD_BYTES_MAX   8192  // header section of a request; more is 431
#define HTTP_HEAD_FIELDS_MAX  100   // header fields of a request; more is 431
#define HTTP_BODY_BYTES_MAX   65536 // of a body that is read only to be thrown away; more is 413
#define HTTP_PREFIX_BYTES_MAX 112   // longest status line + Date + Connection

enum http_state {
    HTTP_SILENT,       // nothing came yet
    HTTP_IDLE,         // between two requests
    HTTP_READING_HEAD, // a request began
    HTTP_READING_BODY, // its header section is complete
    HTTP_WAITING,      // for a handler to answer; input is not read meanwhile
    HTTP_WRITING,      // a response waits for room; input is not read meanwhile
    HTTP_FINISHED,     // all is written: end the connection. Input is thrown away
};

struct http_connection;
struct http_request;

// Takes up to `size_bytes` bytes to be sent. `lasting`: the bytes stay where they are for good and
// need not be copied. `more`: the rest of the response follows at once.
// Returns: how many it took; fewer than offered means no more for now: http_connection_resume()
// later.
typedef size_t (*http_write_fn)(struct http_connection *connection, const char *data,
                                size_t size_bytes, bool lasting, bool more);

// A handler answered a request some time after it got it, or reads on: http_connection_state() is
// another, and input can be read again.
typedef void (*http_wake_fn)(struct http_connection *connection);

struct http_connection {
    llhttp_t parser;
    http_write_fn write;
    http_wake_fn wake;

    // the request being read
    const struct http_resource *resource;
    struct http_request *request; // that has a route; until it is answered
    uint64_t allowed; // methods of what was found at the path, a bit for each llhttp_method_t
    const char *text; // of the target or header value being collected: in the input, or text_block
    char *text_block; // heap, when it came in pieces
    uint32_t text_length, text_capacity;
    const char *gap;  // where the header's name, or a piece of its value, ended in this input
    const char *mark; // counted up to here: header section and body, as sent
    uint32_t request_bytes;
    uint32_t body_bytes, body_bytes_max;
    unsigned refusal; // the status that ends it early, 0: none
    uint8_t field_count;
    uint8_t field;       // which header's value is being read
    uint8_t name_length; // of the header's name, stops at sizeof(name) + 1
    char name[HTTP_FIELD_NAME_MAX];
    bool in_gap, gap_has_newline;
    bool begun, measured, in_body, host_seen, expects_continue, head_only;
    bool coding_unknown;                   // its body is not only chunked
    bool waits;                            // the handler has the request and has not answered
    bool handling;                         // its handler is being called
    bool keep_alive;                       // after its answer
    bool finishing;                        // the next answer is the last one
    bool secure;                           // TLS is between
    bool names_https;                      // the target does, so its bytes do not decide alone
    struct http_known_fields *fields;      // that matter to a file or page; NULL: none so far
    uint32_t answered;                     // requests, so far; may wrap
    const struct http_response *memorable; // the last one's, if only its bytes decided it

    // the response being written
    char prefix[HTTP_PREFIX_BYTES_MAX];
    struct http_piece pieces[3]; // lines of this moment, the head, the body if that is elsewhere
    uint8_t piece_count, piece_at;
    bool last; // the connection ends after it
    bool finished;
    struct http_pieces *rest;     // that follow; a heap block, NULL: none
    struct http_access *unlogged; // its line waits for their end; a heap block, NULL: no line does
    struct http_text owned;       // what a piece points into
    void (*release)(void *context); // says that the last piece is needed no more; NULL: nobody asks
    void *release_context;
};

// A response waits for room.
static inline bool http_connection_writes(const struct http_connection *connection)
{
    return connection->piece_at < connection->piece_count;
}

static inline enum http_state http_connection_state(const struct http_connection *connection)
{
    if (connection->finished)
        return HTTP_FINISHED;
    if (http_connection_writes(connection))
        return HTTP_WRITING;
    if (connection->waits)
        return HTTP_WAITING;
    if (connection->begun)
        return connection->in_body ? HTTP_READING_BODY : HTTP_READING_HEAD;
    return connection->answered ? HTTP_IDLE : HTTP_SILENT;
}

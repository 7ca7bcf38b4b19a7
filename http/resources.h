// SPDX-License-Identifier: MIT
// What is served, by path: tables of files packed into the image and of pages rendered for each
// request.
#pragma once

#include "http/encoding.h"
#include "http/text.h"
#include "kernel/compiler.h"

// A response in one piece. Lines that depend on the request or the moment (Date, Connection) go in
// after the status line, so that all else is made in advance.
struct http_response {
    const char *data;
    uint32_t status_line_bytes; // with its line end
    uint32_t head_bytes;        // status line, headers and the empty line
    uint32_t total_bytes;       // head and body
    unsigned status;
};

// Bytes to be sent.
struct http_piece {
    const char *data;
    uint32_t left;
    bool lasting; // they stay where they are for good, and need not be copied
};

struct http_pieces {
    unsigned count, next; // those before `next` were sent
    // Makes more, once all were sent. Returns: false if that was all. NULL: it was.
    bool (*refill)(struct http_pieces *pieces);
    uint64_t made_bytes; // of the body, by refill(), without its framing
    struct http_piece pieces[];
};

// One stored form of a file.
struct http_form {
    const char *etag; // strong, quoted
    struct http_response full, not_modified;
    uint32_t shared_at; // where the fields of full's head begin that a part of it has, too
};

struct http_resource {
    const char *path;
    size_t path_length;
    const char *content_type;
    struct http_form forms[HTTP_ENCODINGS]; // of a file; HTTP_GZIP's etag NULL: there is none
    uint64_t modified_unix_seconds;         // of a file
    void (*render)(struct http_text *);     // writes the body; NULL for a file
};

// Order of a table: shorter paths first, then by their bytes.
#define HTTP_RENDERED(path_text, type, function)                                                   \
    {                                                                                              \
        .path = path_text, .path_length = sizeof(path_text) - 1, .content_type = type,             \
        .render = function                                                                         \
    }

#define HTTP_TABLES_MAX 4

// Serves what is in a table, which is kept and in order. The table that came first is looked at
// first. Context: before the server starts; read-only afterwards.
void http_serve(const struct http_resource *table, size_t count);
// Returns: what is served at a path, or NULL.
const struct http_resource *http_find(const char *path, size_t length);
// true if something is served below "/FOLDER/".
bool http_has_folder(const char *folder, size_t length);
// Renders a page, with its head, into *text. Returns: 0, or -ENOMEM.
// Owns: the caller frees *text in both cases; *response points into it.
int http_render(const struct http_resource *resource, struct http_text *text,
                struct http_response *response) MUST_CHECK;
// The response that says only its status: one of the table in pack.py. Lasts for good.
// Returns: NULL if there is none.
const struct http_response *http_status_find(unsigned status);
// The same for one that there is.
const struct http_response *http_status_response(unsigned status);

// Made by pack.py: from an app's folder of files, and by status.
extern const struct http_resource http_files[];
extern const size_t http_files_count;
extern const struct http_response http_status_responses[];
extern const size_t http_status_responses_count;

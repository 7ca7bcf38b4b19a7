// SPDX-License-Identifier: MIT
// A connection that is given bytes, whole or cut into pieces, and what it answered. Included once a
// program.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/connection.h"

#define OUTPUT_BYTES (1 << 16)

struct conversation {
    struct http_connection http; // first: the connection's address is ours
    char output[OUTPUT_BYTES + 1];
    size_t output_bytes;
    void (*settle)(void); // lets what is answered later be answered; NULL: nothing is
};

static inline size_t conversation_write(struct http_connection *http, const char *data,
                                        size_t size_bytes, bool lasting, bool more)
{
    struct conversation *talk = (struct conversation *)http;
    (void)lasting;
    (void)more;
    if (size_bytes > OUTPUT_BYTES - talk->output_bytes)
        size_bytes = OUTPUT_BYTES - talk->output_bytes; // nobody reads on: the rest waits for good
    memcpy(talk->output + talk->output_bytes, data, size_bytes);
    talk->output_bytes += size_bytes;
    return size_bytes;
}

static inline void conversation_wake(struct http_connection *http)
{
    (void)http;
}

static inline void conversation_start(struct conversation *talk, void (*settle)(void))
{
    talk->output_bytes = 0;
    talk->settle = settle;
    http_connection_start(&talk->http, conversation_write, conversation_wake);
}

// Hands in `data` in pieces of `piece_bytes`, each a block that is freed at once.
static inline void conversation_send(struct conversation *talk, const uint8_t *data,
                                     size_t size_bytes, size_t piece_bytes)
{
    while (size_bytes > 0) {
        size_t now = size_bytes < piece_bytes ? size_bytes : piece_bytes;
        char *piece = malloc(now);
        memcpy(piece, data, now);
        size_t read = http_connection_receive(&talk->http, piece, now);
        free(piece);
        if (read > now)
            abort();
        if (talk->settle)
            talk->settle();
        if (read == 0 && http_connection_state(&talk->http) >= HTTP_WRITING)
            return;
        data += read;
        size_bytes -= read;
    }
}

static inline void conversation_end(struct conversation *talk)
{
    http_connection_release(&talk->http);
    if (talk->settle)
        talk->settle();
}

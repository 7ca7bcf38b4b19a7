// SPDX-License-Identifier: MIT
// http/connection.c with routes: any bytes, whole and in pieces, are answered alike, and each
// answer is one. The first byte says how long the pieces are.
#include "host.h"

#include <stdio.h>

#include "http/counters.h"
#include "http/http.h"
#include "http/memo.h"
#include "http/request.h"
#include "http_input.h"
#include "kernel/panic.h"
#include "kernel/thread.h"

unsigned core_slot_count = 1;

struct thread *thread_create(const char *name, void (*entry)(void *argument), void *argument)
{
    (void)name;
    (void)entry;
    (void)argument;
    return NULL;
}

static struct http_request *held;

static void hold(struct http_request *request)
{
    held = request;
}

static void answer_held(void)
{
    struct http_request *request = held;
    held = NULL;
    if (request)
        http_answer_format(request, 200, "%s", http_parameter(request, "rest", NULL));
}

static void show(struct http_request *request)
{
    size_t size_bytes;
    const char *word = http_query(request, "word", NULL);
    const char *agent = http_header(request, "User-Agent", NULL);
    http_body(request, &size_bytes);
    http_answer_format(request, 200, "%s %s %s %zu", http_parameter(request, "name", NULL),
                       word ? word : "", agent ? agent : "", size_bytes);
}

static size_t produced;

static size_t produce(void *context, char *buffer, size_t size_bytes)
{
    (void)context;
    size_t now = produced < size_bytes ? produced : size_bytes;
    memset(buffer, 'p', now);
    produced -= now;
    return now;
}

static void make(struct http_request *request)
{
    produced = 5000;
    http_answer(request, &(struct http_answer){.status = 200, .produce = produce});
}

static size_t streamed;

static unsigned stream_receive(struct http_request *request, const char *data, size_t size_bytes)
{
    (void)request;
    streamed += size_bytes;
    return memchr(data, 'X', size_bytes) ? 400 : 0;
}

static void stream_end(struct http_request *request)
{
    http_answer_format(request, 200, "%zu", streamed);
    streamed = 0;
}

static void stream_abandon(struct http_request *request)
{
    (void)request;
    streamed = 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    http_serve(http_files, http_files_count);
    http_route("GET", "/show/:name", show);
    http_route("POST", "/show/:name", show);
    http_route("GET", "/hold/*rest", hold);
    http_route("GET", "/make", make);
    http_route_add(&(struct http_route){.method = "PUT",
                                        .path = "/stream",
                                        .body_bytes_max = 4096,
                                        .handle = stream_end,
                                        .receive = stream_receive,
                                        .abandon = stream_abandon});
    return 0;
}

// Takes out what only a client is told that waits: where its pieces end is another place each time.
static void continues_drop(struct conversation *talk)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char *at;
    talk->output[talk->output_bytes] = '\0';
    while ((at = memmem(talk->output, talk->output_bytes, line, sizeof(line) - 1)) != NULL) {
        talk->output_bytes -= sizeof(line) - 1;
        memmove(at, at + sizeof(line) - 1, (size_t)(talk->output + talk->output_bytes - at));
    }
}

// One after the other, to the end: the handlers count for one connection.
static enum http_state converse(struct conversation *talk, const uint8_t *data, size_t size_bytes,
                                size_t piece_bytes)
{
    conversation_start(talk, answer_held);
    conversation_send(talk, data, size_bytes, piece_bytes);
    continues_drop(talk);
    enum http_state state = http_connection_state(&talk->http);
    conversation_end(talk);
    return state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static struct conversation whole, pieces;
    if (size_bytes < 2)
        return 0;
    enum http_state whole_state = converse(&whole, data + 1, size_bytes - 1, size_bytes);
    enum http_state pieces_state = converse(&pieces, data + 1, size_bytes - 1, 1 + data[0]);
    bool alike = whole_state == pieces_state && whole.output_bytes == pieces.output_bytes &&
                 memcmp(whole.output, pieces.output, whole.output_bytes) == 0;
    if (!alike) {
        fprintf(stderr, "whole:\n%.*s\nin pieces:\n%.*s\n", (int)whole.output_bytes, whole.output,
                (int)pieces.output_bytes, pieces.output);
        abort();
    }
    if (whole.output_bytes > 0 && memcmp(whole.output, "HTTP/1.1 ", 9) != 0)
        abort();
    return 0;
}

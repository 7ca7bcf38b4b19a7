// SPDX-License-Identifier: MIT
// Routes of all kinds, whose handlers tell what they were given. Included once a program.
#pragma once

#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"
#include "http/request.h"
#include "http_client.h"
#include "kernel/thread.h"

PERCORE unsigned core_this_index;
unsigned core_slot_count = 1;

static struct http_request *held; // by hold()
static unsigned handled, abandoned, released;
static size_t streamed_bytes;

static void echo(struct http_request *request)
{
    size_t length;
    const char *body = http_body(request, &length);
    handled++;
    http_answer(request, &(struct http_answer){.status = 200, .body = body, .body_bytes = length});
}

static void show(struct http_request *request)
{
    size_t length;
    const char *name = http_parameter(request, "name", &length);
    const char *word = http_query(request, "word", NULL);
    const char *type = http_header(request, "X-Type", NULL);
    handled++;
    http_answer_format(request, 200, "%s %zu \"%s\" \"%s\" \"%s\"", http_method(request), length,
                       name, word ? word : "none", type ? type : "none");
}

static void hold(struct http_request *request)
{
    handled++;
    held = request;
}

static void release(void *context)
{
    assert_string_equal(context, "context");
    released++;
}

static void lend(struct http_request *request)
{
    static const char body[] = "lent for a while";
    http_answer(request, &(struct http_answer){.status = 201,
                                               .content_type = "text/x",
                                               .fields = "X-Field: 1\r\n",
                                               .body = body,
                                               .body_bytes = sizeof(body) - 1,
                                               .release = release,
                                               .context = "context"});
}

// Counts to 3000, some lines at a time.
static size_t count_lines(void *context, char *buffer, size_t size_bytes)
{
    static int line;
    size_t used = 0;
    assert_string_equal(context, "context");
    for (; line < 3000 && size_bytes - used > 16; line++)
        used += (size_t)sprintf(buffer + used, "%d\n", line);
    if (used == 0)
        line = 0;
    return used;
}

static void count(struct http_request *request)
{
    http_answer(request, &(struct http_answer){.status = 200,
                                               .produce = count_lines,
                                               .release = release,
                                               .context = "context"});
}

static unsigned small_accept(struct http_request *request)
{
    const char *status = http_header(request, "X-Refuse", NULL);
    return status ? (unsigned)atoi(status) : 0;
}

static unsigned stream_receive(struct http_request *request, const char *data, size_t size_bytes)
{
    *http_state(request) = &streamed_bytes;
    streamed_bytes += size_bytes;
    return memchr(data, '!', size_bytes) ? 400 : 0;
}

static void stream_abandon(struct http_request *request)
{
    if (*http_state(request))
        assert_ptr_equal(*http_state(request), &streamed_bytes);
    abandoned++;
}

static void stream_handle(struct http_request *request)
{
    http_answer_format(request, 200, "%zu", streamed_bytes);
}

static void routes_add(void)
{
    http_route("GET", "/show/:name", show);
    http_route("DELETE", "/show/:name", show);
    http_route("OPTIONS", "/show/:name", show);
    http_route("GET", "/rest/*name", show);
    http_route("GET", "/both/:x/of/:name", show);
    http_route("POST", "/echo", echo);
    http_route("POST", "/hold", hold);
    http_route("GET", "/hold", hold);
    http_route("GET", "/lend", lend);
    http_route("GET", "/count", count);
    http_route_add(&(struct http_route){.method = "PUT",
                                        .path = "/small",
                                        .body_bytes_max = 8,
                                        .handle = echo,
                                        .accept = small_accept});
    http_route_add(&(struct http_route){.method = "PUT", .path = "/none", .handle = echo});
    http_route_add(&(struct http_route){
        .method = "GET", .path = "/thread", .handle = lend, .in_thread = true});
    http_route_add(&(struct http_route){.method = "POST",
                                        .path = "/stream",
                                        .body_bytes_max = 1 << 20,
                                        .handle = stream_handle,
                                        .receive = stream_receive,
                                        .abandon = stream_abandon});
}

// Threads of the host's machine run when the test says so.
static void (*thread_entry)(void *argument);
static void *thread_argument;
static bool thread_fails;

struct thread *thread_create(const char *name, void (*entry)(void *argument), void *argument)
{
    (void)name;
    if (thread_fails)
        return NULL;
    thread_entry = entry;
    thread_argument = argument;
    return (struct thread *)&thread_entry;
}

#define GET(target) "GET " target " HTTP/1.1\r\n" HOST "\r\n"

// Returns: the bytes of `text` that were read.
static inline size_t offer(const char *text)
{
    return http_connection_receive(&client.http, text, strlen(text));
}

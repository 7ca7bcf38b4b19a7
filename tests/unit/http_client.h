// SPDX-License-Identifier: MIT
// A client of http/connection.c without a network: bytes in, and what came out. Included once a
// program.
#pragma once

#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/connection.h"

#define HOST "Host: toril\r\n"

static struct client {
    struct http_connection http;
    char output[1 << 20];
    size_t used;
    size_t room; // bytes the "network" takes before it is full
    bool lent_memory_is_static;
} client;

static size_t client_write(struct http_connection *http, const char *data, size_t size_bytes,
                           bool lasting, bool more)
{
    (void)more;
    assert_ptr_equal(http, &client.http);
    assert_true(size_bytes > 0);
    size_t taken = size_bytes < client.room ? size_bytes : client.room;
    assert_true(client.used + taken < sizeof(client.output));
    memcpy(client.output + client.used, data, taken);
    client.used += taken;
    client.room -= taken;
    client.output[client.used] = '\0';
    if (lasting)
        client.lent_memory_is_static = true;
    return taken;
}

static unsigned client_wakes;

static void client_wake(struct http_connection *http)
{
    assert_ptr_equal(http, &client.http);
    client_wakes++;
}

static void client_open(void)
{
    client.used = 0;
    client.output[0] = '\0';
    client.room = SIZE_MAX;
    http_connection_start(&client.http, client_write, client_wake);
}

static void client_close(void)
{
    http_connection_release(&client.http);
}

// Hands in a copy that is freed at once: reading past it or later is an error.
static void client_send(const char *data, size_t size_bytes)
{
    char *copy = exact_copy(data, size_bytes);
    size_t read = http_connection_receive(&client.http, copy, size_bytes);
    assert_int_equal(read, size_bytes);
    free(copy);
}

// The same in two pieces, the first of `cut` bytes.
static inline void client_send_cut(const char *data, size_t size_bytes, size_t cut)
{
    client_send(data, cut);
    client_send(data + cut, size_bytes - cut);
}

static const char *exchange(const char *request)
{
    client_open();
    client_send(request, strlen(request));
    return client.output;
}

static inline unsigned status_of(const char *output)
{
    unsigned status = 0;
    return sscanf(output, "HTTP/1.1 %u ", &status) == 1 ? status : 0;
}

static inline unsigned responses_in(const char *output)
{
    unsigned count = 0;
    for (const char *at = output; (at = strstr(at, "HTTP/1.1 ")) != NULL; at++)
        count++;
    return count;
}

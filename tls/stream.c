// SPDX-License-Identifier: MIT
#include "tls/stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/heap.h"
#include "net/socket.h"
#include "tls/connection.h"

struct tls_stream {
    struct tls_connection *tls;
    struct tcp_socket *socket;
    char *output; // heap: what TLS made, until a thread sends it
    size_t output_bytes;
    bool sending; // a thread does
};

// Called by TLS, in which no thread may wait: others use the same connection.
static size_t gather(void *owner, const void *data, size_t size_bytes)
{
    struct tls_stream *stream = owner;
    char *block = heap_alloc(stream->output_bytes + size_bytes);
    if (block == NULL)
        return 0;
    if (stream->output_bytes > 0)
        memcpy(block, stream->output, stream->output_bytes);
    memcpy(block + stream->output_bytes, data, size_bytes);
    heap_free(stream->output);
    stream->output = block;
    stream->output_bytes += size_bytes;
    return size_bytes;
}

// Sends what TLS made. While one thread is at it, it sends what others make, too: in their order.
static int send_output(struct tls_stream *stream, uint64_t deadline_ns)
{
    int error = 0;
    if (stream->sending)
        return 0;
    stream->sending = true;
    tls_connection_flush(stream->tls);
    while (error == 0 && stream->output_bytes > 0) {
        char *block = stream->output;
        size_t size_bytes = stream->output_bytes;
        stream->output = NULL;
        stream->output_bytes = 0;
        error = tcp_socket_send(stream->socket, block, size_bytes, deadline_ns);
        heap_free(block);
        tls_connection_flush(stream->tls);
    }
    stream->sending = false;
    return error;
}

// Takes in what comes next. Returns: 0, or an error.
static int take_input(struct tls_stream *stream, uint64_t deadline_ns)
{
    const void *data;
    ssize_t got = tcp_socket_borrow(stream->socket, &data, deadline_ns);
    if (got < 0)
        return (int)got;
    if (got == 0)
        return -ECONNRESET;
    size_t read = tls_connection_receive(stream->tls, data, (size_t)got);
    tcp_socket_return(stream->socket, read);
    int error = send_output(stream, deadline_ns);
    return tls_connection_state(stream->tls) == TLS_FAILED ? -EPROTO : error;
}

static int shake_hands(struct tls_stream *stream, uint64_t deadline_ns)
{
    int error = send_output(stream, deadline_ns);
    while (error == 0 && tls_connection_state(stream->tls) == TLS_SHAKING_HANDS)
        error = take_input(stream, deadline_ns);
    return error;
}

int tls_stream_open(struct tls_context *context, const char *host, struct tcp_socket *socket,
                    uint64_t deadline_ns, struct tls_stream **stream, char why[TLS_WHY_BYTES])
{
    struct tls_stream *made = heap_alloc_zeroed(sizeof(*made));
    if (made != NULL) {
        made->socket = socket;
        made->tls = tls_connection_create(context, host, gather, made);
    }
    int error = made == NULL || made->tls == NULL ? -ENOMEM : shake_hands(made, deadline_ns);
    if (error == 0) {
        *stream = made;
        return 0;
    }
    snprintf(why, TLS_WHY_BYTES, "%s",
             error == -EPROTO ? tls_stream_failure(made) : strerror(-error));
    tls_stream_close(made);
    return error;
}

ssize_t tls_stream_receive(struct tls_stream *stream, void *buffer, size_t size_bytes,
                           uint64_t deadline_ns)
{
    size_t available;
    const char *plain;
    while ((plain = tls_connection_plain(stream->tls, &available)) == NULL) {
        if (tls_connection_state(stream->tls) == TLS_ENDED)
            return 0;
        int error = tls_connection_state(stream->tls) == TLS_FAILED
                        ? -EPROTO
                        : take_input(stream, deadline_ns);
        if (error != 0)
            return error;
    }
    size_t now = available < size_bytes ? available : size_bytes;
    memcpy(buffer, plain, now);
    tls_connection_take(stream->tls, now);
    return (ssize_t)now;
}

int tls_stream_send(struct tls_stream *stream, const void *data, size_t size_bytes,
                    uint64_t deadline_ns)
{
    const char *next = data;
    while (size_bytes > 0) {
        size_t now = tls_connection_send(stream->tls, next, size_bytes);
        if (tls_connection_state(stream->tls) == TLS_FAILED)
            return -EPROTO;
        if (now == 0 && tls_connection_output_waits(stream->tls) && stream->output_bytes == 0)
            return -ENOMEM; // there was none to gather it in
        if (now == 0 && !tls_connection_output_waits(stream->tls))
            return -EPIPE;
        next += now;
        size_bytes -= now;
        int error = send_output(stream, deadline_ns);
        if (error != 0)
            return error;
    }
    return 0;
}

int tls_stream_end(struct tls_stream *stream, uint64_t deadline_ns)
{
    tls_connection_close(stream->tls);
    return send_output(stream, deadline_ns);
}

void tls_stream_close(struct tls_stream *stream)
{
    if (stream == NULL)
        return;
    tls_connection_destroy(stream->tls);
    heap_free(stream->output);
    heap_free(stream);
}

const char *tls_stream_failure(const struct tls_stream *stream)
{
    return tls_connection_failure(stream->tls);
}

const char *tls_stream_version(const struct tls_stream *stream)
{
    return tls_connection_version(stream->tls);
}

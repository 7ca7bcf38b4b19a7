// SPDX-License-Identifier: MIT
#include "apps/fetch/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/resolve.h"
#include "net/socket.h"
#include "tls/authorities.h"
#include "tls/stream.h"

_Static_assert(STREAM_WHY_BYTES >= TLS_WHY_BYTES, "reasons are handed on");

// Whom this core trusts, once it has asked.
static PERCORE struct tls_context *trusted;

struct stream {
    struct tcp_socket *tcp;
    struct tls_stream *tls; // NULL: plain
    uint64_t deadline_ns;
};

// ---- opening ------------------------------------------------------------------------------------

static int connect_to(const char *host, uint16_t port, struct stream *stream,
                      char why[STREAM_WHY_BYTES])
{
    struct net_resolved found;
    int error = net_resolve(host, NET_FAMILY_ANY, &found, stream->deadline_ns);
    if (error != 0) {
        snprintf(why, STREAM_WHY_BYTES, "%s: %s", host, net_resolve_error(error));
        return error;
    }
    for (unsigned i = 0; i < found.count; i++) {
        struct socket_address to = {.ip = found.addresses[i], .port = port};
        error = tcp_socket_connect(&to, stream->deadline_ns, &stream->tcp);
        if (error == 0)
            return 0;
        char text[SOCKET_ADDRESS_TEXT_BYTES];
        snprintf(why, STREAM_WHY_BYTES, "cannot connect to %s: %s", socket_address_text(&to, text),
                 strerror(-error));
    }
    return error;
}

static bool shake_hands(struct stream *stream, const char *host, char why[STREAM_WHY_BYTES])
{
    if (trusted == NULL)
        trusted = tls_client_create_trusting(NULL, why);
    return trusted != NULL &&
           tls_stream_open(trusted, host, stream->tcp, stream->deadline_ns, &stream->tls, why) == 0;
}

struct stream *stream_open(const char *host, uint16_t port, bool secure, uint64_t deadline_ns,
                           char why[STREAM_WHY_BYTES])
{
    struct stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        snprintf(why, STREAM_WHY_BYTES, "no memory");
        return NULL;
    }
    stream->deadline_ns = deadline_ns;
    if (connect_to(host, port, stream, why) == 0 && (!secure || shake_hands(stream, host, why)))
        return stream;
    stream_close(stream);
    return NULL;
}

void stream_close(struct stream *stream)
{
    if (stream->tls != NULL)
        tls_stream_close(stream->tls);
    if (stream->tcp != NULL)
        tcp_socket_close(stream->tcp);
    free(stream);
}

// ---- bytes --------------------------------------------------------------------------------------

int stream_send(struct stream *stream, const void *data, size_t size_bytes)
{
    return stream->tls != NULL
               ? tls_stream_send(stream->tls, data, size_bytes, stream->deadline_ns)
               : tcp_socket_send(stream->tcp, data, size_bytes, stream->deadline_ns);
}

ssize_t stream_receive(struct stream *stream, void *buffer, size_t size_bytes)
{
    return stream->tls != NULL
               ? tls_stream_receive(stream->tls, buffer, size_bytes, stream->deadline_ns)
               : tcp_socket_receive(stream->tcp, buffer, size_bytes, stream->deadline_ns);
}

const char *stream_error(const struct stream *stream, int error)
{
    return error == -EPROTO && stream->tls != NULL ? tls_stream_failure(stream->tls)
                                                   : strerror(-error);
}

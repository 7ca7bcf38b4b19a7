// SPDX-License-Identifier: MIT
// TLS for threads: calls that wait, over a socket of net/socket.h that is connected. Several
// threads may use one stream, one at a time in each direction, and all of its core. Deadlines and
// what the calls return are as there; and
//   -EPROTO      TLS failed, or refused the other side: tls_stream_failure() says why
//   -ECONNRESET  also where the connection ends and nobody said so within TLS: something may be
//   missing
#pragma once

#include <sys/types.h>

#include "kernel/compiler.h"
#include "tls/context.h"

struct tcp_socket;
struct tls_stream;

// Shakes hands. A client names the host that it means, which the certificate must be for; a server
// NULL. Blocks. Returns: 0, or an error with the reason in `why`; the socket is the caller's in
// both cases.
int tls_stream_open(struct tls_context *context, const char *host, struct tcp_socket *socket,
                    uint64_t deadline_ns, struct tls_stream **stream,
                    char why[TLS_WHY_BYTES]) MUST_CHECK;
// Blocks: until there is something. Returns: how many bytes, 0 when the other side has said that it
// sends no more, or an error.
ssize_t tls_stream_receive(struct tls_stream *stream, void *buffer, size_t size_bytes,
                           uint64_t deadline_ns) MUST_CHECK;
// Sends all of it. Blocks: while the socket's send buffer is full.
int tls_stream_send(struct tls_stream *stream, const void *data, size_t size_bytes,
                    uint64_t deadline_ns) MUST_CHECK;
// Says that this side sends no more. Blocks as above.
int tls_stream_end(struct tls_stream *stream, uint64_t deadline_ns) MUST_CHECK;
// Frees it, before the socket is closed. Nobody may wait on it.
void tls_stream_close(struct tls_stream *stream);

// Returns: "" if nothing failed.
const char *tls_stream_failure(const struct tls_stream *stream);
// Returns: "TLSv1.3".
const char *tls_stream_version(const struct tls_stream *stream);

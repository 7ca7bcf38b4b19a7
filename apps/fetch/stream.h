// SPDX-License-Identifier: MIT
// A connection to a server, plain or with TLS, for straight-line code. Of the core that opened it.
#pragma once

#include <sys/types.h>

#include "kernel/compiler.h"

#define STREAM_WHY_BYTES 320

struct stream;

// Resolves the name, tries its addresses in turn, and with TLS checks that the server is who it
// says. Blocks: until `deadline_ns`, which holds for all that is done with the stream.
// Returns: NULL with the reason in `why`.
struct stream *stream_open(const char *host, uint16_t port, bool secure, uint64_t deadline_ns,
                           char why[STREAM_WHY_BYTES]);
// Sends all of it. Returns: 0 or a negative errno.
int stream_send(struct stream *stream, const void *data, size_t size_bytes) MUST_CHECK;
// Blocks. Returns: how many bytes, 0 at the end, or a negative errno.
ssize_t stream_receive(struct stream *stream, void *buffer, size_t size_bytes) MUST_CHECK;
// What went wrong, for an error that these returned.
const char *stream_error(const struct stream *stream, int error);
void stream_close(struct stream *stream);

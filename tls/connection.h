// SPDX-License-Identifier: MIT
// One TLS connection as a state machine without a thread, from memory to memory: what the other
// side sent goes in, what is to be sent to it comes out through `output`, plain bytes on this side
// of both. It knows nothing of TCP: the owner moves the bytes, keeps the time, and closes. Of a
// core: created, used and destroyed on the core of its context. Nothing blocks.
//
// Between records a connection that is open holds no buffer of its own: those of the core go round.
// Spec: RFC 5246, RFC 8446; RFC 6125 for names.
#pragma once

#include "kernel/compiler.h"
#include "tls/context.h"

#define TLS_RECORD_PLAIN_MAX      16384 // bytes of plain text in a record
#define TLS_RECORD_OVERHEAD_BYTES 32    // what a record adds to them, at most

enum tls_state {
    TLS_SHAKING_HANDS,
    TLS_OPEN,
    TLS_ENDED,  // the other side sends no more
    TLS_FAILED, // tls_connection_failure() says why
};

struct tls_connection;

// Takes up to `size_bytes` bytes that are to be sent. Returns: how many it took; the rest is kept,
// a few records at most, and offered again by tls_connection_flush().
typedef size_t (*tls_output_fn)(void *owner, const void *data, size_t size_bytes);

// A client's `host` is the name or address that the server's certificate must have; of a server it
// is NULL. A client begins with tls_connection_flush(). Returns: NULL without memory.
struct tls_connection *tls_connection_create(struct tls_context *context, const char *host,
                                             tls_output_fn output, void *owner) MUST_CHECK;
// Says nothing to the other side: tls_connection_close() does.
void tls_connection_destroy(struct tls_connection *connection);

// Takes in what the other side sent, up to the next record of plain bytes. Those are to be taken
// before more comes in. When it has ended or failed, what comes is thrown away. Returns: how many
// bytes it read. Fewer than `size_bytes`: there are plain bytes.
size_t tls_connection_receive(struct tls_connection *connection, const void *data,
                              size_t size_bytes) MUST_CHECK;
// The plain bytes that came and were not taken yet, until something else is done with the
// connection. Returns: NULL when there are none.
char *tls_connection_plain(struct tls_connection *connection, size_t *size_bytes);
// Takes them, or the first of them.
void tls_connection_take(struct tls_connection *connection, size_t size_bytes);

// Sends plain bytes, up to TLS_RECORD_PLAIN_MAX in one record. Returns: how many; 0 while it shakes
// hands or output waits, or when it has failed.
size_t tls_connection_send(struct tls_connection *connection, const void *data,
                           size_t size_bytes) MUST_CHECK;
// Offers again what `output` did not take.
void tls_connection_flush(struct tls_connection *connection);
bool tls_connection_output_waits(const struct tls_connection *connection);
// Tells the other side that nothing more comes. Once; harmless afterwards.
void tls_connection_close(struct tls_connection *connection);

enum tls_state tls_connection_state(const struct tls_connection *connection);
// Returns: why it failed, in words; "" if it did not.
const char *tls_connection_failure(const struct tls_connection *connection);
// Returns: "TLSv1.3", the name of its cipher suite, and the protocol that was agreed on or NULL.
const char *tls_connection_version(const struct tls_connection *connection);
const char *tls_connection_suite(const struct tls_connection *connection);
const char *tls_connection_protocol(const struct tls_connection *connection);

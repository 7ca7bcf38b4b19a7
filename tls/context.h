// SPDX-License-Identifier: MIT
// What TLS connections of a core have in common: a server's certificate and key, or whom a client
// trusts. TLS 1.2 and 1.3; AES-GCM and ChaCha20-Poly1305 with keys agreed by X25519, P-256 or
// P-384; sessions are resumed by tickets, which every core of this machine takes, until it boots
// again. Spec: RFC 5246, RFC 8446, RFC 5077.
//
// Needs strong random numbers: without them it refuses. Certificates are checked against the wall
// clock. Nothing here says what is in a key.
#pragma once

#include "kernel/compiler.h"

#define TLS_WHY_BYTES 256

struct tls_context;

// Before anything else. Context: a thread of core 0, before other cores use TLS.
// Returns: 0, or -1 with the reason in `why`, a sentence without a full stop.
int tls_start(char why[TLS_WHY_BYTES]) MUST_CHECK;

// PEM text of `size_bytes`, with a NUL behind it. `name` is for messages.
struct tls_pem {
    const char *name, *text;
    size_t size_bytes;
};

// A server's: its certificate first, then those up to the authority, and the key of the first one.
// `protocols`, ends with NULL and lasts, or is NULL: those that are offered to clients (ALPN).
// Context: any core; it is that core's. Returns: NULL with the reason in `why`.
struct tls_context *tls_server_create(const struct tls_pem *certificates, const struct tls_pem *key,
                                      const char **protocols, char why[TLS_WHY_BYTES]) MUST_CHECK;

// Further certificates of a server, for clients that name their host (SNI): PEM text with, for each
// host, its certificates as above and then their key. Whom they are for their names say
// (subjectAltName, "*.example.org" too); who names none of them gets the first certificate.
// Context: before the first connection. Returns: 0, or -1 with the reason in `why`.
int tls_server_add_hosts(struct tls_context *context, const struct tls_pem *hosts,
                         char why[TLS_WHY_BYTES]) MUST_CHECK;

struct tls_certificate {
    char name[64];               // the first that it is for, "" if it says none
    int64_t from_s, until_s;     // of the wall clock, in seconds since 1970
    char warning[TLS_WHY_BYTES]; // what is to be said of its dates today, or ""
};
// A server's: `index` counts from 0, which is the one for who names no host. Returns: false beyond
// the last.
bool tls_server_certificate(const struct tls_context *context, unsigned index,
                            struct tls_certificate *out);

// A client's: certificates of the authorities that may vouch for a server. The rest is as above.
// Connections to a host go on with the session of the last one, if the server lets them.
struct tls_context *tls_client_create(const struct tls_pem *authorities, const char **protocols,
                                      char why[TLS_WHY_BYTES]) MUST_CHECK;

// After its last connection.
void tls_context_destroy(struct tls_context *context);

// SPDX-License-Identifier: MIT
// Record buffers. Mbed TLS gives each connection two of 17 KiB for as long as it lives; here a
// connection that is between records lends them on: they belong to the core, one pair for all. One
// that holds part of a record, or plain bytes that nobody took, keeps its own. Inside tls/ only.
#pragma once

#include <mbedtls/ssl.h>

#include "kernel/compiler.h"

#define TLS_COUNTER_BYTES 8

// What a connection has to keep while it has no buffers.
struct tls_buffers_lent {
    bool input, output;                 // are away
    uint8_t counter[TLS_COUNTER_BYTES]; // of records that came: Mbed TLS has it in the buffer
};

// Makes sure that the connection has both. Returns: false without memory.
bool tls_buffers_lend(mbedtls_ssl_context *ssl, struct tls_buffers_lent *lent);
// Takes back those in which nothing is.
void tls_buffers_return(mbedtls_ssl_context *ssl, struct tls_buffers_lent *lent);
// A server's, when hands are shaken: in TLS 1.3 Mbed TLS would keep some 4 KiB of it for tickets
// that only a client gets.
void tls_buffers_forget_handshake(mbedtls_ssl_context *ssl);

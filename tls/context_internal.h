// SPDX-License-Identifier: MIT
// Inside tls/ only.
#pragma once

#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>

#include "tls/context.h"

#define TLS_SUITES 9

struct tls_host;
struct tls_session;

struct tls_context {
    mbedtls_ssl_config config;
    mbedtls_x509_crt certificates; // our own, or the authorities'
    mbedtls_pk_context key;        // a server's
    int suites[TLS_SUITES + 1];
    mbedtls_ssl_ticket_context tickets;
    uint64_t ticket_period;       // of the key that new tickets are made with
    struct tls_host *hosts;       // tls/hosts.c's
    struct tls_session *sessions; // a client's: tls/sessions.c's
};

// What went wrong, in words; never NULL.
const char *tls_error_text(int error);
// The same for what is wrong with a server's certificate, from the flags of its check.
const char *tls_verify_text(uint32_t flags);

void tls_explain(char why[TLS_WHY_BYTES], const char *format, ...) PRINTF_LIKE(2, 3);

// `all`: one that cannot be read is an error.
bool tls_read_certificates(mbedtls_x509_crt *out, const struct tls_pem *pem, bool all,
                           char why[TLS_WHY_BYTES]) MUST_CHECK;
bool tls_read_key(mbedtls_pk_context *out, const struct tls_pem *pem,
                  char why[TLS_WHY_BYTES]) MUST_CHECK;
void tls_hosts_free(struct tls_context *context);

// A client's: before its handshake, and once the server has given it a session.
void tls_sessions_offer(struct tls_context *context, mbedtls_ssl_context *ssl);
void tls_sessions_keep(struct tls_context *context, const mbedtls_ssl_context *ssl);
void tls_sessions_free(struct tls_context *context);

// A server's: takes and gives tickets. Returns: 0, or an error of Mbed TLS.
int tls_tickets_start(struct tls_context *context) MUST_CHECK;
// Changes their key when it is time to.
void tls_tickets_refresh(struct tls_context *context);

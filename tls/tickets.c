// SPDX-License-Identifier: MIT
// Session tickets: what a server must know to resume a session, given to the client, encrypted. The
// key is derived from the secret that all cores have, so each of them takes the tickets of any; a
// new one each period, and the one before it is taken too. Spec: RFC 5077 (TLS 1.2), RFC
// 8446, 4.6.1 (TLS 1.3).
#include "kernel/time.h"
#include "tls/context_internal.h"
#include "tls/core.h"

#define PERIOD_NS     (12 * 3600 * NS_PER_S)
#define LIFETIME_S    (24 * 3600) // longer than a period, so that no core makes a key of its own
#define NAME_BYTES    4
#define KEY_BYTES     32
#define TICKET_CIPHER MBEDTLS_CIPHER_AES_256_GCM

static int use_key_of(struct tls_context *context, uint64_t period)
{
    uint8_t bytes[NAME_BYTES + KEY_BYTES];
    int error = tls_derive("ticket", period, bytes, sizeof(bytes));
    if (error == 0)
        error = mbedtls_ssl_ticket_rotate(&context->tickets, bytes, NAME_BYTES, bytes + NAME_BYTES,
                                          KEY_BYTES, LIFETIME_S);
    mbedtls_platform_zeroize(bytes, sizeof(bytes));
    return error;
}

static uint64_t period_now(void)
{
    return 1 + time_now_ns() / PERIOD_NS;
}

int tls_tickets_start(struct tls_context *context)
{
    context->ticket_period = period_now();
    int error =
        mbedtls_ssl_ticket_setup(&context->tickets, tls_random, NULL, TICKET_CIPHER, LIFETIME_S);
    if (error == 0)
        error = use_key_of(context, context->ticket_period - 1);
    if (error == 0)
        error = use_key_of(context, context->ticket_period);
    if (error == 0)
        mbedtls_ssl_conf_session_tickets_cb(&context->config, mbedtls_ssl_ticket_write,
                                            mbedtls_ssl_ticket_parse, &context->tickets);
    return error;
}

void tls_tickets_refresh(struct tls_context *context)
{
    uint64_t now = period_now();
    if (now == context->ticket_period)
        return;
    if (now > context->ticket_period + 1)
        (void)use_key_of(context, now - 1); // on failure clients shake hands in full
    (void)use_key_of(context, now);
    context->ticket_period = now;
}

// SPDX-License-Identifier: MIT
// Sessions that a client may go on with, so that it need not check the server's certificate and
// signature again: the last of each host, of a core's context. Each is offered once (RFC 8446,
// appendix C.4); the connection that it makes brings the next.
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <string.h>

#include "kernel/heap.h"
#include "tls/context_internal.h"

#define SESSIONS_MAX 8 // some 2 KiB each, with the server's certificate

struct tls_session {
    struct tls_session *next;
    mbedtls_ssl_session session;
    char host[];
};

static void session_free(struct tls_session *session)
{
    mbedtls_ssl_session_free(&session->session);
    heap_free(session);
}

// Takes the one at `at` out of the list.
static struct tls_session *unlink_at(struct tls_session **at)
{
    struct tls_session *session = *at;
    if (session != NULL)
        *at = session->next;
    return session;
}

// Returns: the one of a host, out of the list, or NULL.
static struct tls_session *take(struct tls_context *context, const char *host)
{
    struct tls_session **at = &context->sessions;
    while (*at != NULL && strcmp((*at)->host, host) != 0)
        at = &(*at)->next;
    return unlink_at(at);
}

void tls_sessions_offer(struct tls_context *context, mbedtls_ssl_context *ssl)
{
    struct tls_session *session = take(context, ssl->hostname);
    if (session == NULL)
        return;
    if (session->session.tls_version <= ssl->conf->max_tls_version)
        (void)mbedtls_ssl_set_session(ssl, &session->session); // else hands are shaken in full
    session_free(session);
}

void tls_sessions_keep(struct tls_context *context, const mbedtls_ssl_context *ssl)
{
    size_t host_bytes = strlen(ssl->hostname) + 1;
    struct tls_session *session = heap_alloc_zeroed(sizeof(*session) + host_bytes);
    if (session == NULL)
        return;
    memcpy(session->host, ssl->hostname, host_bytes);
    mbedtls_ssl_session_init(&session->session);
    if (mbedtls_ssl_get_session(ssl, &session->session) != 0) {
        session_free(session);
        return;
    }
    struct tls_session *before = take(context, ssl->hostname);
    if (before != NULL)
        session_free(before);
    session->next = context->sessions;
    context->sessions = session;
    struct tls_session **last = &context->sessions;
    for (int i = 0; i < SESSIONS_MAX && *last != NULL; i++)
        last = &(*last)->next;
    if (*last != NULL)
        session_free(unlink_at(last));
}

void tls_sessions_free(struct tls_context *context)
{
    while (context->sessions != NULL)
        session_free(unlink_at(&context->sessions));
}

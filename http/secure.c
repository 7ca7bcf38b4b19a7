// SPDX-License-Identifier: MIT
#include "http/secure.h"

#include "http/session.h"
#include "net/tcp_window.h"
#include "tls/connection.h"

// Of ciphertext a client may leave unread: all of it is copied.
#define QUEUED_BYTES_MAX (64 * 1024)
// A record that only fills up what room there is must be worth it.
#define RECORD_PLAIN_MIN 1024

// ---- bytes out ----------------------------------------------------------------------------------

static size_t output_room(const struct tcp_pcb *pcb)
{
    size_t room = pcb->snd_buf, queued = net_window_queued(pcb);
    return queued < QUEUED_BYTES_MAX ? LWIP_MIN(room, QUEUED_BYTES_MAX - queued) : 0;
}

static size_t output(void *owner, const void *data, size_t size_bytes)
{
    struct tcp_pcb *pcb = ((struct session *)owner)->pcb;
    size_t taken = 0;
    while (taken < size_bytes) {
        size_t now = LWIP_MIN(LWIP_MIN(size_bytes - taken, (size_t)pcb->snd_buf), UINT16_MAX);
        if (now == 0 || tcp_write(pcb, (const char *)data + taken, (uint16_t)now,
                                  TCP_WRITE_FLAG_COPY) != ERR_OK)
            break;
        taken += now;
    }
    return taken;
}

// Records are made only as long as there is room for, so that TLS keeps none.
static size_t secure_write(struct http_connection *http, const char *data, size_t size_bytes,
                           bool lasting, bool more)
{
    (void)lasting, (void)more;
    struct session *session = CONTAINER_OF(http, struct session, http);
    size_t taken = 0;
    while (taken < size_bytes) {
        size_t room = output_room(session->pcb), left = size_bytes - taken;
        size_t now = room > TLS_RECORD_OVERHEAD_BYTES ? room - TLS_RECORD_OVERHEAD_BYTES : 0;
        now = LWIP_MIN(LWIP_MIN(now, left), TLS_RECORD_PLAIN_MAX);
        if (now < left && now < RECORD_PLAIN_MIN)
            break;
        size_t sent = tls_connection_send(session->tls, data + taken, now);
        if (sent == 0)
            break;
        taken += sent;
    }
    http_count(HTTP_BYTES_SENT, taken);
    return taken;
}

// ---- bytes in -----------------------------------------------------------------------------------

// Returns: false if an answer waits, and requests with it.
static bool answer_plain(struct session *session)
{
    size_t size_bytes;
    const char *plain;
    while ((plain = tls_connection_plain(session->tls, &size_bytes)) != NULL) {
        size_t read = http_connection_receive(&session->http, plain, size_bytes);
        tls_connection_take(session->tls, read);
        if (read < size_bytes)
            return false;
    }
    return true;
}

static size_t take_secure(struct session *session, const char *data, size_t size_bytes)
{
    size_t read = 0;
    while (answer_plain(session) && read < size_bytes)
        read += tls_connection_receive(session->tls, data + read, size_bytes - read);
    return read;
}

static bool secure_read(struct session *session)
{
    bool was_open = tls_connection_state(session->tls) != TLS_SHAKING_HANDS;
    if (answer_plain(session))
        session_read_by(session, take_secure);
    enum tls_state state = tls_connection_state(session->tls);
    if (!was_open && state != TLS_SHAKING_HANDS && state != TLS_FAILED)
        http_count(HTTP_TLS_HANDSHAKES, 1);
    if (state == TLS_ENDED)
        session->peer_closed = true;
    if (state == TLS_FAILED)
        http_count(HTTP_TLS_FAILURES, 1);
    return state != TLS_FAILED;
}

// ---- the rest -----------------------------------------------------------------------------------

static bool secure_open(struct session *session)
{
    session->tls = tls_connection_create(session->server->tls_context, NULL, output, session);
    return session->tls != NULL;
}

static bool secure_flush(struct session *session)
{
    bool waited = tls_connection_output_waits(session->tls);
    if (waited)
        tls_connection_flush(session->tls);
    return waited;
}

static bool secure_end(struct session *session)
{
    tls_connection_close(session->tls);
    return !tls_connection_output_waits(session->tls);
}

static void secure_free(struct session *session)
{
    tls_connection_destroy(session->tls);
    session->tls = NULL;
}

static const struct session_security security = {
    .open = secure_open,
    .write = secure_write,
    .read = secure_read,
    .flush = secure_flush,
    .end = secure_end,
    .free = secure_free,
};

int http_server_start_secure(uint16_t port, unsigned connections_max, struct tls_context *context)
{
    return http_server_listen(port, connections_max, &security, context);
}

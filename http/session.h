// SPDX-License-Identifier: MIT
// A connection of the server: its times, its bytes and its end. For http/server.c, which lets it
// in, and http/secure.c, which stands between it and TCP where it is encrypted.
#pragma once

#include "http/connection.h"
#include "http/counters.h"
#include "kernel/compiler.h"
#include "kernel/time.h"
#include "lwip/pbuf.h"
#include "lwip/tcp.h"

struct session;
struct tls_connection;
struct tls_context;

// What is different for a session with TLS. A table, so that a server without links none of it.
struct session_security {
    // Returns: false without memory.
    bool (*open)(struct session *session);
    http_write_fn write;
    // Returns: false if it has failed; what the other side is told is written.
    bool (*read)(struct session *session);
    // Offers again what TCP had no room for. Returns: true if there was any.
    bool (*flush)(struct session *session);
    // Tells the other side that nothing more comes. Returns: false while output waits.
    bool (*end)(struct session *session);
    void (*free)(struct session *session);
};

// Each list has one time limit, so each is in the order of its deadlines, oldest first.
enum session_list_id { SILENT, IDLE, HEAD, BODY, WAITING, WRITING, LINGERING, LISTS };
struct session {
    struct http_connection http; // first: CONTAINER_OF
    struct server *server;
    struct tcp_pcb *pcb;
    struct tls_connection *tls; // NULL: plain HTTP
    struct pbuf *unread;        // what came in and was not read yet
    uint16_t unread_at;         // bytes of its first buffer that were
    bool peer_closed;           // it sends no more
    bool closing;               // we send no more
    uint8_t list;
    uint32_t answered;    // of http, when the deadline was set
    uint32_t body_bytes;  // likewise
    uint32_t taken_bytes; // by the client since then
    uint64_t deadline_ns, renew_at_ns;
    struct session *next, *previous;
};

struct server {
    struct server *next;
    struct tcp_pcb *listener; // NULL: it is stopping
    struct timer timer;
    unsigned connections_max, connections;
    size_t unread_bytes;                     // of all sessions
    const struct session_security *security; // NULL: plain HTTP
    struct tls_context *tls_context;
    struct session_list {
        struct session *first, *last;
    } lists[LISTS];
};

// Takes bytes that came. Returns: how many.
typedef size_t session_take_fn(struct session *session, const char *data, size_t size_bytes);

// Reads until all is read or an answer waits for room. Only what was read opens the window again.
static inline __attribute__((always_inline)) void session_read_by(struct session *session,
                                                                  session_take_fn *take)
{
    uint32_t total = 0;
    while (session->unread) {
        struct pbuf *head = session->unread;
        size_t size = head->len - session->unread_at;
        const char *data = (const char *)head->payload + session->unread_at;
        size_t read = take(session, data, size);
        total += (uint32_t)read;
        if (read < size) {
            session->unread_at += (uint16_t)read;
            break;
        }
        session->unread = head->next;
        session->unread_at = 0;
        if (head->next)
            pbuf_ref(head->next);
        pbuf_free(head);
    }
    session->server->unread_bytes -= total;
    http_count(HTTP_BYTES_RECEIVED, total);
    for (uint16_t now; total > 0; total -= now) {
        now = (uint16_t)LWIP_MIN(total, UINT16_MAX);
        tcp_recved(session->pcb, now);
    }
}

// Time limits are exact to this: the timer looks no more often.
#define TIMER_SLACK_NS (500 * NS_PER_MS)

// A session for a connection that lwIP let in. Returns: NULL without memory; `pcb` is the caller's.
struct session *session_start(struct server *server, struct tcp_pcb *pcb);
// Does what can be done now. The session may be gone afterwards.
// Returns: what a callback of this connection returns to lwIP.
err_t session_advance(struct session *session);
// Ends it; what was written is still delivered. Returns: likewise.
err_t session_close(struct session *session);
// Its time is over.
void session_expire(struct session *session);
// Since when it is in the list where it is.
uint64_t session_listed_ns(const struct session *session);
// Who it is with: http_client_name of http/connection_log.h.
void session_client_name(const struct http_connection *http, char *text);

// As http_server_start(), with or without `security`.
int http_server_listen(uint16_t port, unsigned connections_max,
                       const struct session_security *security,
                       struct tls_context *context) MUST_CHECK;

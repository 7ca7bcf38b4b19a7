// SPDX-License-Identifier: MIT
// Who is let in, for how long, and the end. What a connection does: http/session.c.
#include "http/server.h"

#include <errno.h>

#include "http/connection_log.h"
#include "http/date.h"
#include "http/memo.h"
#include "http/session.h"
#include "kernel/heap.h"
#include "kernel/panic.h"
#include "lwip/priv/tcp_priv.h"
#include "net/orphan.h"

// A connection that was silent so long may go when room is needed.
#define SILENT_SPARED_NS NS_PER_S

static PERCORE struct server *servers;

// Ends the session that is idle for the longest time. Returns: false if there is none.
static bool server_evict(struct server *server)
{
    struct session *session = server->lists[IDLE].first;
    if (!session) {
        session = server->lists[SILENT].first;
        if (!session || time_now_ns() - session_listed_ns(session) < SILENT_SPARED_NS)
            return false;
    }
    http_count(HTTP_CONNECTIONS_EVICTED, 1);
    (void)session_close(session);
    return true;
}

static err_t on_accept(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct server *server = argument;
    if (error != ERR_OK || !pcb)
        return ERR_VAL;
    bool crowded = server->connections >= server->connections_max && !server_evict(server);
    if (crowded)
        http_count(HTTP_CONNECTIONS_REFUSED, 1);
    // Being told 503 takes a session too, of which there are some more.
    bool hopeless = server->security || server->connections >= server->connections_max +
                                                                   server->connections_max / 8 + 8;
    struct session *session = crowded && hopeless ? NULL : session_start(server, pcb);
    if (!session) {
        if (!crowded)
            http_count(HTTP_CONNECTIONS_REFUSED, 1);
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    http_count(HTTP_CONNECTIONS_ACCEPTED, 1);
    if (!crowded)
        return ERR_OK;
    http_connection_refuse(&session->http, 503);
    return session_advance(session);
}

// ---- time limits and the start ------------------------------------------------------------------

static void on_timer(struct timer *timer)
{
    struct server *server = CONTAINER_OF(timer, struct server, timer);
    uint64_t now_ns = time_now_ns();
    uint64_t next_ns = TIME_NEVER;
    http_date_refresh(now_ns);
    for (int id = 0; id < LISTS; id++) {
        struct session *session;
        while ((session = server->lists[id].first) && session->deadline_ns <= now_ns)
            session_expire(session);
    }
    for (int id = 0; id < LISTS; id++) {
        if (server->lists[id].first && server->lists[id].first->deadline_ns < next_ns)
            next_ns = server->lists[id].first->deadline_ns;
    }
    if (next_ns != TIME_NEVER)
        timer_start(timer, next_ns + TIMER_SLACK_NS);
}

int http_server_listen(uint16_t port, unsigned connections_max,
                       const struct session_security *security, struct tls_context *context)
{
    ASSERT(connections_max > 0);
    struct server *server = heap_alloc_zeroed(sizeof(*server));
    struct tcp_pcb *pcb = server ? tcp_new_ip_type(IPADDR_TYPE_ANY) : NULL;
    if (!pcb) {
        heap_free(server);
        return -ENOMEM;
    }
    http_client_name = session_client_name;
    server->connections_max = connections_max;
    server->security = security;
    server->tls_context = context;
    server->timer.expired = on_timer;
    if (tcp_bind(pcb, IP_ANY_TYPE, port) != ERR_OK) {
        tcp_abort(pcb);
        heap_free(server);
        return -EADDRINUSE;
    }
    server->listener = tcp_listen_with_backlog(pcb, TCP_DEFAULT_LISTEN_BACKLOG);
    if (!server->listener) {
        tcp_abort(pcb);
        heap_free(server);
        return -ENOMEM;
    }
    tcp_arg(server->listener, server);
    tcp_accept(server->listener, on_accept);
    server->next = servers;
    servers = server;
    return 0;
}

int http_server_start(uint16_t port, unsigned connections_max)
{
    return http_server_listen(port, connections_max, NULL, NULL);
}

// ---- the end ------------------------------------------------------------------------------------

void http_server_stop(void)
{
    http_memo_forget(); // what is known would be answered on connections that stay
    for (struct server *server = servers; server; server = server->next) {
        if (!server->listener)
            continue;
        (void)tcp_close(server->listener); // of a listener this cannot fail
        server->listener = NULL;
        while (server->lists[IDLE].first)
            (void)session_close(server->lists[IDLE].first);
        while (server->lists[SILENT].first)
            (void)session_close(server->lists[SILENT].first);
        for (int id = 0; id < LISTS; id++) {
            for (struct session *session = server->lists[id].first; session;
                 session = session->next)
                http_connection_finish(&session->http);
        }
    }
}

static bool is_sent(const struct tcp_pcb *pcb)
{
    return !pcb->unsent && !pcb->unacked;
}

unsigned http_server_left(void)
{
    unsigned left = 0;
    for (struct server *server = servers; server; server = server->next) {
        struct session *next;
        for (struct session *session = server->lists[LINGERING].first; session; session = next) {
            next = session->next;
            if (is_sent(session->pcb))
                (void)session_close(session);
        }
        left += server->connections;
    }
    // What was closed lwIP still delivers. What has a session was counted.
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
        left += net_orphan_is(pcb) && !is_sent(pcb);
    return left;
}

// SPDX-License-Identifier: MIT
#include "http/session.h"

#include "http/date.h"
#include "kernel/heap.h"
#include "lwip/priv/tcp_priv.h"
#include "net/orphan.h"
#include "net/tcp_window.h"

// A deadline is renewed no more often, so a limit may be this much shorter: a busy session moves in
// its list a few times a second, not for each request.
#define RENEW_NS (100 * NS_PER_MS)
// Below, copying costs less than a descriptor of its own and lets answers share a segment.
#define COPY_BYTES_MAX 512
// Of copied answers a client may leave unread: what it pipelines beyond waits.
#define COPIED_BYTES_MAX (32 * 1024)
// Of requests that wait while answers cannot be sent: of one client, until lwIP holds it back, and
// of all, until who adds to them is cut off.
#define UNREAD_BYTES_MAX     (32 * 1024)
#define UNREAD_ALL_BYTES_MAX (16 * 1024 * 1024)
// A client that takes less of an answer in one time limit is too slow.
#define TAKEN_BYTES_MIN 4096
// Likewise one that sends less of a body.
#define RECEIVED_BYTES_MIN 65536
// Between looks at a connection on which nothing happens.
#define POLL_MS 2000

static const uint64_t limits_ns[LISTS] = {
    [SILENT] = 10 * NS_PER_S,    // for a first byte
    [IDLE] = 60 * NS_PER_S,      // between requests
    [HEAD] = 10 * NS_PER_S,      // for a whole header section
    [BODY] = 20 * NS_PER_S,      // for each RECEIVED_BYTES_MIN after that
    [WAITING] = 60 * NS_PER_S,   // for a handler
    [WRITING] = 30 * NS_PER_S,   // for each TAKEN_BYTES_MIN, and for the rest
    [LINGERING] = 10 * NS_PER_S, // for the client to close, when it has all
};

// ---- lists and time -----------------------------------------------------------------------------

static void session_unlist(struct session *session)
{
    struct session_list *list = &session->server->lists[session->list];
    if (session->previous)
        session->previous->next = session->next;
    else
        list->first = session->next;
    if (session->next)
        session->next->previous = session->previous;
    else
        list->last = session->previous;
}

static void session_list_last(struct session *session, enum session_list_id id)
{
    struct server *server = session->server;
    struct session_list *list = &server->lists[id];
    session->list = (uint8_t)id;
    uint64_t now_ns = time_now_ns();
    session->deadline_ns = now_ns + limits_ns[id];
    session->renew_at_ns = now_ns + RENEW_NS;
    session->answered = session->http.answered;
    session->body_bytes = session->http.body_bytes;
    session->taken_bytes = 0;
    session->next = NULL;
    session->previous = list->last;
    if (list->last)
        list->last->next = session;
    else
        list->first = session;
    list->last = session;
    uint64_t look_ns = session->deadline_ns + TIMER_SLACK_NS;
    if (!server->timer.pending || look_ns < server->timer.deadline_ns)
        timer_start(&server->timer, look_ns);
}

// The client has all bytes; of the end, which has none, it may not know.
static bool is_taken(const struct tcp_pcb *pcb)
{
    return (!pcb->unsent || pcb->unsent->len == 0) && (!pcb->unacked || pcb->unacked->len == 0);
}

// Puts the session where its state says. A request has its time from its beginning, however its
// bytes trickle in; an answer has more time only when enough of it was taken.
static void session_settle(struct session *session)
{
    static const uint8_t ids[] = {
        [HTTP_SILENT] = SILENT,      [HTTP_IDLE] = IDLE,       [HTTP_READING_HEAD] = HEAD,
        [HTTP_READING_BODY] = BODY,  [HTTP_WAITING] = WAITING, [HTTP_WRITING] = WRITING,
        [HTTP_FINISHED] = LINGERING,
    };
    enum session_list_id id = ids[http_connection_state(&session->http)];
    if (id == LINGERING && !is_taken(session->pcb))
        id = WRITING;
    bool stays = id == session->list;
    if (stays && time_now_ns() < session->renew_at_ns)
        return;
    bool renew = id == WRITING ? session->taken_bytes >= TAKEN_BYTES_MIN
                               : session->answered != session->http.answered;
    if (id == BODY && session->http.body_bytes - session->body_bytes >= RECEIVED_BYTES_MIN)
        renew = true;
    if (stays && !renew)
        return;
    session_unlist(session);
    session_list_last(session, id);
}

// ---- the end of a session -----------------------------------------------------------------------

static void session_drop_unread(struct session *session)
{
    if (!session->unread)
        return;
    uint32_t left = (uint32_t)session->unread->tot_len - session->unread_at;
    session->server->unread_bytes -= left;
    pbuf_free(session->unread);
    session->unread = NULL;
    session->unread_at = 0;
    for (uint16_t now; left > 0; left -= now) {
        now = (uint16_t)LWIP_MIN(left, UINT16_MAX);
        if (session->pcb)
            tcp_recved(session->pcb, now);
    }
}

static void session_free(struct session *session)
{
    session_drop_unread(session);
    session_unlist(session);
    session->server->connections--;
    http_count(HTTP_CONNECTIONS_CLOSED, 1);
    if (session->tls)
        session->server->security->free(session);
    http_connection_release(&session->http);
    heap_free(session);
}

// Returns: ERR_ABRT, which a callback of this connection must hand on to lwIP.
static err_t session_abort(struct session *session)
{
    struct tcp_pcb *pcb = session->pcb;
    session->pcb = NULL;
    session_free(session);
    net_orphan_reset(pcb);
    return ERR_ABRT;
}

// What was written is still delivered.
err_t session_close(struct session *session)
{
    session_drop_unread(session); // else lwIP would reset the connection
    if (session->tls)
        (void)session->server->security->end(session);
    struct tcp_pcb *pcb = session->pcb;
    session->pcb = NULL;
    session_free(session);
    return net_orphan_close(pcb);
}

// ---- bytes in and out ---------------------------------------------------------------------------

static size_t session_write(struct http_connection *http, const char *data, size_t size_bytes,
                            bool lasting, bool more)
{
    struct tcp_pcb *pcb = CONTAINER_OF(http, struct session, http)->pcb;
    bool copy = !lasting || size_bytes <= COPY_BYTES_MAX;
    size_t taken = 0;
    while (taken < size_bytes) {
        size_t room = pcb->snd_buf; // tcp_sndbuf() stops at 65535
        size_t queued = net_window_queued(pcb);
        if (copy)
            room = queued < COPIED_BYTES_MAX ? LWIP_MIN(room, COPIED_BYTES_MAX - queued) : 0;
        size_t now = LWIP_MIN(LWIP_MIN(size_bytes - taken, room), UINT16_MAX);
        uint8_t flags = copy ? TCP_WRITE_FLAG_COPY : 0;
        if (more || taken + now < size_bytes)
            flags |= TCP_WRITE_FLAG_MORE;
        if (now == 0 || tcp_write(pcb, data + taken, (uint16_t)now, flags) != ERR_OK)
            break;
        taken += now;
    }
    http_count(HTTP_BYTES_SENT, taken);
    return taken;
}

static size_t take_plain(struct session *session, const char *data, size_t size_bytes)
{
    return http_connection_receive(&session->http, data, size_bytes);
}

// Returns: false if the session is to be closed.
static bool session_read(struct session *session)
{
    if (session->tls)
        return session->server->security->read(session);
    session_read_by(session, take_plain);
    return true;
}

// What comes in waits meanwhile.
static bool answer_is_under_way(enum http_state state)
{
    return state == HTTP_WAITING || state == HTTP_WRITING;
}

// Does what can be done now. The session may be gone afterwards.
// Returns: what a callback of this connection returns to lwIP.
err_t session_advance(struct session *session)
{
    if (!session->closing && !session_read(session))
        return session_close(session);
    enum http_state state = http_connection_state(&session->http);
    if (state == HTTP_FINISHED && !session->closing &&
        (!session->tls || session->server->security->end(session))) {
        // Only our side ends: closing all while the client still sends would reset the connection,
        // and it might lose the answer. Spec: RFC 9112, 9.6.
        session->closing = true;
        session_drop_unread(session);
        if (tcp_shutdown(session->pcb, 0, 1) != ERR_OK)
            return session_abort(session);
    }
    bool is_idle = state == HTTP_IDLE || state == HTTP_SILENT;
    if (session->peer_closed ? !answer_is_under_way(state) : is_idle && !session->server->listener)
        return session_close(session);
    session_settle(session);
    tcp_output(session->pcb);
    return ERR_OK;
}

// There is room again. Returns: true if something waited for it.
static bool session_resume(struct session *session)
{
    bool waited = session->tls && session->server->security->flush(session);
    if (http_connection_state(&session->http) != HTTP_WRITING)
        return waited;
    http_connection_resume(&session->http);
    return true;
}

// ---- what lwIP calls ----------------------------------------------------------------------------

static err_t on_receive(void *argument, struct tcp_pcb *pcb, struct pbuf *data, err_t error)
{
    struct session *session = argument;
    (void)error;
    if (!data) {
        session->peer_closed = true;
        return session_advance(session);
    }
    if (session->closing) { // discarded; the time to linger goes on
        tcp_recved(pcb, data->tot_len);
        pbuf_free(data);
        return ERR_OK;
    }
    bool waits = answer_is_under_way(http_connection_state(&session->http));
    if (waits && session->unread &&
        (uint32_t)session->unread->tot_len + data->tot_len > UNREAD_BYTES_MAX)
        return ERR_MEM; // lwIP keeps it and accepts no more
    session->server->unread_bytes += data->tot_len;
    if (session->unread)
        pbuf_cat(session->unread, data);
    else
        session->unread = data;
    if (waits)
        return session->server->unread_bytes > UNREAD_ALL_BYTES_MAX ? session_abort(session)
                                                                    : ERR_OK;
    http_date_refresh(time_now_ns());
    return session_advance(session);
}

static err_t on_sent(void *argument, struct tcp_pcb *pcb, uint16_t size_bytes)
{
    struct session *session = argument;
    (void)pcb;
    session->taken_bytes += size_bytes;
    if (session_resume(session))
        return session_advance(session);
    if (session->closing)
        session_settle(session);
    return ERR_OK;
}

// A handler answered later than in its call.
static void on_wake(struct http_connection *http)
{
    http_date_refresh(time_now_ns());
    (void)session_advance(CONTAINER_OF(http, struct session, http));
}

// Without memory a write can fail with nothing under way whose arrival would call on_sent().
static err_t on_poll(void *argument, struct tcp_pcb *pcb)
{
    struct session *session = argument;
    (void)pcb;
    return session_resume(session) ? session_advance(session) : ERR_OK;
}

static void on_error(void *argument, err_t error)
{
    struct session *session = argument;
    (void)error;
    session->pcb = NULL; // lwIP has freed it
    session_free(session);
}

// ---- for the server -----------------------------------------------------------------------------

struct session *session_start(struct server *server, struct tcp_pcb *pcb)
{
    struct session *session = heap_alloc_zeroed(sizeof(*session));
    if (!session)
        return NULL;
    session->server = server;
    session->pcb = pcb;
    http_connection_start(&session->http,
                          server->security ? server->security->write : session_write, on_wake);
    session->http.secure = server->security != NULL;
    if (server->security && !server->security->open(session)) {
        heap_free(session);
        return NULL;
    }
    session_list_last(session, SILENT);
    server->connections++;
    tcp_arg(pcb, session);
    tcp_recv(pcb, on_receive);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    tcp_poll(pcb, on_poll, POLL_MS / TCP_SLOW_INTERVAL);
    tcp_nagle_disable(pcb); // answers are written whole
    return session;
}

uint64_t session_listed_ns(const struct session *session)
{
    return session->deadline_ns - limits_ns[session->list];
}

void session_expire(struct session *session)
{
    http_count(HTTP_TIMEOUTS, 1);
    switch ((enum session_list_id)session->list) {
    case HEAD:
    case BODY:
        http_connection_refuse(&session->http, 408);
        (void)session_advance(session);
        return;
    case WAITING:
        http_connection_refuse(&session->http, 503);
        (void)session_advance(session);
        return;
    case SILENT:
    case IDLE:
        (void)session_close(session);
        return;
    default:
        (void)session_abort(session);
    }
}

void session_client_name(const struct http_connection *http, char *text)
{
    const struct session *session = CONTAINER_OF(http, struct session, http);
    if (session->pcb)
        ipaddr_ntoa_r(&session->pcb->remote_ip, text, HTTP_CLIENT_BYTES);
}

// SPDX-License-Identifier: MIT
// lwIP's callbacks, which run in the core's loop, hang what happened on the socket and wake its
// threads; the calls of threads look at the socket, wait, and look again.
#include "net/local_ports.h"
#include "net/socket.h"

#include <errno.h>
#include <string.h>

#include "kernel/heap.h"
#include "kernel/panic.h"
#include "kernel/sync.h"
#include "kernel/thread.h"
#include "net/net.h"
#include "net/orphan.h"

#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"

// Below, copying costs less than a descriptor of its own.
#define COPY_BYTES_MAX 512
// Between looks at a connection on which nothing happens, in ticks of lwIP's.
#define POLL_INTERVAL (1000 / TCP_SLOW_INTERVAL)

struct tcp_socket {
    struct tcp_pcb *pcb;       // NULL: lwIP has freed it, or goes on with it alone
    struct pbuf *first, *last; // what came in and was not returned, by their `next` alone
    size_t first_at;           // bytes of `first` that were returned
    int error;                 // how it ended; 0: not, or in order
    bool connected;
    bool peer_closed; // it sends no more
    bool shut;        // we send no more
    struct wait_queue readers, writers;
    struct socket_address peer;
    struct tcp_listener *listener; // in whose line it is
    struct tcp_socket *next;       // there
};

struct tcp_listener {
    struct tcp_pcb *pcb;
    struct tcp_socket *first, **end; // clients in line
    struct wait_queue acceptors;
};

// ---- what came in -------------------------------------------------------------------------------

static void drop_first(struct tcp_socket *socket)
{
    struct pbuf *first = socket->first;
    socket->first = first->next;
    socket->first_at = 0;
    if (socket->first == NULL)
        socket->last = NULL;
    first->next = NULL; // freed alone
    pbuf_free(first);
}

static void drop_empty(struct tcp_socket *socket)
{
    while (socket->first != NULL && socket->first->len == socket->first_at)
        drop_first(socket);
}

static void append(struct tcp_socket *socket, struct pbuf *data)
{
    if (socket->last != NULL)
        socket->last->next = data;
    else
        socket->first = data;
    while (data->next != NULL)
        data = data->next;
    socket->last = data;
    drop_empty(socket);
}

static void open_window(struct tcp_socket *socket, size_t size_bytes)
{
    for (uint16_t now; socket->pcb != NULL && size_bytes > 0; size_bytes -= now) {
        now = (uint16_t)LWIP_MIN(size_bytes, UINT16_MAX);
        tcp_recved(socket->pcb, now);
    }
}

static void drop_all(struct tcp_socket *socket)
{
    size_t size_bytes = 0;
    for (; socket->first != NULL; drop_first(socket))
        size_bytes += socket->first->len - socket->first_at;
    open_window(socket, size_bytes); // else lwIP would reset the connection
}

// ---- the end of a connection --------------------------------------------------------------------

static void wake_all(struct tcp_socket *socket)
{
    wait_queue_wake_all(&socket->readers);
    wait_queue_wake_all(&socket->writers);
}

// From now on lwIP is alone with the connection.
static struct tcp_pcb *let_go(struct tcp_socket *socket)
{
    struct tcp_pcb *pcb = socket->pcb;
    socket->pcb = NULL;
    net_orphan_make(pcb);
    return pcb;
}

// With both sides closed lwIP keeps it for a while and then frees it without a word.
static void let_go_if_over(struct tcp_socket *socket)
{
    if (socket->pcb != NULL && socket->shut && socket->peer_closed)
        let_go(socket);
}

static void leave_line(struct tcp_socket *socket)
{
    struct tcp_listener *listener = socket->listener;
    struct tcp_socket **at = &listener->first;
    while (*at != socket)
        at = &(*at)->next;
    *at = socket->next;
    if (socket->next == NULL)
        listener->end = at;
    socket->listener = NULL;
}

void tcp_socket_abort(struct tcp_socket *socket)
{
    if (socket->pcb != NULL)
        net_orphan_reset(let_go(socket));
    if (socket->error == 0)
        socket->error = -ECONNABORTED;
    wake_all(socket);
}

void tcp_socket_close(struct tcp_socket *socket)
{
    ASSERT(socket->readers.first == NULL && socket->writers.first == NULL);
    drop_all(socket);
    if (socket->pcb != NULL)
        net_orphan_close(let_go(socket));
    heap_free(socket);
}

void tcp_socket_shutdown(struct tcp_socket *socket)
{
    if (socket->pcb == NULL || socket->shut)
        return;
    socket->shut = true;
    wait_queue_wake_all(&socket->writers);
    if (tcp_shutdown(socket->pcb, 0, 1) != ERR_OK)
        tcp_socket_abort(socket);
    else
        let_go_if_over(socket);
}

// ---- what lwIP calls ----------------------------------------------------------------------------

static err_t on_receive(void *argument, struct tcp_pcb *pcb, struct pbuf *data, err_t error)
{
    struct tcp_socket *socket = argument;
    (void)pcb;
    (void)error;
    if (data != NULL) {
        append(socket, data);
    } else {
        socket->peer_closed = true;
        let_go_if_over(socket);
    }
    wait_queue_wake_one(&socket->readers);
    return ERR_OK;
}

static bool is_all_acknowledged(const struct tcp_pcb *pcb)
{
    return pcb->unsent == NULL && pcb->unacked == NULL;
}

// A writer waits for room worth a few segments: filling each byte that is acknowledged with the
// next one would end in segments of one byte. Spec: RFC 1122, 4.2.3.4.
static err_t on_sent(void *argument, struct tcp_pcb *pcb, uint16_t size_bytes)
{
    struct tcp_socket *socket = argument;
    (void)size_bytes;
    if (pcb->snd_buf >= TCP_SNDLOWAT || is_all_acknowledged(pcb))
        wait_queue_wake_one(&socket->writers);
    return ERR_OK;
}

// Without memory a write can fail with nothing under way whose arrival would call on_sent().
static err_t on_poll(void *argument, struct tcp_pcb *pcb)
{
    return on_sent(argument, pcb, 0);
}

static err_t on_connected(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct tcp_socket *socket = argument;
    (void)pcb;
    (void)error; // "always ERR_OK"
    socket->connected = true;
    wait_queue_wake_one(&socket->writers);
    return ERR_OK;
}

static void on_error(void *argument, err_t error)
{
    struct tcp_socket *socket = argument;
    socket->pcb = NULL; // lwIP has freed it
    if (socket->listener != NULL) {
        leave_line(socket);
        tcp_socket_close(socket);
        return;
    }
    if (error == ERR_CLSD)
        socket->peer_closed = true;
    else if (socket->connected)
        socket->error = socket_errno(error);
    else
        socket->error = error == ERR_RST ? -ECONNREFUSED : -ETIMEDOUT;
    wake_all(socket);
}

static struct tcp_socket *socket_of(struct tcp_pcb *pcb)
{
    struct tcp_socket *socket = heap_alloc_zeroed(sizeof(*socket));
    if (socket == NULL)
        return NULL;
    socket->pcb = pcb;
    socket->peer = (struct socket_address){.ip = pcb->remote_ip, .port = pcb->remote_port};
    tcp_arg(pcb, socket);
    tcp_recv(pcb, on_receive);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    tcp_poll(pcb, on_poll, POLL_INTERVAL);
    tcp_nagle_disable(pcb); // each send is a whole message
    return socket;
}

static err_t on_accept(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct tcp_listener *listener = argument;
    if (error != ERR_OK || pcb == NULL)
        return ERR_VAL;
    struct tcp_socket *socket = socket_of(pcb);
    if (socket == NULL) {
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    tcp_backlog_delayed(pcb);
    socket->connected = true;
    socket->listener = listener;
    *listener->end = socket;
    listener->end = &socket->next;
    wait_queue_wake_one(&listener->acceptors);
    return ERR_OK;
}

// ---- opening ------------------------------------------------------------------------------------

int tcp_listener_open(uint16_t port, struct tcp_listener **out)
{
    struct tcp_listener *listener = heap_alloc_zeroed(sizeof(*listener));
    struct tcp_pcb *pcb = listener == NULL ? NULL : tcp_new_ip_type(IPADDR_TYPE_ANY);
    err_t error = ERR_MEM;
    if (pcb != NULL) {
        ip_set_option(pcb, SOF_REUSEADDR);
        error = tcp_bind(pcb, IP_ANY_TYPE, port);
    }
    if (error == ERR_OK)
        listener->pcb = tcp_listen_with_backlog_and_err(pcb, TCP_DEFAULT_LISTEN_BACKLOG, &error);
    if (error != ERR_OK) {
        if (pcb != NULL)
            tcp_abort(pcb);
        heap_free(listener);
        return socket_errno(error);
    }
    listener->end = &listener->first;
    tcp_arg(listener->pcb, listener);
    tcp_accept(listener->pcb, on_accept);
    *out = listener;
    return 0;
}

int tcp_listener_accept(struct tcp_listener *listener, uint64_t deadline_ns,
                        struct tcp_socket **out)
{
    for (int error = 0; listener->first == NULL;) {
        if (error != 0)
            return error;
        ASSERT(thread_may_wait());
        error = wait_queue_wait_until(&listener->acceptors, deadline_ns);
    }
    struct tcp_socket *socket = listener->first;
    leave_line(socket);
    if (socket->pcb != NULL)
        tcp_backlog_accepted(socket->pcb);
    *out = socket;
    return 0;
}

void tcp_listener_close(struct tcp_listener *listener)
{
    ASSERT(listener->acceptors.first == NULL);
    for (struct tcp_socket *socket; (socket = listener->first) != NULL;) {
        leave_line(socket);
        tcp_socket_abort(socket);
        tcp_socket_close(socket);
    }
    err_t always = tcp_close(listener->pcb);
    ASSERT(always == ERR_OK);
    heap_free(listener);
}

static int connect_start(struct tcp_socket *socket, const struct socket_address *to)
{
    err_t error = net_bind_own_port(socket->pcb);
    if (error == ERR_OK)
        error = tcp_connect(socket->pcb, &to->ip, to->port, on_connected);
    return socket_errno(error);
}

static int connect_wait(struct tcp_socket *socket, uint64_t deadline_ns)
{
    for (int error = 0; !socket->connected;) {
        if (socket->error != 0)
            return socket->error;
        if (error != 0)
            return error;
        error = wait_queue_wait_until(&socket->writers, deadline_ns);
    }
    return 0;
}

int tcp_socket_connect(const struct socket_address *to, uint64_t deadline_ns,
                       struct tcp_socket **out)
{
    ASSERT(thread_may_wait());
    int error = net_wait_ready(deadline_ns);
    if (error != 0)
        return error;
    struct tcp_pcb *pcb = tcp_new_ip_type(IP_GET_TYPE(&to->ip));
    struct tcp_socket *socket = pcb == NULL ? NULL : socket_of(pcb);
    if (socket == NULL) {
        if (pcb != NULL)
            tcp_abort(pcb);
        return -ENOMEM;
    }
    socket->peer = *to;
    error = connect_start(socket, to);
    if (error == 0)
        error = connect_wait(socket, deadline_ns);
    if (error == 0) {
        *out = socket;
        return 0;
    }
    tcp_socket_abort(socket);
    tcp_socket_close(socket);
    return error;
}

const struct socket_address *tcp_socket_peer(const struct tcp_socket *socket)
{
    return &socket->peer;
}

// ---- receiving ----------------------------------------------------------------------------------

ssize_t tcp_socket_borrow(struct tcp_socket *socket, const void **data, uint64_t deadline_ns)
{
    for (int error = 0; socket->first == NULL;) {
        if (socket->error != 0)
            return socket->error;
        if (socket->peer_closed || socket->pcb == NULL)
            return 0;
        if (error != 0)
            return error;
        ASSERT(thread_may_wait());
        error = wait_queue_wait_until(&socket->readers, deadline_ns);
    }
    *data = (const uint8_t *)socket->first->payload + socket->first_at;
    return (ssize_t)(socket->first->len - socket->first_at);
}

static void consume(struct tcp_socket *socket, size_t size_bytes)
{
    socket->first_at += size_bytes;
    drop_empty(socket);
}

void tcp_socket_return(struct tcp_socket *socket, size_t size_bytes)
{
    if (size_bytes == 0)
        return;
    ASSERT(socket->first != NULL && size_bytes <= socket->first->len - socket->first_at);
    consume(socket, size_bytes);
    open_window(socket, size_bytes);
}

ssize_t tcp_socket_receive(struct tcp_socket *socket, void *buffer, size_t size_bytes,
                           uint64_t deadline_ns)
{
    const void *data;
    ssize_t first = tcp_socket_borrow(socket, &data, deadline_ns);
    if (first <= 0)
        return first;
    size_t copied = 0;
    while (socket->first != NULL && copied < size_bytes) {
        size_t now = LWIP_MIN(size_bytes - copied, socket->first->len - socket->first_at);
        memcpy((uint8_t *)buffer + copied,
               (const uint8_t *)socket->first->payload + socket->first_at, now);
        copied += now;
        consume(socket, now);
    }
    open_window(socket, copied);
    return (ssize_t)copied;
}

// ---- sending ------------------------------------------------------------------------------------

// Returns: how much lwIP took.
static size_t write_some(struct tcp_pcb *pcb, const uint8_t *data, size_t size_bytes, bool copy)
{
    size_t taken = 0;
    while (taken < size_bytes) {
        // tcp_sndbuf() stops at 65535.
        size_t now = LWIP_MIN(LWIP_MIN(size_bytes - taken, pcb->snd_buf), UINT16_MAX);
        uint8_t flags = copy ? TCP_WRITE_FLAG_COPY : 0;
        if (taken + now < size_bytes)
            flags |= TCP_WRITE_FLAG_MORE;
        if (now == 0 || tcp_write(pcb, data + taken, (uint16_t)now, flags) != ERR_OK)
            break;
        taken += now;
    }
    if (taken > 0)
        tcp_output(pcb);
    return taken;
}

// Why nothing can be sent, or 0.
static int cannot_send(const struct tcp_socket *socket)
{
    if (socket->error != 0)
        return socket->error;
    return socket->pcb == NULL || socket->shut ? -EPIPE : 0;
}

static int send_all(struct tcp_socket *socket, const uint8_t *data, size_t size_bytes, bool copy,
                    uint64_t deadline_ns)
{
    int error = cannot_send(socket);
    while (error == 0) {
        size_t taken = write_some(socket->pcb, data, size_bytes, copy);
        data += taken;
        size_bytes -= taken;
        if (size_bytes == 0)
            return 0;
        ASSERT(thread_may_wait());
        int late = wait_queue_wait_until(&socket->writers, deadline_ns);
        error = cannot_send(socket);
        if (error == 0)
            error = late;
    }
    return error;
}

int tcp_socket_send(struct tcp_socket *socket, const void *data, size_t size_bytes,
                    uint64_t deadline_ns)
{
    return send_all(socket, data, size_bytes, true, deadline_ns);
}

int tcp_socket_send_lasting(struct tcp_socket *socket, const void *data, size_t size_bytes,
                            uint64_t deadline_ns)
{
    return send_all(socket, data, size_bytes, size_bytes <= COPY_BYTES_MAX, deadline_ns);
}

int tcp_socket_flush(struct tcp_socket *socket, uint64_t deadline_ns)
{
    for (int error = 0;;) {
        if (socket->error != 0)
            return socket->error;
        if (socket->pcb == NULL)
            return -EPIPE;
        if (is_all_acknowledged(socket->pcb))
            return 0;
        if (error != 0)
            return error;
        ASSERT(thread_may_wait());
        error = wait_queue_wait_until(&socket->writers, deadline_ns);
    }
}

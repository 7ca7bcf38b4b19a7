// SPDX-License-Identifier: MIT
// Streams without end, to see how fast they are: discard on port 9 (RFC 863) takes what comes,
// chargen on port 19 (RFC 864) sends lines of characters, from memory that lasts.
#include <errno.h>
#include <string.h>

#include "kernel/log.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "net/net.h"

#include "lwip/tcp.h"

#define PORT_DISCARD 9
#define PORT_CHARGEN 19
#define LINE_BYTES   74 // 72 characters, the next line begins one further
#define PERIOD_BYTES (95 * LINE_BYTES)
#define WRITE_MAX    65535

static char lines[WRITE_MAX + PERIOD_BYTES];

static err_t discard(void *argument, struct tcp_pcb *pcb, struct pbuf *data, err_t error)
{
    (void)argument;
    (void)error;
    if (data == NULL)
        return tcp_close(pcb);
    tcp_recved(pcb, data->tot_len);
    pbuf_free(data);
    return ERR_OK;
}

static err_t send_more(void *argument, struct tcp_pcb *pcb, u16_t sent)
{
    (void)sent;
    size_t at = (uintptr_t)argument; // in the period
    u32_t room;
    while ((room = tcp_sndbuf(pcb)) > 0) {
        u16_t size_bytes = (u16_t)(room < WRITE_MAX ? room : WRITE_MAX);
        if (tcp_write(pcb, lines + at, size_bytes, 0) != ERR_OK)
            break; // when some of it was acknowledged there is room again
        at = (at + size_bytes) % PERIOD_BYTES;
    }
    tcp_arg(pcb, (void *)at);
    tcp_output(pcb);
    return ERR_OK;
}

static err_t discard_accepted(void *argument, struct tcp_pcb *pcb, err_t error)
{
    (void)argument;
    if (error != ERR_OK)
        return error;
    tcp_recv(pcb, discard);
    return ERR_OK;
}

static err_t chargen_accepted(void *argument, struct tcp_pcb *pcb, err_t error)
{
    if (discard_accepted(argument, pcb, error) != ERR_OK)
        return error;
    tcp_sent(pcb, send_more);
    return send_more(NULL, pcb, 0);
}

static int listen_on(u16_t port, tcp_accept_fn accepted)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    if (pcb == NULL)
        return -ENOMEM;
    struct tcp_pcb *listener = NULL;
    if (tcp_bind(pcb, IP_ANY_TYPE, port) == ERR_OK)
        listener = tcp_listen(pcb);
    if (listener == NULL) {
        tcp_abort(pcb);
        return -EADDRINUSE;
    }
    tcp_accept(listener, accepted);
    return 0;
}

static int serve_here(void *argument, unsigned cores)
{
    (void)argument;
    (void)cores;
    int error = listen_on(PORT_DISCARD, discard_accepted);
    return error != 0 ? error : listen_on(PORT_CHARGEN, chargen_accepted);
}

int main(void)
{
    for (size_t i = 0; i < sizeof(lines); i++) {
        size_t column = i % LINE_BYTES;
        if (column < LINE_BYTES - 2)
            lines[i] = (char)(' ' + (i / LINE_BYTES + column) % 95);
        else
            lines[i] = column == LINE_BYTES - 2 ? '\r' : '\n';
    }
    int error = net_wait_ready(TIME_NEVER);
    if (error == 0)
        error = net_spread(serve_here, NULL);
    if (error != 0) {
        log_warn("stream: cannot serve: %s", strerror(-error));
        return 1;
    }
    log_info("stream: discard on port %u, chargen on port %u", PORT_DISCARD, PORT_CHARGEN);
    for (;;)
        thread_sleep_until(TIME_NEVER);
}

// SPDX-License-Identifier: MIT
#include "net/local_ports.h"
#include "net/socket.h"

#include <errno.h>
#include <string.h>

#include "kernel/heap.h"
#include "kernel/panic.h"
#include "kernel/sync.h"
#include "kernel/thread.h"
#include "net/net.h"
#include "net/udp_send.h"

#include "lwip/pbuf.h"
#include "lwip/udp.h"

#define DATAGRAM_BYTES_MAX 65507 // what IPv4's and UDP's headers leave

struct datagram {
    struct pbuf *data;
    struct socket_address from;
};

struct udp_socket {
    struct udp_pcb *pcb;
    struct wait_queue readers;
    unsigned first, count; // of the ring
    uint64_t dropped;
    struct datagram ring[UDP_SOCKET_QUEUE];
};

static void on_datagram(void *argument, struct udp_pcb *pcb, struct pbuf *data,
                        const ip_addr_t *address, uint16_t port)
{
    struct udp_socket *socket = argument;
    (void)pcb;
    if (socket->count == UDP_SOCKET_QUEUE) {
        socket->dropped++;
        pbuf_free(data);
        return;
    }
    unsigned at = (socket->first + socket->count++) % UDP_SOCKET_QUEUE;
    struct datagram *datagram = &socket->ring[at];
    datagram->data = data;
    net_udp_came_from(&datagram->from, address, port);
    wait_queue_wake_one(&socket->readers);
}

int udp_socket_open(uint16_t port, struct udp_socket **out)
{
    struct udp_socket *socket = heap_alloc_zeroed(sizeof(*socket));
    struct udp_pcb *pcb = socket == NULL ? NULL : udp_new_ip_type(IPADDR_TYPE_ANY);
    err_t error = ERR_MEM;
    if (pcb != NULL)
        error = port == 0 ? net_bind_own_udp_port(pcb) : udp_bind(pcb, IP_ANY_TYPE, port);
    if (error != ERR_OK) {
        if (pcb != NULL)
            udp_remove(pcb);
        heap_free(socket);
        return socket_errno(error);
    }
    socket->pcb = pcb;
    udp_recv(pcb, on_datagram, socket);
    *out = socket;
    return 0;
}

ssize_t udp_socket_receive(struct udp_socket *socket, void *buffer, size_t size_bytes,
                           struct socket_address *from, uint64_t deadline_ns)
{
    for (int error = 0; socket->count == 0;) {
        if (error != 0)
            return error;
        ASSERT(thread_may_wait());
        error = wait_queue_wait_until(&socket->readers, deadline_ns);
    }
    struct datagram *datagram = &socket->ring[socket->first];
    socket->first = (socket->first + 1) % UDP_SOCKET_QUEUE;
    socket->count--;
    if (from != NULL)
        *from = datagram->from;
    struct pbuf *data = datagram->data;
    ssize_t whole = data->tot_len;
    if (data->next == NULL)
        memcpy(buffer, data->payload, LWIP_MIN(size_bytes, data->len));
    else
        pbuf_copy_partial(data, buffer, (uint16_t)LWIP_MIN(size_bytes, UINT16_MAX), 0);
    pbuf_free(data);
    return whole;
}

int udp_socket_send(struct udp_socket *socket, const void *data, size_t size_bytes,
                    const struct socket_address *to)
{
    if (size_bytes > DATAGRAM_BYTES_MAX)
        return -EMSGSIZE;
    err_t error = net_udp_send(socket->pcb, data, (u16_t)size_bytes, to);
    return error == ERR_OK ? 0 : socket_errno(error);
}

uint64_t udp_socket_dropped(const struct udp_socket *socket)
{
    return socket->dropped;
}

void udp_socket_close(struct udp_socket *socket)
{
    ASSERT(socket->readers.first == NULL);
    udp_remove(socket->pcb);
    for (; socket->count > 0; socket->count--) {
        pbuf_free(socket->ring[socket->first].data);
        socket->first = (socket->first + 1) % UDP_SOCKET_QUEUE;
    }
    heap_free(socket);
}

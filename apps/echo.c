// SPDX-License-Identifier: MIT
// Sends back what comes in at port 7, by TCP and UDP, on every core: how a service of threads
// looks. Its arguments are multicast groups to join. Spec: RFC 862.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/thread.h"
#include "kernel/time.h"
#include "net/groups.h"
#include "net/net.h"
#include "net/socket.h"

#define PORT               7
#define SILENCE_NS         (300 * NS_PER_S) // of a client: then the connection ends
#define DATAGRAM_BYTES_MAX 65507

// One connection: lent bytes go back as they lie.
static void echo_connection(void *argument)
{
    struct tcp_socket *socket = argument;
    const void *data;
    ssize_t size;
    while ((size = tcp_socket_borrow(socket, &data, time_now_ns() + SILENCE_NS)) > 0 &&
           tcp_socket_send(socket, data, (size_t)size, time_now_ns() + SILENCE_NS) == 0)
        tcp_socket_return(socket, (size_t)size);
    tcp_socket_close(socket);
}

static void accept_connections(void *argument)
{
    struct tcp_listener *listener = argument;
    struct tcp_socket *socket;
    while (tcp_listener_accept(listener, TIME_NEVER, &socket) == 0) {
        if (thread_create("connection", echo_connection, socket) == NULL)
            tcp_socket_close(socket); // no memory
    }
}

static void echo_datagrams(void *argument)
{
    struct udp_socket *socket = argument;
    char *buffer = malloc(DATAGRAM_BYTES_MAX);
    struct socket_address from;
    ssize_t size;
    while (buffer != NULL &&
           (size = udp_socket_receive(socket, buffer, DATAGRAM_BYTES_MAX, &from, TIME_NEVER)) >= 0)
        udp_socket_send(socket, buffer, (size_t)size, &from);
}

// On each core. Returns: 0 or a negative errno.
static int serve_here(void *argument, unsigned cores)
{
    (void)argument;
    (void)cores;
    struct tcp_listener *listener;
    struct udp_socket *datagrams;
    int error = tcp_listener_open(PORT, &listener);
    if (error == 0)
        error = udp_socket_open(PORT, &datagrams);
    if (error != 0)
        return error;
    return thread_create("accept", accept_connections, listener) != NULL &&
                   thread_create("datagrams", echo_datagrams, datagrams) != NULL
               ? 0
               : -ENOMEM;
}

// Datagrams to a multicast group are answered once: by core 0.
static int join(const char *group)
{
    ip_addr_t address;
    return ipaddr_aton(group, &address) ? net_group_join(&address) : -EINVAL;
}

int main(int argc, char **argv)
{
    int error = net_wait_ready(TIME_NEVER);
    for (int i = 1; i < argc && error == 0; i++)
        error = join(argv[i]);
    if (error == 0)
        error = net_spread(serve_here, NULL);
    if (error != 0) {
        printf("echo: %s\n", strerror(-error));
        return 1;
    }
    printf("echo: listening on port %d\n", PORT);
    for (;;)
        thread_sleep_until(TIME_NEVER);
}

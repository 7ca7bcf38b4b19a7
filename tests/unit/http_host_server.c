// SPDX-License-Identifier: MIT
// The http app's connections on a socket of the host, one process, to look at its pages in a
// browser:
//   make build/unit/http_host_server && build/unit/http_host_server 8080
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "apps/http/site.h"
#include "http/connection.h"
#include "http/counters.h"
#include "http/date.h"
#include "http_machine.h"

#define CONNECTIONS_MAX 256

static struct client {
    struct http_connection http;
    int socket; // 0: free
    char unread[16384];
    size_t unread_bytes;
} clients[CONNECTIONS_MAX];

static size_t client_write(struct http_connection *http, const char *data, size_t size_bytes,
                           bool lasting, bool more)
{
    (void)lasting;
    struct client *client = CONTAINER_OF(http, struct client, http);
    ssize_t sent = send(client->socket, data, size_bytes, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    if (sent > 0)
        http_count(HTTP_BYTES_SENT, (uint64_t)sent);
    return sent > 0 ? (size_t)sent : 0;
}

static void client_end(struct client *client)
{
    http_count(HTTP_CONNECTIONS_CLOSED, 1);
    http_connection_release(&client->http);
    close(client->socket);
    client->socket = 0;
}

static void client_turn(struct client *client, short events)
{
    if (events & POLLOUT)
        http_connection_resume(&client->http);
    size_t room = sizeof(client->unread) - client->unread_bytes;
    if (events & (POLLIN | POLLHUP | POLLERR)) {
        ssize_t got = recv(client->socket, client->unread + client->unread_bytes, room, 0);
        if (got <= 0 && !(got < 0 && errno == EAGAIN)) {
            client_end(client);
            return;
        }
        client->unread_bytes += got > 0 ? (size_t)got : 0;
    }
    size_t read = http_connection_receive(&client->http, client->unread, client->unread_bytes);
    client->unread_bytes -= read;
    memmove(client->unread, client->unread + read, client->unread_bytes);
    if (http_connection_state(&client->http) == HTTP_FINISHED)
        client_end(client);
}

static void client_accept(int listener)
{
    int accepted = accept(listener, NULL, NULL);
    for (size_t i = 0; accepted > 0 && i < CONNECTIONS_MAX; i++) {
        if (clients[i].socket)
            continue;
        core_this_index = (unsigned)i % 3;
        fcntl(accepted, F_SETFL, O_NONBLOCK);
        clients[i].socket = accepted;
        clients[i].unread_bytes = 0;
        http_connection_start(&clients[i].http, client_write, NULL);
        http_count(HTTP_CONNECTIONS_ACCEPTED, 1);
        return;
    }
    if (accepted > 0)
        close(accepted);
}

uint64_t time_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv)
{
    site_serve();
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 8080))};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 64)) {
        perror("http_host_server");
        return 1;
    }
    uint64_t started_ns = time_now_ns();
    for (;;) {
        struct pollfd polls[CONNECTIONS_MAX + 1] = {{listener, POLLIN, 0}};
        for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
            bool waits = http_connection_state(&clients[i].http) == HTTP_WRITING;
            polls[i + 1].fd = clients[i].socket ? clients[i].socket : -1;
            polls[i + 1].events = waits ? POLLOUT : POLLIN;
        }
        poll(polls, CONNECTIONS_MAX + 1, -1);
        machine.uptime_ns = time_now_ns() - started_ns;
        http_date_refresh(time_now_ns());
        for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
            core_this_index = (unsigned)i % 3;
            if (polls[i + 1].fd > 0 && polls[i + 1].revents)
                client_turn(&clients[i], polls[i + 1].revents);
        }
        if (polls[0].revents)
            client_accept(listener);
    }
}

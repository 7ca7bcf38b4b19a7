// SPDX-License-Identifier: MIT
// TCP and UDP for threads: calls that wait, one after the other, over lwIP's raw API.
//
// A socket belongs to the core that made it: all calls are made by threads of that core, and what
// only opens or closes also by its loop (net_spread()'s prepare). Calls with a deadline (the scale
// of time_now_ns(); TIME_NEVER; 0: do not wait for what is not there) let other threads run
// meanwhile. Several threads may use one socket, one at a time in each direction.
// Returns: where nothing else is said, 0 or a negative errno.
//
// Below it are lwIP's callbacks ("lwip/tcp.h", "lwip/udp.h"), which cost no thread and no switch:
// http/server.c shows them. Both can be used side by side.
//
// What is sent leaves with the next turn of the core's loop. When main returns the machine ends at
// once: what is still to leave then, closed connections included, is lost.
#pragma once

#include <sys/types.h>

#include "kernel/compiler.h"

#include "lwip/ip_addr.h"

struct socket_address {
    ip_addr_t ip; // of either family
    uint16_t port;
    // The address of this machine that a datagram from there came to: what is sent there leaves
    // from it, if it still is ours, and by its card, if that knows a way. lwIP's index of the
    // interface, and the place of an IPv6 address + 1. Both 0: as the routes say.
    uint8_t own_netif, own_ip6;
};

#define SOCKET_ADDRESS_TEXT_BYTES (IPADDR_STRLEN_MAX + 8)

// "192.0.2.1:80" or "[2001:db8::1]:80". Returns: text.
char *socket_address_text(const struct socket_address *address,
                          char text[SOCKET_ADDRESS_TEXT_BYTES]);

// lwIP's err_t as a negative errno, or 0.
int socket_errno(signed char lwip_error);

// ---- TCP: listening -----------------------------------------------------------------------------

struct tcp_listener;
struct tcp_socket;

// Listens on this core at all of its addresses. Clients wait in line until they are accepted, up to
// 255; what they send meanwhile is kept. Returns: 0, -EADDRINUSE, -ENOMEM.
int tcp_listener_open(uint16_t port, struct tcp_listener **listener) MUST_CHECK;
// Takes the client that waits longest. Blocks: until there is one. Returns: 0 or -ETIMEDOUT.
int tcp_listener_accept(struct tcp_listener *listener, uint64_t deadline_ns,
                        struct tcp_socket **socket) MUST_CHECK;
// Ends it and resets those in line. Nobody may wait in tcp_listener_accept().
void tcp_listener_close(struct tcp_listener *listener);

// ---- TCP: a connection --------------------------------------------------------------------------

// How a connection can end, as the calls below return it:
//   -ECONNRESET    the peer reset it
//   -ECONNABORTED  this side gave it up: tcp_socket_abort(), an hour's worth of retransmissions
//                  without an answer, no memory, or the machine's address changed
//   -EPIPE         sending after tcp_socket_shutdown()

// Opens a connection from a port of this core. Waits for the machine's own address, too.
// Blocks. Returns: 0, -ECONNREFUSED, -ETIMEDOUT, -ENETUNREACH (no route), -ENODEV (no network),
// -EADDRINUSE (no local port left), -ENOMEM.
int tcp_socket_connect(const struct socket_address *to, uint64_t deadline_ns,
                       struct tcp_socket **socket) MUST_CHECK;
// The peer, also after the end.
const struct socket_address *tcp_socket_peer(const struct tcp_socket *socket);

// Copies what has come in, `size_bytes` at most. Blocks: until there is something.
// Returns: how many bytes, 0 when the peer sends no more, or an error. What came before the end is
// still received.
ssize_t tcp_socket_receive(struct tcp_socket *socket, void *buffer, size_t size_bytes,
                           uint64_t deadline_ns) MUST_CHECK;
// The same without a copy: lends the next bytes where they lie, as many as are in one piece, until
// tcp_socket_return() says how many of them, from the first on, are done with; the rest comes
// again. The peer's window opens by what was returned, so who does not read is not sent to.
ssize_t tcp_socket_borrow(struct tcp_socket *socket, const void **data,
                          uint64_t deadline_ns) MUST_CHECK;
void tcp_socket_return(struct tcp_socket *socket, size_t size_bytes);

// Sends all of it. Blocks: while the send buffer is full; -ETIMEDOUT: a part may be on its way.
int tcp_socket_send(struct tcp_socket *socket, const void *data, size_t size_bytes,
                    uint64_t deadline_ns) MUST_CHECK;
// The same without a copy: the bytes stay as they are until tcp_socket_flush() has returned 0, or
// for good.
int tcp_socket_send_lasting(struct tcp_socket *socket, const void *data, size_t size_bytes,
                            uint64_t deadline_ns) MUST_CHECK;
// Before tcp_socket_shutdown(). Blocks: until the peer has acknowledged everything that was sent.
int tcp_socket_flush(struct tcp_socket *socket, uint64_t deadline_ns) MUST_CHECK;

// This side sends no more: the peer reads the end after what was sent.
void tcp_socket_shutdown(struct tcp_socket *socket);
// Resets the connection: all waits on it end. It is still to be closed.
void tcp_socket_abort(struct tcp_socket *socket);
// Frees it. What was sent is still delivered, unless the peer goes on sending; who wants to be sure
// shuts down and receives to the end before. Nobody may wait on it.
void tcp_socket_close(struct tcp_socket *socket);

// ---- UDP ----------------------------------------------------------------------------------------

struct udp_socket;

#define UDP_SOCKET_QUEUE 64 // datagrams that wait to be received; those beyond are dropped

// Port 0: one of this core's, so that answers come back to it.
// Returns: 0, -EADDRINUSE, -ENOMEM.
int udp_socket_open(uint16_t port, struct udp_socket **socket) MUST_CHECK;
// Copies the next datagram, or as much of it as fits, and says who sent it (`from` may be NULL),
// and to which address: an answer sent to `from` leaves from that one.
// Blocks: until there is one. Returns: the datagram's size, all of it, or -ETIMEDOUT.
ssize_t udp_socket_receive(struct udp_socket *socket, void *buffer, size_t size_bytes,
                           struct socket_address *from, uint64_t deadline_ns) MUST_CHECK;
// Blocks: never. Returns: 0, -EMSGSIZE, -ENETUNREACH, -ENOMEM (or the card's queue is full).
int udp_socket_send(struct udp_socket *socket, const void *data, size_t size_bytes,
                    const struct socket_address *to);
// How many datagrams were dropped because UDP_SOCKET_QUEUE were waiting.
uint64_t udp_socket_dropped(const struct udp_socket *socket);
// Nobody may wait on it.
void udp_socket_close(struct udp_socket *socket);

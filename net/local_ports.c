// SPDX-License-Identifier: MIT
#include "net/local_ports.h"

#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/random.h"
#include "kernel/time.h"
#include "net/steer.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"

#define TELL_NS (10 * NS_PER_S)

static PERCORE uint16_t first_port = NET_STEER_PORT_FIRST, last_port = NET_STEER_PORT_LAST;

void net_local_ports_set(uint16_t first, uint16_t last)
{
    first_port = first;
    last_port = last;
}

static uint16_t draw(void)
{
    return (uint16_t)(first_port + random_u32() % (last_port - first_port + 1u));
}

// ---- when the one drawn is taken ----------------------------------------------------------------

// The ports of the range that are in use, by one look at each that is: asking lwIP for one port
// after the other takes a walk through all connections each.
struct ports {
    uint8_t bits[(NET_STEER_PORT_LAST - NET_STEER_PORT_FIRST + 1) / 8];
};

static void mark(struct ports *used, uint16_t port)
{
    unsigned at = (unsigned)port - first_port;
    if (port >= first_port && port <= last_port)
        used->bits[at / 8] |= (uint8_t)(1 << at % 8);
}

// Returns: the next free one from `drawn` on, 0 if there is none.
static uint16_t next_free(const struct ports *used, uint16_t drawn)
{
    unsigned count = last_port - first_port + 1u;
    for (unsigned i = 0; i < count; i++) {
        unsigned at = (drawn - first_port + i) % count;
        if (!(used->bits[at / 8] >> at % 8 & 1))
            return (uint16_t)(first_port + at);
    }
    return 0;
}

static err_t none_left(const char *protocol)
{
    static PERCORE uint64_t tell_again_ns;
    uint64_t now_ns = time_now_ns();
    if (now_ns >= tell_again_ns) {
        tell_again_ns = now_ns + TELL_NS;
        log_warn("net: core %u has all its %u local %s ports in use: nothing more can be opened "
                 "until some are closed",
                 core_index(), last_port - first_port + 1u, protocol);
    }
    return ERR_USE;
}

static uint16_t free_tcp_port(uint16_t drawn)
{
    struct ports used = {0};
    for (size_t list = 0; list < NUM_TCP_PCB_LISTS; list++)
        for (const struct tcp_pcb *pcb = *tcp_pcb_lists[list]; pcb != NULL; pcb = pcb->next)
            mark(&used, pcb->local_port);
    return next_free(&used, drawn);
}

static uint16_t free_udp_port(uint16_t drawn)
{
    struct ports used = {0};
    for (const struct udp_pcb *pcb = udp_pcbs; pcb != NULL; pcb = pcb->next)
        mark(&used, pcb->local_port);
    return next_free(&used, drawn);
}

// ---- taking one ---------------------------------------------------------------------------------

err_t net_bind_own_port(struct tcp_pcb *pcb)
{
    uint16_t port = draw();
    err_t error = tcp_bind(pcb, IP_ANY_TYPE, port);
    if (error != ERR_USE)
        return error;
    port = free_tcp_port(port);
    return port != 0 ? tcp_bind(pcb, IP_ANY_TYPE, port) : none_left("TCP");
}

err_t net_bind_own_udp_port(struct udp_pcb *pcb)
{
    uint16_t port = draw();
    err_t error = udp_bind(pcb, IP_ANY_TYPE, port);
    if (error != ERR_USE)
        return error;
    port = free_udp_port(port);
    return port != 0 ? udp_bind(pcb, IP_ANY_TYPE, port) : none_left("UDP");
}

// SPDX-License-Identifier: MIT
// An echo server at port 80 of the stack, and its client, segment by segment; one that pings, too.
// For one test program: everything is static.
#pragma once

#include "fake_net_world.h"

#include <string.h>

#include "net/interface.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"

static uint8_t frame[WORLD_FRAME_MAX];
static struct world_frame answer;

// ---- the server ---------------------------------------------------------------------------------

static struct tcp_pcb *listener, *connection;
static struct pbuf *kept; // data the app does not give back yet
static bool keep_data;
static unsigned accepted, received_bytes;

static err_t echo_received(void *argument, struct tcp_pcb *pcb, struct pbuf *data, err_t error)
{
    (void)argument;
    assert_int_equal(error, ERR_OK);
    if (data == NULL) {
        connection = NULL;
        return tcp_close(pcb);
    }
    received_bytes += data->tot_len;
    if (keep_data) {
        if (kept == NULL)
            kept = data;
        else
            pbuf_cat(kept, data);
        return ERR_OK;
    }
    for (struct pbuf *part = data; part != NULL; part = part->next)
        assert_int_equal(tcp_write(pcb, part->payload, part->len, TCP_WRITE_FLAG_COPY), ERR_OK);
    tcp_recved(pcb, data->tot_len);
    pbuf_free(data);
    return tcp_output(pcb);
}

static err_t echo_accepted(void *argument, struct tcp_pcb *pcb, err_t error)
{
    (void)argument;
    assert_int_equal(error, ERR_OK);
    accepted++;
    connection = pcb;
    tcp_recv(pcb, echo_received);
    return ERR_OK;
}

static void listen_on_port_80(void)
{
    if (listener != NULL)
        return;
    struct tcp_pcb *pcb = tcp_new();
    assert_int_equal(tcp_bind(pcb, IP_ANY_TYPE, 80), ERR_OK);
    listener = tcp_listen(pcb);
    tcp_accept(listener, echo_accepted);
}

// ---- the client ---------------------------------------------------------------------------------

static void send_segment(const struct world_tcp *tcp, uint8_t flags, const void *data, size_t size)
{
    world_deliver(frame, world_tcp_segment(frame, tcp, flags, data, size), false);
    world_turn();
}

// The next TCP segment sent, its checksum right.
static const uint8_t *take_segment(void)
{
    assert_true(world_take(&answer));
    assert_int_equal(answer.bytes[23], 6);
    assert_int_equal(world_transport_checksum(answer.bytes, 16), world_get16(answer.bytes + 50));
    return answer.bytes + 34;
}

static struct world_tcp shake_hands(uint16_t source_port)
{
    struct world_tcp peer = {source_port, 80, 1000, 0, 64000};
    listen_on_port_80();
    world_introduce_peer();
    send_segment(&peer, WORLD_SYN, NULL, 0);
    const uint8_t *header = take_segment();
    assert_int_equal(header[13], WORLD_SYN | WORLD_ACK);
    assert_int_equal(world_get32(header + 8), 1001);
    peer.sequence = 1001;
    peer.acknowledged = world_get32(header + 4) + 1;
    send_segment(&peer, WORLD_ACK, NULL, 0);
    assert_false(world_take(&answer));
    return peer;
}

static void check_echo(struct world_tcp *peer, const void *data, size_t size)
{
    send_segment(peer, WORLD_ACK | WORLD_PSH, data, size);
    peer->sequence += (uint32_t)size;
    size_t back = 0;
    while (back < size) {
        const uint8_t *header = take_segment();
        size_t header_bytes = (size_t)(header[12] >> 4) * 4;
        size_t part = answer.size_bytes - 34 - header_bytes;
        assert_true(part > 0 && back + part <= size);
        assert_int_equal(world_get32(header + 4), peer->acknowledged);
        assert_memory_equal(header + header_bytes, (const uint8_t *)data + back, part);
        assert_int_equal(world_get32(header + 8), peer->sequence);
        peer->acknowledged += (uint32_t)part;
        back += part;
    }
    send_segment(peer, WORLD_ACK, NULL, 0);
    assert_false(world_take(&answer));
}

static void close_from_peer(struct world_tcp *peer)
{
    send_segment(peer, WORLD_FIN | WORLD_ACK, NULL, 0);
    peer->sequence++;
    uint8_t flags = 0;
    while (world_take(&answer))
        flags |= answer.bytes[47];
    assert_true(flags & WORLD_FIN);
    peer->acknowledged++;
    send_segment(peer, WORLD_ACK, NULL, 0);
    assert_null(tcp_active_pcbs);
}

static void check_ping(size_t data_bytes)
{
    size_t size_bytes = world_ping(frame, 7, data_bytes);
    world_deliver(frame, size_bytes, false);
    world_turn();
    assert_true(world_take(&answer));
    assert_int_equal(answer.size_bytes, size_bytes);
    assert_int_equal(answer.bytes[34], 0);
    assert_int_equal(world_get32(answer.bytes + 30), WORLD_PEER_IP);
    assert_int_equal(world_fold(world_sum(answer.bytes + 14, 20, 0)), 0xffff);
    assert_int_equal(world_fold(world_sum(answer.bytes + 34, 8 + data_bytes, 0)), 0xffff);
    assert_memory_equal(answer.bytes + 38, frame + 38, 4 + data_bytes);
    assert_false(world_take(&answer));
    assert_int_equal(world_buffers_out, 0);
}

static void check_nothing_is_held(void)
{
    struct net_interface_stats stats = net_interface_stats_of(0, 0);
    assert_int_equal(world_buffers_out, 0);
    assert_int_equal(stats.rx_held, 0);
    assert_int_equal(stats.tx_held, 0);
}

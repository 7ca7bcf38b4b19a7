// SPDX-License-Identifier: MIT
// An app that listens on port 80, and a peer whose segments are made one by one. Included once a
// program.
#pragma once

#include "net_stream.h"

#include <string.h>

#include "net/interface.h"

#include "lwip/priv/tcp_priv.h"

#define SCALE 7

// ---- the app ------------------------------------------------------------------------------------

static struct tcp_pcb *accepted;
static uint32_t received;
static bool takes;

static inline err_t app_received(void *argument, struct tcp_pcb *pcb, struct pbuf *packet,
                                 err_t error)
{
    (void)argument;
    (void)error;
    if (packet == NULL)
        return ERR_OK;
    received += packet->tot_len;
    if (takes)
        tcp_recved(pcb, packet->tot_len);
    pbuf_free(packet);
    return ERR_OK;
}

static inline err_t app_accepted(void *argument, struct tcp_pcb *pcb, err_t error)
{
    (void)argument;
    assert_int_equal(error, ERR_OK);
    tcp_recv(pcb, app_received);
    accepted = pcb;
    return ERR_OK;
}

// ---- the peer -----------------------------------------------------------------------------------

struct peer {
    struct world_tcp tcp;
    uint32_t start; // number of its first byte of data
    uint32_t next;
    struct tcp_pcb *pcb;
};

static inline struct peer connect_from(uint16_t port)
{
    static const uint8_t options[8] = {1, 1, 4, 2, 1, 3, 3, SCALE};
    struct peer peer = {.tcp = {port, 80, 1000, 0, 65535}, .start = 1001, .next = 1001};
    takes = true;
    received = 0;
    world_introduce_peer();
    size_t size = world_tcp_segment(frame, &peer.tcp, WORLD_SYN, options, sizeof(options));
    frame[34 + 12] = 8 << 4;
    world_deliver(frame, size, true);
    world_turn();
    assert_true(world_take(&sent));
    peer.tcp.sequence = 1001;
    peer.tcp.acknowledged = world_get32(sent.bytes + 34 + 4) + 1;
    world_deliver(frame, world_tcp_segment(frame, &peer.tcp, WORLD_ACK, NULL, 0), true);
    world_turn();
    peer.pcb = accepted;
    assert_non_null(peer.pcb);
    world_drop_sent();
    return peer;
}

// Byte N of what it sends is that of the stream, as far as half of it.
static inline void deliver_at(struct peer *peer, uint32_t at, uint32_t size)
{
    const uint8_t *bytes = stream + at % (STREAM_BYTES / 2);
    peer->tcp.sequence = peer->start + at;
    world_deliver(frame, world_tcp_segment(frame, &peer->tcp, WORLD_ACK, bytes, size), true);
}

static inline void send_at(struct peer *peer, uint32_t at, uint32_t size)
{
    deliver_at(peer, at, size);
    world_turn();
}

static inline void disconnect(struct peer *peer)
{
    peer->tcp.sequence = peer->pcb->rcv_nxt;
    world_deliver(frame, world_tcp_segment(frame, &peer->tcp, WORLD_RST | WORLD_ACK, NULL, 0),
                  true);
    world_turn();
    world_drop_sent();
    assert_int_equal(world_buffers_out, 0);
}

// One answer without data, by when it was due: `left` and `right` are its blocks, from the start.
static inline void check_answer(const struct peer *peer, uint32_t up_to, unsigned blocks,
                                const uint32_t (*block)[2])
{
    assert_true(world_take(&sent));
    const uint8_t *tcp = sent.bytes + 34;
    assert_int_equal(world_get32(tcp + 8) - peer->start, up_to);
    assert_int_equal(sent.size_bytes, 34u + (tcp[12] >> 4) * 4u);
    if (blocks == 0) {
        assert_int_equal(tcp[12] >> 4, 5);
        return;
    }
    assert_int_equal(tcp[12] >> 4, 6 + 2 * blocks);
    assert_int_equal(tcp[22], 5);
    assert_int_equal(tcp[23], 2 + 8 * blocks);
    for (unsigned i = 0; i < blocks; i++) {
        assert_int_equal(world_get32(tcp + 24 + 8 * i) - peer->start, block[i][0]);
        assert_int_equal(world_get32(tcp + 28 + 8 * i) - peer->start, block[i][1]);
    }
}

static inline void check_silence(void)
{
    assert_false(world_take(&sent));
}

// SPDX-License-Identifier: MIT
// Segments that wait behind a hole: joined where they can be, none lost, none claimed that is not
// there.
#include "net_peer_fixture.h"

#include "net/tcp_window.h"

#define ALL_BYTES   200000
#define TINY_FRAMES 1000

static bool is_sent[ALL_BYTES]; // each byte of the stream, at least once

static err_t compare(void *argument, struct tcp_pcb *pcb, struct pbuf *packet, err_t error)
{
    (void)argument;
    (void)error;
    if (packet == NULL)
        return ERR_OK;
    for (struct pbuf *piece = packet; piece != NULL; piece = piece->next) {
        assert_memory_equal(piece->payload, stream + received, piece->len);
        received += piece->len;
    }
    tcp_recved(pcb, packet->tot_len);
    pbuf_free(packet);
    return ERR_OK;
}

static struct peer begin(uint16_t port)
{
    struct peer peer = connect_from(port);
    tcp_recv(peer.pcb, compare);
    memset(is_sent, 0, sizeof(is_sent));
    return peer;
}

static void send_stream(struct peer *peer, uint32_t at, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        is_sent[at + i] = true;
    send_at(peer, at, size);
}

static unsigned waiting(const struct peer *peer)
{
    unsigned count = 0;
    for (const struct tcp_seg *seg = peer->pcb->ooseq; seg != NULL; seg = seg->next) {
        assert_int_equal(seg->len, seg->p->tot_len);
        count++;
    }
    return count;
}

static void what_continues_a_segment_is_joined_to_it(void **unused)
{
    (void)unused;
    struct peer peer = begin(41000);
    for (uint32_t i = 1; i < 30; i++)
        send_stream(&peer, i * MSS, MSS);
    for (uint32_t i = 31; i < 40; i++)
        send_stream(&peer, i * MSS, MSS);
    assert_int_equal(waiting(&peer), 2);
    world_drop_sent();
    send_stream(&peer, 30 * MSS, MSS); // the two are one range then
    assert_int_equal(waiting(&peer), 2);
    check_answer(&peer, 0, 1, (const uint32_t[][2]){{MSS, 40 * MSS}});
    assert_int_equal(received, 0);
    send_stream(&peer, 0, MSS);
    check_answer(&peer, 40 * MSS, 0, NULL);
    assert_int_equal(received, 40 * MSS);
    assert_int_equal(waiting(&peer), 0);
    disconnect(&peer);
}

static void more_than_one_segment_can_count(void **unused)
{
    (void)unused;
    struct peer peer = begin(41001);
    for (uint32_t i = 1; i < 100; i++)
        send_stream(&peer, i * MSS, MSS);
    assert_in_range(waiting(&peer), 3, 4); // of 64 KiB each
    world_drop_sent();
    send_stream(&peer, 0, MSS);
    check_answer(&peer, 100 * MSS, 0, NULL);
    assert_int_equal(received, 100 * MSS);
    disconnect(&peer);
}

static void duplicates_of_what_waits_are_told_and_take_nothing_away(void **unused)
{
    (void)unused;
    struct peer peer = begin(41002);
    for (uint32_t i = 1; i < 10; i++)
        send_stream(&peer, i * MSS, MSS);
    world_drop_sent();
    send_stream(&peer, 3 * MSS, 500);
    check_answer(&peer, 0, 2, (const uint32_t[][2]){{3 * MSS, 3 * MSS + 500}, {MSS, 10 * MSS}});
    send_stream(&peer, MSS, MSS);
    check_answer(&peer, 0, 2, (const uint32_t[][2]){{MSS, 2 * MSS}, {MSS, 10 * MSS}});
    send_stream(&peer, 0, MSS);
    check_answer(&peer, 10 * MSS, 0, NULL);
    check_silence();
    assert_int_equal(received, 10 * MSS);
    disconnect(&peer);
}

static void what_a_segment_acknowledges_behind_a_hole_counts(void **unused)
{
    (void)unused;
    struct peer peer = begin(41003);
    send_stream(&peer, MSS, MSS);
    assert_int_equal(tcp_write(peer.pcb, "answer", 6, 0), ERR_OK);
    tcp_output(peer.pcb);
    world_drop_sent();
    peer.tcp.acknowledged += 6;
    send_stream(&peer, 2 * MSS, MSS);
    assert_null(peer.pcb->unacked);
    send_stream(&peer, 0, MSS);
    assert_int_equal(received, 3 * MSS);
    disconnect(&peer);
}

// Buffers are larger than these: their number is limited.
static void tiny_segments_do_not_pile_up(void **unused)
{
    (void)unused;
    struct peer peer = begin(41004);
    for (uint32_t i = 1; i < TINY_FRAMES; i++) {
        send_stream(&peer, i, 1);
        world_drop_sent();
    }
    assert_true(waiting(&peer) <= TCP_OOSEQ_PBUFS_LIMIT(peer.pcb));
    disconnect(&peer);
}

// What is beyond the window's end is not kept.
static void nothing_beyond_the_window_is_joined(void **unused)
{
    (void)unused;
    struct peer peer = begin(41005);
    uint32_t window = peer.pcb->rcv_wnd;
    for (uint32_t at = MSS; at < window + 2 * MSS; at += MSS) {
        deliver_at(&peer, at, MSS);
        world_turn();
        world_drop_sent();
    }
    uint32_t kept = 0;
    for (const struct tcp_seg *seg = peer.pcb->ooseq; seg != NULL; seg = seg->next)
        kept += seg->len;
    assert_int_equal(kept, window - MSS);
    disconnect(&peer);
}

// ---- any order ----------------------------------------------------------------------------------

static uint32_t random_state;
static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % limit;
}

// No block says that something came that was not sent.
static void check_blocks(const struct peer *peer)
{
    while (world_take(&sent)) {
        const uint8_t *tcp = sent.bytes + 34;
        unsigned blocks = tcp[12] >> 4 > 5 ? (tcp[23] - 2u) / 8 : 0;
        for (unsigned i = 0; i < blocks; i++)
            for (uint32_t at = world_get32(tcp + 24 + 8 * i) - peer->start;
                 at != world_get32(tcp + 28 + 8 * i) - peer->start; at++)
                assert_true(at < ALL_BYTES && is_sent[at]);
    }
}

// Every byte is sent, once or more often, and nothing again that came: all must arrive then.
static void all_arrives_in_any_order(void **unused)
{
    (void)unused;
    static uint32_t order[ALL_BYTES / 500 + 1];
    for (random_state = 1; random_state < 10; random_state++) {
        uint32_t seed = random_state, count = 0;
        struct peer peer = begin((uint16_t)(41100 + seed));
        for (uint32_t at = 0; at < ALL_BYTES; at += 500)
            order[count++] = at;
        for (uint32_t i = 0; i < count; i++) { // nearly in order at first, then less
            uint32_t further = random_below(1 + i % 60), swapped = order[i];
            uint32_t other = LWIP_MIN(count - 1, i + further);
            order[i] = order[other];
            order[other] = swapped;
        }
        for (uint32_t i = 0; i < count; i++) {
            uint32_t before = random_below(4) * 250, end = order[i] + 500 + random_below(3) * 250;
            uint32_t from = order[i] - LWIP_MIN(order[i], before);
            uint32_t to = LWIP_MIN(ALL_BYTES, end);
            send_stream(&peer, from, to - from);
            check_blocks(&peer);
            (void)waiting(&peer);
        }
        assert_int_equal(received, ALL_BYTES);
        disconnect(&peer);
        random_state = seed;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_continues_a_segment_is_joined_to_it),
        cmocka_unit_test(more_than_one_segment_can_count),
        cmocka_unit_test(duplicates_of_what_waits_are_told_and_take_nothing_away),
        cmocka_unit_test(what_a_segment_acknowledges_behind_a_hole_counts),
        cmocka_unit_test(tiny_segments_do_not_pile_up),
        cmocka_unit_test(nothing_beyond_the_window_is_joined),
        cmocka_unit_test(all_arrives_in_any_order),
    };
    return cmocka_run_group_tests_name("net_reassembly", tests, start, NULL);
}

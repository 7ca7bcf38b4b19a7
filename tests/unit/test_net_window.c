// SPDX-License-Identifier: MIT
// What a receiver tells its peer of holes and duplicates, and how large windows become.
#include "net_peer_fixture.h"

#include "kernel/time.h"
#include "net/tcp_window.h"

// Each is announced in what is sent next.
static uint32_t announced(const struct peer *peer)
{
    return peer->pcb->rcv_ann_wnd;
}

static void send_in_order(struct peer *peer, uint32_t size)
{
    for (uint32_t done = 0; done < size; done += MSS) {
        send_at(peer, peer->next - peer->start, MSS);
        peer->next += MSS;
        world_drop_sent();
    }
}

// ---- holes and duplicates -----------------------------------------------------------------------

static void holes_are_told_at_once_the_newest_first(void **unused)
{
    (void)unused;
    struct peer peer = connect_from(40000);
    send_at(&peer, 100, 100);
    check_answer(&peer, 0, 1, (const uint32_t[][2]){{100, 200}});
    send_at(&peer, 400, 100);
    check_answer(&peer, 0, 2, (const uint32_t[][2]){{400, 500}, {100, 200}});
    send_at(&peer, 200, 100);
    check_answer(&peer, 0, 2, (const uint32_t[][2]){{100, 300}, {400, 500}});
    send_at(&peer, 0, 100); // the first is filled
    check_answer(&peer, 300, 1, (const uint32_t[][2]){{400, 500}});
    check_silence();
    send_at(&peer, 300, 100); // and the last: no peer is to wait for that
    check_answer(&peer, 500, 0, NULL);
    check_silence();
    assert_int_equal(received, 500);
    send_at(&peer, 500, 100); // what is in order again may wait
    check_silence();
    disconnect(&peer);
}

static void duplicates_are_told(void **unused)
{
    (void)unused;
    struct peer peer = connect_from(40001);
    send_at(&peer, 0, 100);
    world_pass_ms(200);
    world_drop_sent();
    send_at(&peer, 0, 100);
    check_answer(&peer, 100, 1, (const uint32_t[][2]){{0, 100}});
    check_silence();
    send_at(&peer, 200, 100);
    check_answer(&peer, 100, 1, (const uint32_t[][2]){{200, 300}});
    send_at(&peer, 50, 50);
    check_answer(&peer, 100, 2, (const uint32_t[][2]){{50, 100}, {200, 300}});
    check_silence();
    send_at(&peer, 50, 100); // half of it is new
    check_answer(&peer, 150, 1, (const uint32_t[][2]){{200, 300}});
    send_at(&peer, 150, 50);
    check_answer(&peer, 300, 0, NULL);
    assert_int_equal(received, 300);
    disconnect(&peer);
}

static void what_a_duplicate_acknowledges_counts(void **unused)
{
    (void)unused;
    struct peer peer = connect_from(40002);
    send_at(&peer, 0, 100);
    assert_int_equal(tcp_write(peer.pcb, stream, 10, 0), ERR_OK);
    tcp_output(peer.pcb);
    assert_true(world_take(&sent));
    peer.tcp.acknowledged += 10;
    send_at(&peer, 0, 100);
    assert_int_equal(peer.pcb->lastack, peer.tcp.acknowledged);
    assert_null(peer.pcb->unacked);
    disconnect(&peer);
}

// ---- batches ------------------------------------------------------------------------------------

static void a_batch_is_answered_once(void **unused)
{
    (void)unused;
    struct peer peer = connect_from(40300);
    for (uint32_t i = 0; i < 8; i++)
        deliver_at(&peer, i * MSS, MSS);
    world_turn();
    check_answer(&peer, 8 * MSS, 0, NULL);
    check_silence();
    for (uint32_t i = 9; i < 20; i++) // one is missing
        deliver_at(&peer, i * MSS, MSS);
    world_turn();
    check_answer(&peer, 8 * MSS, 1, (const uint32_t[][2]){{9 * MSS, 10 * MSS}}); // at once
    check_answer(&peer, 8 * MSS, 1, (const uint32_t[][2]){{9 * MSS, 20 * MSS}});
    check_silence();
    deliver_at(&peer, 8 * MSS, MSS);
    world_turn();
    check_answer(&peer, 20 * MSS, 0, NULL);
    check_silence();
    disconnect(&peer);
}

static void a_long_batch_keeps_the_peer_going(void **unused)
{
    (void)unused;
    struct peer peer = connect_from(40301);
    for (uint32_t i = 0; i < 60; i++)
        deliver_at(&peer, i * MSS, MSS);
    world_turn();
    unsigned answers = 0;
    uint32_t up_to = 0;
    while (world_take(&sent)) {
        answers++;
        up_to = world_get32(sent.bytes + 34 + 8) - peer.start;
    }
    assert_int_equal(up_to, 60 * MSS);
    assert_in_range(answers, 3, 6);
    disconnect(&peer);
}

static void every_hole_is_reported_in_several_answers(void **unused)
{
    (void)unused;
    struct peer peer = connect_from(40302);
    unsigned told[20] = {0};
    for (uint32_t i = 1; i < 20; i += 2)
        deliver_at(&peer, i * MSS, MSS);
    world_turn();
    while (world_take(&sent)) {
        const uint8_t *tcp = sent.bytes + 34;
        for (unsigned i = 0; i < (tcp[23] - 2u) / 8; i++)
            told[(world_get32(tcp + 24 + 8 * i) - peer.start) / MSS]++;
    }
    for (uint32_t i = 1; i < 14; i += 2) // the last ones are not pushed out yet
        assert_int_equal(told[i], LWIP_TCP_MAX_SACK_NUM);
    disconnect(&peer);
}

static void each_connection_of_a_batch_is_answered(void **unused)
{
    (void)unused;
    struct peer one = connect_from(40303), other = connect_from(40304);
    deliver_at(&one, MSS, MSS);
    deliver_at(&other, MSS, MSS);
    world_turn();
    check_answer(&one, 0, 1, (const uint32_t[][2]){{MSS, 2 * MSS}});
    check_answer(&other, 0, 1, (const uint32_t[][2]){{MSS, 2 * MSS}});
    check_silence();
    // One that ends meanwhile is not.
    deliver_at(&one, 2 * MSS, MSS);
    one.tcp.sequence = one.start;
    world_deliver(frame, world_tcp_segment(frame, &one.tcp, WORLD_RST | WORLD_ACK, NULL, 0), true);
    world_turn();
    check_silence();
    disconnect(&other);
}

// ---- windows ------------------------------------------------------------------------------------

static void a_window_grows_with_who_fills_it(void **unused)
{
    (void)unused;
    struct peer peer = connect_from(40003);
    assert_int_equal(announced(&peer), TCP_WND);
    send_in_order(&peer, 300 * 1024);
    assert_in_range(announced(&peer), 2 * TCP_WND - 8 * MSS, 2 * TCP_WND);
    send_in_order(&peer, 10 * 1024 * 1024);
    assert_in_range(announced(&peer), NET_WINDOW_MAX - 8 * MSS, NET_WINDOW_MAX);
    disconnect(&peer);
}

static void a_slow_peer_needs_no_larger_one(void **unused)
{
    (void)unused;
    struct peer peer = connect_from(40004);
    for (int i = 0; i < 100; i++) {
        send_in_order(&peer, 10 * MSS);
        world_pass_ms(60); // 240 KB a second
        world_drop_sent();
    }
    assert_in_range(announced(&peer), TCP_WND - 8 * MSS, TCP_WND);
    disconnect(&peer);
}

static void an_app_that_takes_nothing_gets_no_larger_one(void **unused)
{
    (void)unused;
    struct peer peer = connect_from(40005);
    takes = false;
    send_in_order(&peer, TCP_WND - TCP_WND % MSS - MSS);
    assert_true(announced(&peer) < 2 * MSS);
    assert_true(net_window_most(peer.pcb) == TCP_WND);
    disconnect(&peer);
}

static void all_together_stay_below_a_limit(void **unused)
{
    (void)unused;
    struct peer peers[8];
    uint32_t extra = 0;
    for (unsigned i = 0; i < ARRAY_COUNT(peers); i++) {
        peers[i] = connect_from((uint16_t)(40100 + i));
        send_in_order(&peers[i], 6 * 1024 * 1024);
        extra += net_window_most(peers[i].pcb) - TCP_WND;
    }
    assert_int_equal(extra, NET_WINDOW_EXTRA_MAX);
    for (unsigned i = 0; i < ARRAY_COUNT(peers); i++)
        disconnect(&peers[i]);
    a_window_grows_with_who_fills_it(NULL); // it was given back
}

static uint32_t written;
static void write_more(struct peer *peer)
{
    uint32_t room;
    while ((room = tcp_sndbuf(peer->pcb)) > 0 &&
           tcp_write(peer->pcb, stream, (u16_t)room, 0) == ERR_OK)
        written += room;
    tcp_output(peer->pcb);
    world_turn();
    world_drop_sent();
}

static void what_may_be_written_grows_with_the_round_trip(void **unused)
{
    (void)unused;
    struct peer peer = connect_from(40200);
    uint32_t first = peer.tcp.acknowledged, most = 0;
    written = 0;
    for (int trip = 0; trip < 15; trip++) {
        write_more(&peer);
        uint32_t queued = first + written - peer.tcp.acknowledged;
        assert_int_equal(net_window_queued(peer.pcb), queued);
        assert_true(queued <= NET_WINDOW_MAX);
        most = LWIP_MAX(most, queued);
        world_pass_ms(100);
        world_drop_sent();
        peer.tcp.acknowledged = peer.pcb->snd_nxt;
        world_deliver(frame, world_tcp_segment(frame, &peer.tcp, WORLD_ACK, NULL, 0), true);
        world_turn();
        world_drop_sent();
    }
    assert_int_equal(most, NET_WINDOW_MAX);
    while (peer.pcb->unacked != NULL || peer.pcb->unsent != NULL) {
        peer.tcp.acknowledged = peer.pcb->snd_nxt;
        world_deliver(frame, world_tcp_segment(frame, &peer.tcp, WORLD_ACK, NULL, 0), true);
        world_turn();
        world_drop_sent();
    }
    world_pass_ms(2000);
    assert_int_equal(peer.pcb->snd_buf, TCP_SND_BUF); // idle: as before
    disconnect(&peer);
    all_together_stay_below_a_limit(NULL);
}

// ---- a closed window ----------------------------------------------------------------------------

static bool is_open(const struct tcp_pcb *pcb)
{
    const struct tcp_pcb *at = tcp_active_pcbs;
    while (at != NULL && at != pcb)
        at = at->next;
    return at != NULL;
}

// What finds no room in the card's queue says nothing of the peer.
static void only_probes_that_left_count(void **unused)
{
    (void)unused;
    struct peer peer = connect_from(40020);
    send_at(&peer, 0, 10);
    peer.tcp.window = 0;
    send_at(&peer, 10, 10);
    assert_int_equal(tcp_write(peer.pcb, stream, 1000, 0), ERR_OK);
    tcp_output(peer.pcb);
    world_pass_ms(200);
    world_drop_sent();
    uint32_t room = world_tx_room;
    world_tx_room = 0;
    world_pass_ms(10000);
    assert_true(is_open(peer.pcb));
    assert_int_equal(peer.pcb->persist_probe, 0);
    world_tx_room = room;
    world_pass_ms(1000);
    assert_in_range(peer.pcb->persist_probe, 1, 3);
    for (int second = 0; second < 200 && is_open(peer.pcb); second++) {
        world_pass_ms(1000);
        world_drop_sent();
    }
    assert_false(is_open(peer.pcb)); // none was answered
    assert_int_equal(world_buffers_out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holes_are_told_at_once_the_newest_first),
        cmocka_unit_test(duplicates_are_told),
        cmocka_unit_test(what_a_duplicate_acknowledges_counts),
        cmocka_unit_test(a_batch_is_answered_once),
        cmocka_unit_test(a_long_batch_keeps_the_peer_going),
        cmocka_unit_test(every_hole_is_reported_in_several_answers),
        cmocka_unit_test(each_connection_of_a_batch_is_answered),
        cmocka_unit_test(a_window_grows_with_who_fills_it),
        cmocka_unit_test(a_slow_peer_needs_no_larger_one),
        cmocka_unit_test(an_app_that_takes_nothing_gets_no_larger_one),
        cmocka_unit_test(all_together_stay_below_a_limit),
        cmocka_unit_test(what_may_be_written_grows_with_the_round_trip),
        cmocka_unit_test(only_probes_that_left_count),
    };
    return cmocka_run_group_tests_name("net_window", tests, start, NULL);
}

// SPDX-License-Identifier: MIT
// Large segments for a device that cuts them: what is queued, what the window lets out, and what is
// sent again. The peer keeps every byte it got by its place in the stream. Now and then it has time
// stamps.
#include "net_stream.h"

#include <stdlib.h>
#include <string.h>

#include "net/interface.h"

#include "lwip/priv/tcp_priv.h"

// ---- the app ------------------------------------------------------------------------------------

static struct tcp_pcb *connection;
static uint32_t written, limit; // bytes of the stream
static uint32_t acknowledged;   // as lwIP told
static bool writes_randomly;

static void write_more(struct tcp_pcb *pcb)
{
    while (written < limit) {
        uint32_t size = limit - written;
        size = LWIP_MIN(size, tcp_sndbuf(pcb));
        size = LWIP_MIN(size, 65535);
        uint8_t flags = 0;
        if (writes_randomly && size > 0) {
            uint32_t most = rand() % 3 ? 3000 : 65535;
            size = 1 + (uint32_t)rand() % LWIP_MIN(size, most);
            flags = rand() % 2 ? TCP_WRITE_FLAG_COPY : 0;
            flags |= rand() % 2 ? TCP_WRITE_FLAG_MORE : 0;
        }
        static uint8_t passing[65536];
        const uint8_t *data = stream + written;
        if (flags & TCP_WRITE_FLAG_COPY) {
            memcpy(passing, data, size);
            data = passing;
        }
        if (size == 0 || tcp_write(pcb, data, (u16_t)size, flags) != ERR_OK)
            break;
        memset(passing, 0xee, sizeof(passing));
        written += size;
        if (writes_randomly && rand() % 8 == 0)
            break;
    }
    tcp_output(pcb);
}

static err_t app_sent(void *argument, struct tcp_pcb *pcb, u16_t size)
{
    (void)argument;
    acknowledged += size;
    write_more(pcb);
    return ERR_OK;
}

static err_t app_accepted(void *argument, struct tcp_pcb *pcb, err_t error)
{
    (void)argument;
    assert_int_equal(error, ERR_OK);
    connection = pcb;
    tcp_sent(pcb, app_sent);
    return ERR_OK;
}

// ---- the peer -----------------------------------------------------------------------------------

static struct world_tcp peer;
static uint32_t stream_start; // sequence number of the stream's first byte
static uint8_t got[STREAM_BYTES];
static uint8_t has[STREAM_BYTES];
static uint32_t in_order; // bytes without a hole
static uint32_t arrived;  // bytes, each time they came
static unsigned frame_count, large_count, fin_count;
static bool has_stamps;
static uint32_t peer_clock; // what it stamped last

static uint32_t stamp_bytes(void)
{
    return has_stamps ? 12 : 0;
}

static void deliver(uint8_t flags)
{
    uint8_t stamp[12] = {1, 1, 8, 10};
    world_put32(stamp + 4, ++peer_clock);
    size_t size_bytes = world_tcp_segment(frame, &peer, flags, stamp, stamp_bytes());
    frame[34 + 12] += (uint8_t)(stamp_bytes() / 4 << 4);
    world_deliver(frame, size_bytes, true);
}

static void peer_sends(uint8_t flags)
{
    peer.acknowledged = stream_start + in_order + (fin_count > 0 && in_order == limit);
    deliver(flags);
}

static void acknowledge(uint32_t bytes)
{
    peer.acknowledged = stream_start + bytes;
    deliver(WORLD_ACK);
    world_turn();
}

static void check_stamp(const uint8_t *tcp)
{
    if (!has_stamps)
        return;
    assert_int_equal(world_get32(tcp + 20), 0x0101080a);
    uint32_t now_ms = (uint32_t)(world_now_ns / 1000000); // it may have been sent some time ago
    assert_in_range(world_get32(tcp + 24), now_ms - 5000, now_ms);
    assert_in_range(world_get32(tcp + 28), peer_clock - 8, peer_clock); // the peer's of then
}

// What reaches the peer of a piece of the frame.
static void keep(uint32_t at, const uint8_t *data, uint32_t size)
{
    assert_true(at + size <= limit);
    memcpy(got + at, data, size);
    memset(has + at, 1, size);
    while (in_order < limit && has[in_order])
        in_order++;
}

// Takes one frame, cut as the device would cut it; each piece is lost with so many percent.
// Returns: false without a frame.
static bool peer_takes(int lost_percent)
{
    if (!world_take(&sent))
        return false;
    if (sent.bytes[23] != 6)
        return true;
    const uint8_t *tcp = sent.bytes + 34;
    uint32_t at = world_get32(tcp + 4) - stream_start;
    uint32_t headers = 54 + stamp_bytes(), mss = MSS - stamp_bytes();
    uint32_t size = (uint32_t)sent.size_bytes - headers;
    assert_int_equal(tcp[12] >> 4, (20 + stamp_bytes()) / 4);
    check_stamp(tcp);
    assert_int_equal(sent.size_bytes, 14u + world_get16(sent.bytes + 16));
    assert_true(sent.checksum_needed);
    assert_true(sent.segment_count <= NET_TX_SEGMENTS_MAX);
    if (size > mss) {
        assert_int_equal(sent.tso_mss, mss);
        assert_int_equal(sent.tso_headers_bytes, headers);
        large_count++;
    } else {
        assert_int_equal(sent.tso_mss, 0);
    }
    frame_count++;
    arrived += size;
    bool is_lost = false;
    for (uint32_t done = 0; done < size; done += mss) {
        is_lost = rand() % 100 < lost_percent;
        if (!is_lost)
            keep(at + done, sent.bytes + headers + done, LWIP_MIN(size - done, mss));
    }
    if ((tcp[13] & WORLD_FIN) != 0 && !is_lost)
        fin_count++;
    return true;
}

static void connect_from(uint16_t port, uint16_t window)
{
    peer = (struct world_tcp){port, 80, 1000, 0, window};
    memset(has, 0, sizeof(has));
    written = acknowledged = in_order = arrived = 0;
    frame_count = large_count = fin_count = 0;
    writes_randomly = false;
    world_introduce_peer();
    deliver(WORLD_SYN);
    world_turn();
    assert_true(world_take(&sent));
    assert_int_equal(sent.bytes[34 + 12] >> 4, (24 + stamp_bytes()) / 4);
    peer.sequence = 1001;
    stream_start = world_get32(sent.bytes + 34 + 4) + 1;
    acknowledge(0);
    assert_false(world_take(&sent));
    assert_non_null(connection);
}

static void disconnect(void)
{
    peer_sends(WORLD_RST | WORLD_ACK);
    world_turn();
    world_drop_sent();
    assert_null(tcp_active_pcbs);
    struct net_interface_stats stats = net_interface_stats_of(0, 0);
    assert_int_equal(stats.tx_held, 0);
    assert_int_equal(world_buffers_out, 0);
}

static void open_the_window(void)
{
    connection->cwnd = 10 * STREAM_BYTES;
}

// ---- tests --------------------------------------------------------------------------------------

static void large_frames_go_out_without_a_copy(void **unused)
{
    (void)unused;
    connect_from(40000, 64240);
    open_the_window();
    limit = 64240;
    write_more(connection);
    assert_true(peer_takes(0));
    assert_int_equal(sent.segment_count, 2);          // headers, and the app's memory
    assert_int_equal(sent.size_bytes, 54 + 22 * MSS); // half of the window: lwIP's rule
    assert_true(peer_takes(0));
    assert_false(peer_takes(0));
    assert_int_equal(in_order, limit);
    assert_memory_equal(got, stream, limit);
    acknowledge(limit);
    assert_int_equal(acknowledged, limit);
    assert_int_equal(connection->snd_queuelen, 0);
    disconnect();
}

static void the_window_is_filled_and_not_passed(void **unused)
{
    (void)unused;
    connect_from(40001, 64240);
    limit = 64000;
    uint32_t window = connection->cwnd; // a few segments at first
    assert_true(window < 10 * MSS);
    write_more(connection);
    while (peer_takes(0))
        ;
    assert_int_equal(in_order, window / MSS * MSS);
    // Each acknowledgement lets as much out as came in, and some more.
    while (in_order < limit) {
        uint32_t before = in_order;
        acknowledge(in_order);
        while (peer_takes(0))
            ;
        assert_true(in_order > before);
        assert_true(in_order - before <= connection->cwnd);
    }
    assert_memory_equal(got, stream, limit);
    disconnect();
}

static void what_is_acknowledged_in_part_is_freed_in_part(void **unused)
{
    (void)unused;
    connect_from(40002, 64240);
    open_the_window();
    limit = 64240;
    write_more(connection);
    while (peer_takes(0))
        ;
    uint32_t room = connection->snd_buf;
    acknowledge(3 * MSS);
    assert_int_equal(acknowledged, 3 * MSS);
    assert_int_equal(connection->snd_buf, room + 3 * MSS);
    acknowledge(3 * MSS + 1);
    assert_int_equal(acknowledged, 3 * MSS + 1);
    acknowledge(30 * MSS + 7);
    assert_int_equal(acknowledged, 30 * MSS + 7);
    // After a timeout it goes on there, by one segment.
    arrived = 0;
    world_pass_ms(4000);
    assert_true(peer_takes(0));
    assert_int_equal(world_get32(sent.bytes + 34 + 4) - stream_start, 30 * MSS + 7);
    assert_int_equal(arrived, MSS);
    disconnect();
}

static void one_lost_segment_is_sent_again_alone(void **unused)
{
    (void)unused;
    connect_from(40003, 64240);
    open_the_window();
    limit = 64240;
    write_more(connection);
    world_drop_sent();
    arrived = 0;
    for (int i = 0; i < 4; i++)
        acknowledge(0);
    while (peer_takes(0))
        ;
    assert_int_equal(arrived, MSS);
    assert_int_equal(in_order, MSS);
    assert_int_equal(large_count, 0);
    disconnect();
}

// lwIP takes the option from any segment.
static void segments_of_a_byte_are_not_made(void **unused)
{
    (void)unused;
    connect_from(40020, 64240);
    size_t size_bytes = world_tcp_segment(frame, &peer, WORLD_ACK, "\2\4\0\1", 4);
    frame[34 + 12] = 0x60; // these are options
    world_deliver(frame, size_bytes, true);
    world_turn();
    assert_int_equal(connection->mss, 1);
    open_the_window();
    limit = 64000;
    write_more(connection);
    unsigned count = 0;
    for (; world_take(&sent); count++)
        assert_true(sent.tso_mss >= 48 || sent.tso_mss == 0);
    assert_in_range(count, 2, 100);
    disconnect();
}

static void a_device_that_still_reads_is_left_alone(void **unused)
{
    (void)unused;
    connect_from(40004, 64240);
    open_the_window();
    limit = 64240;
    world_hold_sent = true;
    write_more(connection);
    acknowledge(MSS); // in the middle of what the device has
    assert_int_equal(acknowledged, 0);
    acknowledge(limit);
    assert_int_equal(acknowledged, limit);
    world_hold_sent = false;
    world_turn(); // the fake device compares what it was given
    disconnect();
}

static void a_small_window_gets_small_segments(void **unused)
{
    (void)unused;
    connect_from(40005, 64240);
    open_the_window();
    limit = 20000;
    peer.window = 0; // a window is taken back only with something new
    world_deliver(frame, world_tcp_segment(frame, &peer, WORLD_ACK, "x", 1), true);
    world_turn();
    peer.sequence++;
    acknowledge(0);
    world_drop_sent();
    assert_int_equal(connection->snd_wnd, 0);
    write_more(connection);
    assert_false(peer_takes(0));
    peer.window = 100; // less than a segment: only after a while
    acknowledge(0);
    while (in_order < 100) {
        world_pass_ms(1000);
        while (peer_takes(0))
            ;
    }
    peer.window = 64240;
    while (in_order < limit) {
        acknowledge(in_order);
        world_pass_ms(1000);
        while (peer_takes(0))
            ;
    }
    assert_memory_equal(got, stream, limit);
    disconnect();
}

static void peers_that_take_little_get_little(void **unused)
{
    (void)unused;
    connect_from(40006, 1000); // half of the window: 500 bytes
    limit = 5000;
    write_more(connection);
    while (in_order < limit) {
        while (peer_takes(0))
            assert_true(sent.size_bytes <= 54 + 1000);
        acknowledge(in_order);
        world_pass_ms(100);
    }
    assert_int_equal(large_count, 0);
    assert_memory_equal(got, stream, limit);
    disconnect();
}

static void the_end_comes_with_the_last_byte(void **unused)
{
    (void)unused;
    connect_from(40007, 64240);
    limit = 60000;
    write_more(connection);
    assert_int_equal(tcp_close(connection), ERR_OK);
    while (in_order < limit) {
        assert_int_equal(fin_count, 0);
        while (peer_takes(0))
            ;
        acknowledge(in_order);
    }
    while (peer_takes(0))
        ;
    assert_int_equal(fin_count, 1);
    assert_memory_equal(got, stream, limit);
    disconnect();
}

// Losses in the middle of large segments, acknowledgements anywhere, writes of any kind.
static void every_byte_arrives(void **unused)
{
    (void)unused;
    unsigned large_ones = 0;
    for (unsigned seed = 0; seed < 40; seed++) {
        srand(seed);
        has_stamps = seed / 4 % 2;
        connect_from((uint16_t)(41000 + seed),
                     (uint16_t)(rand() % 2 ? 64240 : 5000 + rand() % 30000));
        writes_randomly = true;
        limit = 100000 + (uint32_t)rand() % 400000;
        int lost_percent = (int)(seed % 4) * 2;
        world_hold_sent = false;
        for (int steps = 0; acknowledged < limit; steps++) {
            assert_true(steps < 100000);
            write_more(connection);
            world_hold_sent = rand() % 10 == 0;
            while (peer_takes(lost_percent) && rand() % 4)
                if (rand() % 3 == 0) {
                    peer_sends(WORLD_ACK);
                    world_turn();
                }
            acknowledge(in_order > 2000 && rand() % 3 ? in_order - (uint32_t)rand() % 2000
                                                      : in_order);
            world_hold_sent = false;
            world_pass_ms(rand() % 5 ? 1 : 300);
            assert_true(tcp_sndqueuelen(connection) <= TCP_SND_QUEUELEN + 32);
        }
        assert_memory_equal(got, stream, limit);
        large_ones += large_count;
        assert_true(lost_percent > 0 || arrived < limit + limit / 2);
        disconnect();
    }
    has_stamps = false;
    assert_true(large_ones > 500);
}

static void time_stamps_take_their_part_of_each_segment(void **unused)
{
    (void)unused;
    has_stamps = true;
    connect_from(40030, 64240);
    open_the_window();
    limit = 60000;
    write_more(connection);
    assert_true(peer_takes(0));
    assert_int_equal(sent.size_bytes, 66 + 22 * (MSS - 12)); // half of the window
    while (peer_takes(0))
        ;
    assert_memory_equal(got, stream, limit);
    acknowledge(5 * (MSS - 12) + 3);
    assert_int_equal(acknowledged, 5 * (MSS - 12) + 3);
    arrived = 0;
    world_pass_ms(4000); // a timeout: one segment of true size
    assert_true(peer_takes(0));
    assert_int_equal(arrived, MSS - 12);
    disconnect();
    has_stamps = false;
}

static void time_stamps_are_offered(void **unused)
{
    (void)unused;
    struct tcp_pcb *pcb = tcp_new();
    ip_addr_t to = IPADDR4_INIT(lwip_htonl(WORLD_PEER_IP));
    assert_int_equal(tcp_connect(pcb, &to, 9, NULL), ERR_OK);
    world_turn();
    assert_true(world_take(&sent));
    assert_int_equal(sent.bytes[34 + 13], WORLD_SYN);
    assert_int_equal(sent.bytes[34 + 12] >> 4, 5 + 1 + 3 + 1 + 1); // and size, window, SACK
    assert_int_equal(world_get32(sent.bytes + 34 + 24), 0x0101080a);
    tcp_abort(pcb);
    world_turn();
    world_drop_sent();
}

static int start_with_option(void **unused)
{
    world_set_option("tcp_timestamps", "on");
    return start(unused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_frames_go_out_without_a_copy),
        cmocka_unit_test(the_window_is_filled_and_not_passed),
        cmocka_unit_test(what_is_acknowledged_in_part_is_freed_in_part),
        cmocka_unit_test(one_lost_segment_is_sent_again_alone),
        cmocka_unit_test(segments_of_a_byte_are_not_made),
        cmocka_unit_test(a_device_that_still_reads_is_left_alone),
        cmocka_unit_test(a_small_window_gets_small_segments),
        cmocka_unit_test(peers_that_take_little_get_little),
        cmocka_unit_test(the_end_comes_with_the_last_byte),
        cmocka_unit_test(every_byte_arrives),
        cmocka_unit_test(time_stamps_take_their_part_of_each_segment),
        cmocka_unit_test(time_stamps_are_offered),
    };
    return cmocka_run_group_tests_name("net_segments", tests, start_with_option, NULL);
}

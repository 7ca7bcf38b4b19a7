// SPDX-License-Identifier: MIT
// What is sent again, when, and how much is on its way, over a line that a test makes bad: which
// frames it loses, delays or doubles is repeated by the seed, and time is the test's. The peer
// acknowledges selectively and reports what it got twice.
#include "net_stream.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/time.h"
#include "net/demux.h"
#include "net/interface.h"
#include "net/segments.h"
#include "net/tcp_recovery.h"

#include "lwip/priv/tcp_priv.h"

#define RANGES_MAX  256
#define BLOCKS_MAX  4
#define WAITING_MAX 8192

// ---- the app ------------------------------------------------------------------------------------

static struct tcp_pcb *connection;
static uint32_t written, limit, acknowledged; // bytes of the stream
static err_t ended;

static void write_more(void)
{
    while (connection != NULL && written < limit) {
        uint32_t size = LWIP_MIN(limit - written, tcp_sndbuf(connection));
        if (size == 0 || tcp_write(connection, stream + written, (u16_t)size, 0) != ERR_OK)
            break;
        written += size;
    }
    if (connection != NULL)
        tcp_output(connection);
}

static err_t app_sent(void *argument, struct tcp_pcb *pcb, u16_t size)
{
    (void)argument;
    (void)pcb;
    acknowledged += size;
    write_more();
    return ERR_OK;
}

static void app_ended(void *argument, err_t error)
{
    (void)argument;
    ended = error;
    connection = NULL;
}

static err_t app_accepted(void *argument, struct tcp_pcb *pcb, err_t error)
{
    (void)argument;
    assert_int_equal(error, ERR_OK);
    connection = pcb;
    tcp_sent(pcb, app_sent);
    tcp_err(pcb, app_ended);
    return ERR_OK;
}

// ---- the line -----------------------------------------------------------------------------------

struct range {
    uint32_t left, right; // in the stream
};
struct piece { // of the stream, or what the peer says
    uint64_t due_ns;
    uint32_t at, size;
    struct range blocks[BLOCKS_MAX];
    unsigned block_count;
    uint8_t bytes[MSS];
};
static struct way {
    struct piece *waiting[WAITING_MAX];
    size_t count;
} to_peer, to_machine;
static struct {
    unsigned loss, late, twice; // of a thousand
    uint64_t delay_ms, late_ms;
    bool (*is_lost)(uint32_t at); // in place of chance
} line;

static bool happens(unsigned of_a_thousand)
{
    return (unsigned)rand() % 1000 < of_a_thousand;
}

static void enter(struct way *way, const struct piece *piece)
{
    unsigned copies = happens(line.twice) ? 2 : 1;
    uint64_t due_ns = world_now_ns + line.delay_ms * NS_PER_MS;
    if (happens(line.late))
        due_ns += (unsigned)rand() % line.late_ms * NS_PER_MS;
    for (unsigned i = 0; i < copies; i++) {
        assert_true(way->count < WAITING_MAX);
        struct piece *copy = malloc(sizeof(*copy));
        *copy = *piece;
        copy->due_ns = due_ns;
        way->waiting[way->count++] = copy;
    }
}

static struct piece *next_due(struct way *way)
{
    for (size_t i = 0; i < way->count; i++) {
        struct piece *piece = way->waiting[i];
        if (piece->due_ns > world_now_ns)
            continue;
        memmove(&way->waiting[i], &way->waiting[i + 1], (way->count - i - 1) * sizeof(piece));
        way->count--;
        return piece;
    }
    return NULL;
}

// ---- the peer -----------------------------------------------------------------------------------

static struct world_tcp peer;
static uint32_t stream_start; // sequence number of the stream's first byte
static uint8_t got[STREAM_BYTES];
static struct range ranges[RANGES_MAX]; // of what came, in order, apart from each other
static unsigned range_count, unanswered;
static uint32_t newest;      // a byte of what came last
static unsigned piece_count; // sent, lost ones included
static uint32_t sent_bytes;
static bool has_sack;

static uint32_t in_order(void)
{
    return range_count > 0 && ranges[0].left == 0 ? ranges[0].right : 0;
}

// Returns: whether all of it was there before.
static bool add_range(struct range range)
{
    unsigned i = 0, last;
    while (i < range_count && ranges[i].right < range.left)
        i++;
    if (i < range_count && ranges[i].left <= range.left && ranges[i].right >= range.right)
        return true;
    for (last = i; last < range_count && ranges[last].left <= range.right; last++) {
        range.left = LWIP_MIN(range.left, ranges[last].left);
        range.right = LWIP_MAX(range.right, ranges[last].right);
    }
    assert_true(range_count + 1 < RANGES_MAX + (last - i));
    memmove(&ranges[i + 1], &ranges[last], (range_count - last) * sizeof(range));
    range_count = range_count + 1 - (last - i);
    ranges[i] = range;
    return false;
}

static void peer_answers(const struct range *duplicate)
{
    struct piece answer = {.at = in_order()};
    if (duplicate != NULL)
        answer.blocks[answer.block_count++] = *duplicate;
    for (int is_newest = 1; is_newest >= 0; is_newest--) // the one that holds what came last first
        for (unsigned i = in_order() > 0 ? 1 : 0; i < range_count; i++)
            if ((newest >= ranges[i].left && newest < ranges[i].right) == is_newest &&
                answer.block_count < BLOCKS_MAX)
                answer.blocks[answer.block_count++] = ranges[i];
    if (!has_sack)
        answer.block_count = 0;
    unanswered = 0;
    if (!happens(line.loss))
        enter(&to_machine, &answer);
}

static void peer_gets(const struct piece *piece)
{
    struct range range = {piece->at, piece->at + piece->size};
    newest = range.left;
    memcpy(got + piece->at, piece->bytes, piece->size);
    bool was_in_order = range.left == in_order(), had_holes = range_count > 1;
    bool was_there = add_range(range);
    if (was_there || !was_in_order || had_holes || ++unanswered == 2)
        peer_answers(was_there ? &range : NULL);
}

static void machine_gets(const struct piece *answer)
{
    uint8_t options[4 + 8 * BLOCKS_MAX] = {1, 1, 5, (uint8_t)(2 + 8 * answer->block_count)};
    size_t size = answer->block_count > 0 ? 4 + 8 * answer->block_count : 0;
    for (unsigned i = 0; i < answer->block_count; i++) {
        world_put32(options + 4 + 8 * i, stream_start + answer->blocks[i].left);
        world_put32(options + 8 + 8 * i, stream_start + answer->blocks[i].right);
    }
    peer.acknowledged = stream_start + answer->at;
    size_t frame_bytes = world_tcp_segment(frame, &peer, WORLD_ACK, options, size);
    frame[34 + 12] = (uint8_t)((20 + size) / 4 << 4);
    world_deliver(frame, frame_bytes, true);
    world_turn();
}

// What the machine sent goes onto the line, cut as the device would.
static void take_sent(void)
{
    while (world_take(&sent)) {
        if (world_get16(sent.bytes + 12) != 0x0800)
            continue; // ARP
        const uint8_t *tcp = sent.bytes + 34;
        uint32_t at = world_get32(tcp + 4) - stream_start;
        uint32_t size = (uint32_t)sent.size_bytes - 54;
        for (uint32_t done = 0; done < size; done += MSS) {
            struct piece piece = {.at = at + done, .size = LWIP_MIN(size - done, MSS)};
            assert_true(piece.at + piece.size <= limit);
            memcpy(piece.bytes, sent.bytes + 54 + done, piece.size);
            piece_count++;
            sent_bytes += piece.size;
            if (line.is_lost != NULL ? !line.is_lost(piece.at) : !happens(line.loss))
                enter(&to_peer, &piece);
        }
    }
}

static void pass_ms(unsigned milliseconds)
{
    while (milliseconds-- > 0) {
        struct piece *piece;
        take_sent();
        while ((piece = next_due(&to_peer)) != NULL) {
            peer_gets(piece);
            free(piece);
        }
        if (unanswered > 0)
            peer_answers(NULL);
        while ((piece = next_due(&to_machine)) != NULL) {
            machine_gets(piece);
            free(piece);
            take_sent();
        }
        world_pass_ms(1);
    }
}

static struct net_recovery_stats before;

static void connect_over(uint64_t delay_ms, bool sack)
{
    static uint16_t port = 40000;
    static const uint8_t sack_permitted[4] = {1, 1, 4, 2};
    memset(&line, 0, sizeof(line));
    line.delay_ms = delay_ms;
    peer = (struct world_tcp){port++, 80, 1000, 0, 64240};
    memset(got, 0, sizeof(got));
    range_count = unanswered = piece_count = 0;
    written = acknowledged = sent_bytes = 0;
    limit = STREAM_BYTES;
    ended = ERR_OK;
    has_sack = sack;
    world_introduce_peer();
    size_t size = world_tcp_segment(frame, &peer, WORLD_SYN, sack_permitted,
                                    sack ? sizeof(sack_permitted) : 0);
    frame[34 + 12] = sack ? 7 << 4 : 6 << 4;
    world_deliver(frame, size, true);
    world_turn();
    assert_true(world_take(&sent));
    peer.sequence = 1001;
    stream_start = world_get32(sent.bytes + 34 + 4) + 1;
    machine_gets(&(struct piece){0});
    assert_non_null(connection);
    before = net_recovery_stats_of(0);
}

static struct net_recovery_stats since(void)
{
    struct net_recovery_stats now = net_recovery_stats_of(0);
    now.resent_early -= before.resent_early;
    now.resent_timeout -= before.resent_timeout;
    now.probes -= before.probes;
    now.timeouts -= before.timeouts;
    now.needless -= before.needless;
    now.undone -= before.undone;
    return now;
}

static void disconnect(void)
{
    if (connection != NULL) {
        world_deliver(frame, world_tcp_segment(frame, &peer, WORLD_RST | WORLD_ACK, NULL, 0), true);
        world_turn();
    }
    world_drop_sent();
    while (to_peer.count > 0)
        free(to_peer.waiting[--to_peer.count]);
    while (to_machine.count > 0)
        free(to_machine.waiting[--to_machine.count]);
    assert_null(tcp_active_pcbs);
    assert_int_equal(net_interface_stats_of(0, 0).tx_held, 0);
    assert_int_equal(world_buffers_out, 0);
}

// Returns: how long it took.
static unsigned send_all(unsigned most_ms)
{
    unsigned milliseconds = 0;
    write_more();
    while (acknowledged < limit && milliseconds < most_ms) {
        pass_ms(1);
        milliseconds++;
    }
    assert_int_equal(acknowledged, limit);
    assert_memory_equal(got, stream, limit);
    return milliseconds;
}

// ---- tests --------------------------------------------------------------------------------------

static bool first_time(uint32_t at) // this byte's piece goes by
{
    static uint32_t seen[16], count;
    static uint16_t port;
    if (port != peer.source_port) {
        port = peer.source_port;
        count = 0;
    }
    for (uint32_t i = 0; i < count; i++)
        if (seen[i] == at)
            return false;
    assert_true(count < 16);
    seen[count++] = at;
    return true;
}

static bool one_is_lost(uint32_t at)
{
    return at == 3 * MSS && first_time(at);
}

static void what_is_lost_is_sent_again_once(void **unused)
{
    (void)unused;
    connect_over(10, true);
    limit = 20 * MSS;
    line.is_lost = one_is_lost;
    unsigned took_ms = send_all(200);
    assert_in_range(took_ms, 60, 85); // three round trips: ten, the one with the rest of them
    assert_int_equal(sent_bytes, limit + MSS);
    assert_int_equal(since().resent_early, 1);
    assert_int_equal(since().timeouts + since().probes + since().needless, 0);
    disconnect();
}

static bool every_fourth_is_lost(uint32_t at)
{
    return at % (4 * MSS) == 0 && at < 40 * MSS && first_time(at);
}

static void many_are_sent_again_in_one_round_trip(void **unused)
{
    (void)unused;
    connect_over(10, true);
    limit = 40 * MSS;
    connection->cwnd = 40 * MSS;
    line.is_lost = every_fourth_is_lost;
    unsigned took_ms = send_all(200);
    assert_in_range(took_ms, 40, 65);
    assert_int_equal(sent_bytes, limit + 10 * MSS);
    assert_int_equal(since().resent_early, 10);
    assert_int_equal(since().timeouts, 0);
    disconnect();
}

static unsigned losses;
static bool lost_three_times(uint32_t at)
{
    return at == 5 * MSS && losses++ < 3;
}

static void a_lost_retransmission_needs_no_timeout(void **unused)
{
    (void)unused;
    connect_over(10, true);
    losses = 0;
    line.is_lost = lost_three_times;
    limit = 100 * MSS;
    (void)send_all(300);
    assert_int_equal(losses, 4);
    assert_int_equal(since().timeouts, 0);
    assert_int_equal(since().resent_early + since().probes, 3);
    disconnect();
}

static bool last_are_lost(uint32_t at)
{
    return at >= limit - 2 * MSS && first_time(at);
}

static void the_last_ones_are_found_lost_by_a_probe(void **unused)
{
    (void)unused;
    connect_over(10, true);
    limit = 30 * MSS;
    line.is_lost = last_are_lost;
    unsigned took_ms = send_all(400);
    assert_in_range(took_ms, 60, 200); // sooner than any timeout
    assert_int_equal(since().timeouts, 0);
    assert_int_equal(since().probes, 1);
    assert_int_equal(since().resent_early, 1);
    disconnect();
}

static bool all_is_lost(uint32_t at)
{
    return at >= 10 * MSS;
}

static void timeouts_come_ever_later_and_then_it_ends(void **unused)
{
    (void)unused;
    connect_over(10, true);
    line.is_lost = all_is_lost;
    write_more();
    pass_ms(100);
    unsigned pieces = piece_count;
    pass_ms(1000);
    assert_in_range(piece_count - pieces, 2, 12);
    assert_in_range(since().timeouts, 1, 3);
    pass_ms(9000);
    assert_in_range(since().timeouts, 4, 7);
    for (int i = 0; i < 60 && connection != NULL; i++)
        pass_ms(10000);
    assert_null(connection);
    assert_int_equal(ended, ERR_ABRT);
    disconnect();
}

static uint32_t late_from;
static bool delays(uint32_t at)
{
    line.delay_ms = at == late_from && first_time(at) ? 45 : 10;
    return false;
}

static void what_was_only_late_costs_nothing_in_the_end(void **unused)
{
    (void)unused;
    connect_over(10, true);
    late_from = 60 * MSS;
    line.is_lost = delays;
    limit = 400 * MSS;
    (void)send_all(2000);
    assert_int_equal(since().timeouts, 0);
    assert_int_equal(since().resent_early, since().needless);
    assert_true(since().needless <= 2);
    assert_int_equal(since().undone, since().needless > 0);
    disconnect();
}

static void what_comes_twice_is_no_sign_of_loss(void **unused)
{
    (void)unused;
    connect_over(10, true);
    line.twice = 300;
    srand(3);
    (void)send_all(4000);
    assert_int_equal(since().resent_early + since().timeouts + since().probes, 0);
    assert_int_equal(sent_bytes, limit);
    disconnect();
}

static void peers_without_it_are_served_as_before(void **unused)
{
    (void)unused;
    connect_over(10, false);
    assert_int_equal(connection->flags & TF_SACK, 0);
    limit = 60 * MSS;
    line.is_lost = one_is_lost;
    (void)send_all(3000);
    assert_int_equal(since().resent_early + since().timeouts + since().probes, 0);
    disconnect();
}

static void an_idle_connection_gives_its_memory_back(void **unused)
{
    (void)unused;
    connect_over(10, true);
    limit = 30 * MSS;
    (void)send_all(400);
    assert_true((connection->flags & NET_TF_RECOVERY) != 0);
    pass_ms(2000);
    assert_int_equal(connection->flags & NET_TF_RECOVERY, 0);
    assert_null(tcp_ext_arg_get(connection, NET_EXT_ARG_RECOVERY));
    limit = 60 * MSS;
    (void)send_all(400);
    disconnect();
}

static void bad_options_are_ignored(void **unused)
{
    (void)unused;
    static const uint8_t bad[][12] = {{5, 10, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0},
                                      {5, 0},
                                      {5, 255},
                                      {5, 1, 5, 1},
                                      {8, 40},
                                      {5, 10, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 5},
                                      {1, 1, 1, 1, 1, 1, 1, 1, 1, 5, 9, 1}};
    connect_over(10, true);
    write_more();
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        peer.acknowledged = stream_start;
        size_t size = world_tcp_segment(frame, &peer, WORLD_ACK, bad[i], sizeof(bad[i]));
        frame[34 + 12] = 8 << 4;
        world_deliver(frame, size, true);
        world_turn();
    }
    (void)send_all(3000);
    disconnect();
}

// Every byte over lines of all kinds, in less time than given.
static void every_byte_arrives(void **unused)
{
    (void)unused;
    static const struct {
        unsigned loss, late, twice, most_ms;
    } lines[] = {
        {0, 0, 0, 250},   {10, 0, 0, 800},    {50, 0, 0, 3000},  {0, 50, 0, 800},
        {0, 0, 100, 250}, {20, 20, 20, 1500}, {100, 0, 0, 5000},
    };
    for (unsigned seed = 0; seed < 3 * ARRAY_COUNT(lines); seed++) {
        unsigned kind = seed % ARRAY_COUNT(lines);
        srand(seed);
        connect_over(5, true);
        line.loss = lines[kind].loss;
        line.late = lines[kind].late;
        line.twice = lines[kind].twice;
        line.late_ms = 15;
        (void)send_all(lines[kind].most_ms);
        assert_true(sent_bytes < limit + limit / 4);
        disconnect();
    }
}

// The last test: large ones do not come back.
static void small_segments_arrive_as_well(void **unused)
{
    net_segments_allow(false);
    every_byte_arrives(unused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_lost_is_sent_again_once),
        cmocka_unit_test(many_are_sent_again_in_one_round_trip),
        cmocka_unit_test(a_lost_retransmission_needs_no_timeout),
        cmocka_unit_test(the_last_ones_are_found_lost_by_a_probe),
        cmocka_unit_test(timeouts_come_ever_later_and_then_it_ends),
        cmocka_unit_test(what_was_only_late_costs_nothing_in_the_end),
        cmocka_unit_test(what_comes_twice_is_no_sign_of_loss),
        cmocka_unit_test(peers_without_it_are_served_as_before),
        cmocka_unit_test(an_idle_connection_gives_its_memory_back),
        cmocka_unit_test(bad_options_are_ignored),
        cmocka_unit_test(every_byte_arrives),
        cmocka_unit_test(small_segments_arrive_as_well),
    };
    return cmocka_run_group_tests_name("net_recovery", tests, start, NULL);
}

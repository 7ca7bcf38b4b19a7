// SPDX-License-Identifier: MIT
// http/server.c on the unedited TCP/IP stack, frame by frame: time limits, how many
// connections there may be, clients that do not read, and every way a connection ends.
#include "fake_net_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/http/site.h"
#include "http/counters.h"
#include "http/http.h"
#include "http/server.h"
#include "http_machine.h"
#include "net/net.h"
#include "net/orphan.h"

#include "lwip/priv/tcp_priv.h"

#define HOST        "Host: toril\r\n"
#define HELLO       "GET /hello.txt HTTP/1.1\r\n" HOST "\r\n"
#define CONNECTIONS 8
#define FIRST_PORT  40000

// ---- clients ------------------------------------------------------------------------------------

static struct client {
    struct world_tcp tcp;
    char *output; // what the server sent, NUL-terminated
    size_t used, capacity;
    bool deaf;            // does not acknowledge
    bool finished, reset; // FIN, RST came
} clients[64];
static unsigned client_count;
static uint16_t next_port = FIRST_PORT;
static uint8_t bytes[WORLD_FRAME_MAX];

static void client_segment(struct client *client, uint8_t flags, const void *data, size_t size)
{
    world_deliver(bytes, world_tcp_segment(bytes, &client->tcp, flags, data, size), false);
    client->tcp.sequence += (uint32_t)size + (flags & (WORLD_SYN | WORLD_FIN) ? 1 : 0);
}

static void client_frame(const struct world_frame *frame)
{
    const uint8_t *ip = frame->bytes + 14, *tcp = ip + 20;
    if (world_get16(frame->bytes + 12) == 0x0806 && frame->bytes[21] == 1) // asks who the peer is
        world_deliver(bytes, world_arp_request(bytes, WORLD_OWN_IP), false);
    if (world_get16(frame->bytes + 12) != 0x0800 || ip[9] != 6)
        return;
    struct client *client = NULL;
    for (unsigned i = 0; i < client_count; i++) {
        if (clients[i].tcp.source_port == world_get16(tcp + 2))
            client = &clients[i];
    }
    assert_non_null(client);
    size_t size = (size_t)world_get16(ip + 2) - 20 - (size_t)(tcp[12] >> 4) * 4;
    const uint8_t *data = tcp + (tcp[12] >> 4) * 4;
    uint8_t flags = tcp[13];
    if (flags & WORLD_RST)
        client->reset = true;
    if (flags & WORLD_SYN)
        client->tcp.acknowledged = world_get32(tcp + 4);
    else if (size == 0 && !(flags & WORLD_FIN))
        return;
    if (client->deaf || world_get32(tcp + 4) != client->tcp.acknowledged)
        return;
    if (client->used + size + 1 > client->capacity) {
        client->capacity = 2 * (client->used + size + 1);
        client->output = realloc(client->output, client->capacity);
    }
    memcpy(client->output + client->used, data, size);
    client->used += size;
    client->output[client->used] = '\0';
    client->finished |= (flags & WORLD_FIN) != 0;
    client->tcp.acknowledged += (uint32_t)size + (flags & (WORLD_SYN | WORLD_FIN) ? 1 : 0);
    client_segment(client, WORLD_ACK, NULL, 0);
}

// Turns the world and lets the clients answer until nothing moves.
static void pump(void)
{
    struct world_frame frame;
    do
        world_turn();
    while (world_take(&frame) ? (client_frame(&frame), true) : false);
}

static void pass_s(unsigned seconds)
{
    for (unsigned i = 0; i < seconds * 4; i++) {
        world_pass_ms(250);
        pump();
    }
}

static struct client *client_open(void)
{
    assert_true(client_count < ARRAY_COUNT(clients));
    struct client *client = &clients[client_count++];
    *client = (struct client){.tcp = {next_port++, 80, 1000, 0, 64000}};
    client->output = calloc(1, 1);
    client_segment(client, WORLD_SYN, NULL, 0);
    pump();
    return client;
}

static void client_send(struct client *client, const char *text)
{
    for (size_t left = strlen(text), now; left > 0; left -= now, text += now) {
        now = left < 1400 ? left : 1400;
        client_segment(client, WORLD_ACK | WORLD_PSH, text, now);
    }
    pump();
}

static void client_finish(struct client *client)
{
    client_segment(client, WORLD_ACK | WORLD_FIN, NULL, 0);
    pump();
}

static unsigned responses(const struct client *client, const char *status_line)
{
    unsigned count = 0;
    for (const char *at = client->output; (at = strstr(at, status_line)) != NULL; at++)
        count++;
    return count;
}

static unsigned open_now(void)
{
    return (unsigned)(http_counted_total(HTTP_CONNECTIONS_ACCEPTED) -
                      http_counted_total(HTTP_CONNECTIONS_CLOSED));
}

// Each test ends with nothing left: no connection, no buffer, nothing that the sanitizer finds.
static int nothing_is_left(void **state)
{
    (void)state;
    for (unsigned i = 0; i < client_count; i++) {
        if (!clients[i].reset) {
            clients[i].deaf = false;
            client_segment(&clients[i], WORLD_RST | WORLD_ACK, NULL, 0);
        }
    }
    pump();
    assert_int_equal(open_now(), 0);
    assert_int_equal(world_buffers_out, 0);
    for (unsigned i = 0; i < client_count; i++)
        free(clients[i].output);
    client_count = 0;
    pass_s(2);
    assert_null(tcp_active_pcbs);
    assert_int_equal(net_orphan_stats_of(0).count, 0);
    return 0;
}

// The last one: nobody listens any more.
static void a_stop_finishes_what_is_under_way(void **state)
{
    (void)state;
    struct client *idle = client_open(), *silent = client_open(), *half = client_open();
    struct client *deaf = client_open();
    client_send(idle, HELLO);
    client_send(half, "GET /hello.txt HTTP/1.1\r\n");
    deaf->deaf = true;
    client_send(deaf, HELLO HELLO);
    http_server_stop();
    pump();
    assert_true(idle->finished && silent->finished && !half->finished);
    assert_int_equal(http_server_left(), 2);
    struct client *late = client_open();
    assert_true(late->reset);

    client_send(half, HOST "\r\n" HELLO); // what comes behind it is not answered any more
    assert_int_equal(responses(half, "Connection: close\r\n"), 1);
    assert_int_equal(responses(half, "HTTP/1.1 "), 1);
    assert_true(half->finished);
    assert_int_equal(http_server_left(), 1);
    assert_int_equal(open_now(), 0);
    deaf->deaf = false;
    pass_s(4); // until lwIP sends it again
    assert_int_equal(responses(deaf, "HTTP/1.1 200 OK\r\n"), 2);
    assert_true(deaf->finished);
    assert_int_equal(http_server_left(), 0);
    http_server_stop(); // a second time does nothing
}

static int start(void **state)
{
    (void)state;
    world_set_option("ip", "10.0.2.15/24,gw=10.0.2.2");
    world_add_device(false);
    net_start();
    assert_int_equal(net_wait_ready(0), 0);
    world_introduce_peer();
    world_turn();
    world_drop_sent();
    assert_int_equal(http_server_start(80, CONNECTIONS), 0);
    return 0;
}

// ---- requests -----------------------------------------------------------------------------------

static void a_request_is_answered_and_the_connection_kept(void **state)
{
    (void)state;
    struct client *client = client_open();
    for (unsigned i = 1; i <= 3; i++) {
        client_send(client, HELLO);
        assert_int_equal(responses(client, "HTTP/1.1 200 OK\r\n"), i);
    }
    assert_false(client->finished);
    client_finish(client);
    assert_true(client->finished);
    assert_int_equal(open_now(), 0);
}

static void pipelined_answers_share_segments(void **state)
{
    (void)state;
    struct client *client = client_open();
    char batch[4096] = "";
    for (int i = 0; i < 16; i++)
        strcat(batch, HELLO);
    client_segment(client, WORLD_ACK | WORLD_PSH, batch, strlen(batch));
    world_turn();
    struct world_frame frame;
    unsigned frames = 0;
    while (world_take(&frame)) {
        client_frame(&frame);
        frames++;
    }
    pump();
    assert_int_equal(responses(client, "HTTP/1.1 200 OK\r\n"), 16);
    assert_true(frames <= 16 * 340 / 1460 + 2);
}

static void close_is_half_a_close_until_the_client_follows(void **state)
{
    (void)state;
    struct client *client = client_open();
    client_send(client, "GET /style.css HTTP/1.0\r\n\r\n");
    assert_int_equal(responses(client, "Connection: close\r\n"), 1);
    assert_true(client->finished);
    assert_int_equal(open_now(), 1);
    client_send(client, HELLO); // too late, and no reason for a reset
    assert_false(client->reset);
    assert_int_equal(responses(client, "HTTP/1.1 "), 1);
    client_finish(client);
    assert_int_equal(open_now(), 0);
    assert_false(client->reset);
}

static void a_client_may_finish_before_it_is_answered(void **state)
{
    (void)state;
    struct client *client = client_open();
    client_segment(client, WORLD_ACK | WORLD_PSH, HELLO HELLO, 2 * strlen(HELLO));
    client_segment(client, WORLD_ACK | WORLD_FIN, NULL, 0);
    pump();
    assert_int_equal(responses(client, "HTTP/1.1 200 OK\r\n"), 2);
    assert_true(client->finished);
    assert_int_equal(open_now(), 0);
}

static void a_reset_at_any_moment_leaves_nothing(void **state)
{
    (void)state;
    static const char *const sent[] = {"",
                                       "GET /",
                                       "GET / HTTP/1.1\r\n" HOST,
                                       HELLO,
                                       "POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nab",
                                       "GET / HTTP/1.0\r\n\r\n"};
    for (size_t i = 0; i < ARRAY_COUNT(sent); i++) {
        struct client *client = client_open();
        client_send(client, sent[i]);
        client_segment(client, WORLD_RST | WORLD_ACK, NULL, 0);
        pump();
        client->reset = true;
        assert_int_equal(open_now(), 0);
    }
}

// ---- time ---------------------------------------------------------------------------------------

static void silent_clients_are_closed(void **state)
{
    (void)state;
    struct client *client = client_open();
    pass_s(9);
    assert_false(client->finished);
    pass_s(3);
    assert_true(client->finished);
    assert_int_equal(client->used, 0);
    assert_int_equal(open_now(), 0);
}

static void idle_clients_are_closed_later(void **state)
{
    (void)state;
    struct client *client = client_open();
    client_send(client, HELLO);
    pass_s(40);
    client_send(client, HELLO); // its time begins again
    pass_s(58);
    assert_false(client->finished);
    pass_s(4);
    assert_true(client->finished);
    assert_int_equal(responses(client, "HTTP/1.1 "), 2);
    assert_int_equal(open_now(), 0);
}

static void a_request_that_trickles_is_answered_408(void **state)
{
    (void)state;
    static const char *const starts[] = {"GET / HTTP/1.1\r\nX:", HELLO "GET / HTTP/1.1\r\nX:"};
    for (size_t i = 0; i < ARRAY_COUNT(starts); i++) {
        struct client *client = client_open();
        client_send(client, starts[i]);
        for (int second = 0; second < 12; second++) {
            pass_s(1);
            if (!client->finished)
                client_send(client, "x");
        }
        assert_int_equal(responses(client, "HTTP/1.1 408 "), 1);
        assert_true(client->finished);
        client_finish(client);
        assert_int_equal(open_now(), 0);
    }
}

static void new_requests_have_new_time(void **state)
{
    (void)state;
    // each piece ends one request and begins the next: it is always in the middle of one
    struct client *client = client_open();
    client_send(client, "GET /hello.txt HT");
    for (int second = 0; second < 20; second++) {
        pass_s(1);
        client_send(client, "TP/1.1\r\n" HOST "\r\nGET /hello.txt HT");
    }
    assert_int_equal(responses(client, "HTTP/1.1 200 OK\r\n"), 20);
    assert_int_equal(responses(client, "408"), 0);
}

static void a_body_that_never_comes_is_answered_408(void **state)
{
    (void)state;
    struct client *client = client_open();
    client_send(client, "POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nab");
    pass_s(19);
    assert_int_equal(client->used, 0);
    pass_s(3);
    assert_int_equal(responses(client, "HTTP/1.1 408 "), 1);
    pass_s(12); // it does not close its side either
    assert_int_equal(open_now(), 0);
}

// ---- handlers -----------------------------------------------------------------------------------

static struct http_request *held;

static void hold(struct http_request *request)
{
    held = request;
}

static void count_body(struct http_request *request)
{
    size_t size_bytes;
    http_body(request, &size_bytes);
    http_answer_format(request, 200, "%zu", size_bytes);
}

static const struct http_route routes[] = {
    {.method = "GET", .path = "/hold", .handle = hold},
    {.method = "POST", .path = "/count", .handle = count_body, .body_bytes_max = 1 << 20},
};

#define HOLD "GET /hold HTTP/1.1\r\n" HOST "\r\n"

static void an_answer_may_come_later(void **state)
{
    (void)state;
    struct client *client = client_open(), *other = client_open();
    client_send(client, HOLD HELLO);
    client_send(client, HELLO);
    client_finish(client); // it sends no more, and still reads
    client_send(other, HELLO);
    assert_int_equal(client->used, 0);
    assert_int_equal(responses(other, "HTTP/1.1 200 OK\r\n"), 1);
    http_answer_format(held, 200, "late");
    pump();
    assert_int_equal(responses(client, "HTTP/1.1 200 OK\r\n"), 3);
    assert_true(strstr(client->output, "late") < strstr(client->output, "ETag"));
    assert_true(client->finished);
    assert_int_equal(open_now(), 1);
}

static void a_client_may_go_while_its_handler_works(void **state)
{
    (void)state;
    struct client *client = client_open();
    client_send(client, HOLD);
    client_segment(client, WORLD_RST | WORLD_ACK, NULL, 0);
    client->reset = true;
    pump();
    assert_int_equal(open_now(), 0);
    assert_false(http_is_wanted(held));
    http_answer_format(held, 200, "for nobody");
    pump();
    assert_int_equal(client->used, 0);
}

static void a_handler_that_takes_too_long_is_answered_503(void **state)
{
    (void)state;
    struct client *client = client_open();
    client_send(client, HOLD);
    pass_s(59);
    assert_int_equal(client->used, 0);
    pass_s(3);
    assert_int_equal(responses(client, "HTTP/1.1 503 "), 1);
    assert_true(client->finished);
    http_answer_format(held, 200, "too late");
    pump();
    assert_int_equal(responses(client, "HTTP/1.1 "), 1);
}

// 64 KiB each 20 s are enough, whatever the whole takes.
static void a_large_body_has_time_as_it_comes(void **state)
{
    (void)state;
    static char piece[65536 + 1];
    memset(piece, 'x', sizeof(piece) - 1);
    struct client *client = client_open();
    client_send(client, "POST /count HTTP/1.1\r\n" HOST "Content-Length: 196608\r\n\r\n");
    for (unsigned i = 0; i < 3; i++) {
        pass_s(18);
        client_send(client, piece);
    }
    assert_non_null(strstr(client->output, "\r\n\r\n196608"));
    // and 32 KiB are not
    client_send(client, "POST /count HTTP/1.1\r\n" HOST "Content-Length: 196608\r\n\r\n");
    piece[32768] = '\0';
    client_send(client, piece);
    pass_s(22);
    assert_int_equal(responses(client, "HTTP/1.1 408 "), 1);
}

// ---- clients that do not read -------------------------------------------------------------------

// Pipelines at least `count` requests.
static void send_many(struct client *client, const char *request, unsigned count)
{
    char batch[1401] = "";
    unsigned in_batch = 1400 / (unsigned)strlen(request);
    for (unsigned i = 0; i < in_batch; i++)
        strcat(batch, request);
    for (unsigned sent = 0; sent < count; sent += in_batch)
        client_segment(client, WORLD_ACK | WORLD_PSH, batch, strlen(batch));
    pump();
}

static void what_is_not_read_waits_and_then_comes(void **state)
{
    (void)state;
    static const char request[] = "GET /style.css HTTP/1.1\r\n" HOST "\r\n";
    unsigned per_batch = 1400 / (unsigned)strlen(request);
    struct client *client = client_open();
    client->deaf = true;
    send_many(client, request, 20 * per_batch); // 20 KiB of requests for 2 MB
    uint64_t answered = http_counted_responses(0);
    pass_s(5);
    assert_int_equal(http_counted_responses(0), answered); // it stopped
    client->deaf = false;
    for (int i = 0; i < 100 && responses(client, "HTTP/1.1 200 OK\r\n") < 20 * per_batch; i++)
        pass_s(1);
    assert_int_equal(responses(client, "HTTP/1.1 200 OK\r\n"), 20 * per_batch);
    assert_false(client->reset);
    client_finish(client);
    assert_int_equal(open_now(), 0);
}

// What is more than the server wants to hold stays with lwIP, which then takes no more.
static void unread_requests_are_held_back(void **state)
{
    (void)state;
    static const char request[] = "GET /style.css HTTP/1.1\r\n" HOST "\r\n";
    struct client *client = client_open();
    unsigned sent = 0, per_batch = 1400 / (unsigned)strlen(request);
    client->deaf = true;
    while (!tcp_active_pcbs->refused_data) {
        send_many(client, request, per_batch);
        sent += per_batch;
        assert_true(sent < 2000);
    }
    client->deaf = false;
    for (int i = 0; i < 100 && responses(client, "HTTP/1.1 200 OK\r\n") < sent; i++)
        pass_s(1);
    assert_int_equal(responses(client, "HTTP/1.1 200 OK\r\n"), sent);
    assert_false(client->reset);
}

static void few_copies_are_kept_for_who_does_not_read(void **state)
{
    (void)state;
    struct client *client = client_open();
    uint64_t before = http_counted_total(HTTP_BYTES_SENT);
    client->deaf = true;
    send_many(client, "GET / HTTP/1.1\r\n" HOST "\r\n", 200);
    uint64_t written = http_counted_total(HTTP_BYTES_SENT) - before;
    assert_true(written > 16 * 1024 && written <= 32 * 1024);
}

static void who_never_reads_is_cut_off(void **state)
{
    (void)state;
    struct client *client = client_open();
    client->deaf = true;
    client->tcp.window = 0;
    send_many(client, "GET /style.css HTTP/1.1\r\n" HOST "\r\n", 400);
    pass_s(25);
    assert_int_equal(open_now(), 1);
    pass_s(10);
    assert_int_equal(open_now(), 0);
    assert_true(client->reset);
    assert_int_equal(world_buffers_out, 0);
}

// Its connection is closed on both sides, and it has lost all that was sent for a while.
static void an_answer_is_delivered_after_all_is_closed(void **state)
{
    (void)state;
    struct client *client = client_open();
    client->deaf = true;
    client_segment(client, WORLD_ACK | WORLD_PSH, "GET /style.css HTTP/1.0\r\n\r\n", 27);
    client_finish(client);
    assert_int_equal(open_now(), 0);
    assert_int_equal(net_orphan_stats_of(0).count, 1);
    pass_s(20);
    client->deaf = false;
    pass_s(40);
    assert_non_null(strstr(client->output, "\r\n\r\n"));
    assert_true(client->finished && client->used > 1000);
    assert_false(client->reset);
    assert_int_equal(net_orphan_stats_of(0).count, 0);
}

// One that is gone for good, and one that says it is there and takes nothing.
static void who_takes_nothing_of_the_last_answer_is_given_up(void **state)
{
    (void)state;
    uint64_t dropped = net_orphan_stats_of(0).dropped;
    struct client *gone = client_open(), *full = client_open();
    gone->deaf = full->deaf = true;
    full->tcp.window = 0;
    client_send(gone, "GET /style.css HTTP/1.0\r\n\r\n");
    client_finish(gone);
    client_send(full, "GET /style.css HTTP/1.0\r\n\r\n");
    client_finish(full);
    for (unsigned s = 0; s < NET_ORPHAN_PATIENCE_S + 5; s += 5) {
        assert_false(gone->reset || full->reset);
        pass_s(5);
        client_segment(full, WORLD_ACK, NULL, 0);
        pump();
    }
    assert_true(gone->reset && full->reset);
    assert_int_equal(net_orphan_stats_of(0).dropped - dropped, 2);
    assert_int_equal(net_orphan_stats_of(0).count, 0);
}

static void a_finish_waits_for_answers_that_wait(void **state)
{
    (void)state;
    static const char request[] = "GET /style.css HTTP/1.1\r\n" HOST "\r\n";
    unsigned per_batch = 1400 / (unsigned)strlen(request);
    struct client *client = client_open();
    client->deaf = true;
    send_many(client, request, 5 * per_batch);
    client_segment(client, WORLD_ACK | WORLD_FIN, NULL, 0);
    pass_s(1);
    client->deaf = false;
    pass_s(20);
    assert_int_equal(responses(client, "HTTP/1.1 200 OK\r\n"), 5 * per_batch);
    assert_true(client->finished);
    assert_int_equal(open_now(), 0);
}

// ---- too many -----------------------------------------------------------------------------------

static void the_oldest_idle_connection_makes_room(void **state)
{
    (void)state;
    struct client *open[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
        open[i] = client_open();
        client_send(open[i], HELLO);
    }
    pass_s(1);
    client_send(open[0], HELLO); // now open[1] is the oldest
    struct client *more = client_open();
    client_send(more, HELLO);
    assert_int_equal(responses(more, "HTTP/1.1 200 OK\r\n"), 1);
    assert_int_equal(open_now(), CONNECTIONS);
    for (int i = 0; i < CONNECTIONS; i++)
        assert_int_equal(open[i]->finished, i == 1);
}

static void without_an_idle_connection_it_is_503(void **state)
{
    (void)state;
    for (int i = 0; i < CONNECTIONS; i++)
        client_send(client_open(), "GET / HT");
    struct client *more = client_open();
    assert_int_equal(responses(more, "HTTP/1.1 503 "), 1);
    assert_int_equal(responses(more, "Retry-After: "), 1);
    assert_true(more->finished);
    client_send(more, HELLO); // its request was on the way: no reset
    assert_false(more->reset);
    client_finish(more);
    assert_int_equal(open_now(), CONNECTIONS);
    // those that are told so have a limit too
    for (int i = 0; i < CONNECTIONS / 8 + 8 + 3; i++)
        client_open();
    assert_int_equal(open_now(), CONNECTIONS + CONNECTIONS / 8 + 8);
    assert_true(clients[client_count - 1].reset);
}

static void silent_connections_make_room_after_a_second(void **state)
{
    (void)state;
    for (int i = 0; i < CONNECTIONS; i++)
        client_open();
    assert_int_equal(responses(client_open(), "HTTP/1.1 503 "), 1);
    pass_s(2);
    struct client *more = client_open();
    client_send(more, HELLO);
    assert_int_equal(responses(more, "HTTP/1.1 200 OK\r\n"), 1);
}

// ---- without memory -----------------------------------------------------------------------------

static int allocations_left = -1; // -1: no limit

void *heap_alloc(size_t size_bytes)
{
    if (allocations_left == 0)
        return NULL;
    allocations_left -= allocations_left > 0;
    return malloc(size_bytes);
}

void *heap_alloc_zeroed(size_t size_bytes)
{
    void *block = heap_alloc(size_bytes);
    if (block)
        memset(block, 0, size_bytes);
    return block;
}

void *heap_alloc_aligned(size_t size_bytes, size_t alignment_bytes)
{
    assert_true(alignment_bytes <= 16);
    return heap_alloc(size_bytes);
}

void heap_free(void *block)
{
    free(block);
}

// With the n-th allocation failing and all after it, for each n: nothing breaks, nothing is lost,
// and once there is memory again the server answers.
static void it_survives_running_out_of_memory(void **state)
{
    for (int n = 0; n < 40; n++) {
        struct client *client = client_open();
        allocations_left = n;
        client_send(client, "GET /status.json HTTP/1.1\r\nHost: to");
        client_send(client, "ril\r\nIf-None-Match: \"a");
        client_send(client, "\"\r\n\r\nGET /style.css HTTP/1.1\r\n" HOST "\r\n");
        allocations_left = -1;
        pass_s(5);
        assert_true(responses(client, "HTTP/1.1 ") > 0 || client->reset);
        struct client *next = client_open();
        client_send(next, HELLO);
        pass_s(1);
        assert_int_equal(responses(next, "HTTP/1.1 200 OK\r\n"), 1);
        nothing_is_left(state);
    }
}

int main(void)
{
    site_serve();
    for (size_t i = 0; i < ARRAY_COUNT(routes); i++)
        http_route_add(&routes[i]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_request_is_answered_and_the_connection_kept, nothing_is_left),
        cmocka_unit_test_teardown(pipelined_answers_share_segments, nothing_is_left),
        cmocka_unit_test_teardown(close_is_half_a_close_until_the_client_follows, nothing_is_left),
        cmocka_unit_test_teardown(a_client_may_finish_before_it_is_answered, nothing_is_left),
        cmocka_unit_test_teardown(a_reset_at_any_moment_leaves_nothing, nothing_is_left),
        cmocka_unit_test_teardown(silent_clients_are_closed, nothing_is_left),
        cmocka_unit_test_teardown(idle_clients_are_closed_later, nothing_is_left),
        cmocka_unit_test_teardown(a_request_that_trickles_is_answered_408, nothing_is_left),
        cmocka_unit_test_teardown(new_requests_have_new_time, nothing_is_left),
        cmocka_unit_test_teardown(a_body_that_never_comes_is_answered_408, nothing_is_left),
        cmocka_unit_test_teardown(an_answer_may_come_later, nothing_is_left),
        cmocka_unit_test_teardown(a_client_may_go_while_its_handler_works, nothing_is_left),
        cmocka_unit_test_teardown(a_handler_that_takes_too_long_is_answered_503, nothing_is_left),
        cmocka_unit_test_teardown(a_large_body_has_time_as_it_comes, nothing_is_left),
        cmocka_unit_test_teardown(what_is_not_read_waits_and_then_comes, nothing_is_left),
        cmocka_unit_test_teardown(unread_requests_are_held_back, nothing_is_left),
        cmocka_unit_test_teardown(few_copies_are_kept_for_who_does_not_read, nothing_is_left),
        cmocka_unit_test_teardown(who_never_reads_is_cut_off, nothing_is_left),
        cmocka_unit_test_teardown(an_answer_is_delivered_after_all_is_closed, nothing_is_left),
        cmocka_unit_test_teardown(who_takes_nothing_of_the_last_answer_is_given_up,
                                  nothing_is_left),
        cmocka_unit_test_teardown(a_finish_waits_for_answers_that_wait, nothing_is_left),
        cmocka_unit_test_teardown(the_oldest_idle_connection_makes_room, nothing_is_left),
        cmocka_unit_test_teardown(without_an_idle_connection_it_is_503, nothing_is_left),
        cmocka_unit_test_teardown(silent_connections_make_room_after_a_second, nothing_is_left),
        cmocka_unit_test_teardown(it_survives_running_out_of_memory, nothing_is_left),
        cmocka_unit_test_teardown(a_stop_finishes_what_is_under_way, nothing_is_left),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}

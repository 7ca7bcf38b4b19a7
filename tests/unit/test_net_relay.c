// SPDX-License-Identifier: MIT
// Frames that travel between cores: one core has the card, the others receive and send through it.
// No frame is lost or changed, each buffer and each token comes home, also when the card's queue is
// full.
#include "host.h"
#include "seeded.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "fake_core.h"

#include "kernel/pages.h"
#include "net/netif.h"
#include "net/relay.h"
#include "smp/exchange.h"

#define CORES       3
#define FRAMES      4000 // for each core without the card
#define BUFFERS     48
#define PIECES_MAX  3
#define PIECE_BYTES 64
#define CARD_ROOM   8
#define CARD        2 // its number

// ---- below and above net/relay.c ----------------------------------------------------------------

void *page_alloc(size_t count)
{
    return heap_alloc_aligned(count * PAGE_BYTES, PAGE_BYTES);
}
static void turn(void)
{
    if (!fake_core_poll())
        sched_yield();
}

struct content { // of a frame: who it is for, its number, and what fills the rest
    uint32_t core, number;
};

// The card, core 0's.
static struct buffer {
    struct net_rx_buffer lent;
    uint8_t bytes[PIECE_BYTES];
    bool is_out;
} buffers[BUFFERS];
static unsigned buffers_out;
static struct {
    void *tokens[CARD_ROOM];
    unsigned used;
    uint32_t next_of[CORES]; // number of the next frame from each core
} card;
static struct net_device hub;

static int card_transmit(struct net_device *device, const struct net_tx_frame *frame)
{
    FAKE_CHECK(device == &hub && core_index() == 0);
    if (card.used == CARD_ROOM)
        return -ENOBUFS;
    struct content content;
    FAKE_CHECK(frame->segment_count == 2 && frame->segments[0].length == sizeof(content));
    memcpy(&content, frame->segments[0].data, sizeof(content));
    FAKE_CHECK(content.core > 0 && content.core < CORES);
    FAKE_CHECK(content.number == card.next_of[content.core]++);
    FAKE_CHECK(*(const uint8_t *)frame->segments[1].data == (uint8_t)content.number);
    FAKE_CHECK(frame->checksum_needed == (content.number % 2 == 1));
    card.tokens[card.used++] = frame->token;
    return 0;
}

static void card_release(struct net_device *device, struct net_rx_buffer *lent)
{
    struct buffer *buffer = CONTAINER_OF(lent, struct buffer, lent);
    FAKE_CHECK(device == &hub && core_index() == 0 && buffer->is_out);
    buffer->is_out = false;
    buffers_out--;
}

static const struct net_device_ops card_ops = {.transmit = card_transmit,
                                               .rx_release = card_release};

// The stack of each core.
struct reply {
    struct content content;
    uint8_t end;
};
static PERCORE struct net_device *device;
static PERCORE uint32_t taken, sent_back, copies;
static PERCORE struct reply *unsent[FRAMES];
static PERCORE unsigned unsent_first, unsent_count;
static struct net_device *devices[CORES]; // they last for good
static _Atomic unsigned cores_done;

static bool try_to_send(struct reply *reply)
{
    struct net_tx_frame frame = {
        .segment_count = 2, .checksum_needed = reply->content.number % 2 == 1, .token = reply};
    frame.segments[0].data = &reply->content;
    frame.segments[0].length = sizeof(reply->content);
    frame.segments[1].data = &reply->end;
    frame.segments[1].length = 1;
    int error = device->ops->transmit(device, &frame);
    FAKE_CHECK(error == 0 || error == -ENOBUFS);
    return error == 0;
}

void net_netif_take(unsigned number, struct net_rx_buffer *frame)
{
    FAKE_CHECK(number == CARD);
    struct content content;
    memcpy(&content, frame->data, sizeof(content));
    FAKE_CHECK(content.core == core_index());
    FAKE_CHECK(content.number == taken++); // in order
    for (struct net_rx_buffer *next; frame != NULL; frame = next) {
        next = frame->next;
        FAKE_CHECK(frame->data[PIECE_BYTES - 1] == (uint8_t)content.number);
        FAKE_CHECK(net_relay_release(frame));
    }
    struct reply *reply = heap_alloc(sizeof(*reply));
    *reply = (struct reply){content, (uint8_t)content.number};
    unsent[(unsent_first + unsent_count++) % FRAMES] = reply;
}

void net_netif_take_copy(unsigned number, const uint8_t *bytes, uint32_t size_bytes,
                         bool checksum_valid)
{
    (void)checksum_valid;
    FAKE_CHECK(number == CARD);
    FAKE_CHECK(size_bytes == 42);
    for (uint32_t i = 0; i < size_bytes; i++)
        FAKE_CHECK(bytes[i] == (i == 12 ? 8 : i == 13 ? 6 : i == 21 ? 2 : 0)); // not a question
    copies++;
}

void net_netif_touch(void)
{
    FAKE_CHECK(core_index() == 0);
}

static void reply_sent(struct net_device *of, void *token)
{
    FAKE_CHECK(of == device);
    heap_free(token);
    sent_back++;
}

// ---- the cores ----------------------------------------------------------------------------------

static void run_stack(void)
{
    device = devices[core_index()] = net_relay_device(&hub);
    FAKE_CHECK(device != NULL && device->core == core_index());
    device->transmitted = reply_sent;
    fake_core_barrier();
    while (sent_back < FRAMES || copies < 1) {
        turn();
        while (unsent_count > 0 && try_to_send(unsent[unsent_first])) {
            unsent_first = (unsent_first + 1) % FRAMES;
            unsent_count--;
        }
    }
    FAKE_CHECK(taken == FRAMES);
    struct net_relay_stats stats = net_relay_stats_of(core_index());
    FAKE_CHECK(stats.rx_taken == FRAMES && stats.tx_given == FRAMES);
    atomic_fetch_add(&cores_done, 1);
}

static struct buffer *free_buffer(void)
{
    for (unsigned i = 0; i < BUFFERS; i++)
        if (!buffers[i].is_out)
            return &buffers[i];
    return NULL;
}

static bool receive_frame(unsigned core, uint32_t number)
{
    unsigned pieces = 1 + (unsigned)random_below(PIECES_MAX);
    if (BUFFERS - buffers_out < pieces)
        return false;
    struct net_rx_buffer *frame = NULL;
    for (unsigned i = 0; i < pieces; i++) {
        struct buffer *buffer = free_buffer();
        struct content content = {core, number};
        buffer->is_out = true;
        buffers_out++;
        memset(buffer->bytes, (uint8_t)number, PIECE_BYTES);
        memcpy(buffer->bytes, &content, sizeof(content));
        buffer->lent.data = buffer->bytes;
        buffer->lent.length = PIECE_BYTES;
        buffer->lent.next = frame;
        frame = &buffer->lent;
    }
    FAKE_CHECK(!net_relay_release(frame)); // has not left
    net_relay_frame(core, &hub, frame);
    return true;
}

static void complete(void)
{
    unsigned count = (unsigned)random_below(CARD_ROOM + 1);
    while (card.used > 0 && count-- > 0)
        FAKE_CHECK(net_relay_sent(card.tokens[--card.used]));
    (void)net_relay_send_waiting(CARD);
}

static void run_card(void)
{
    static uint8_t question[42];
    question[12] = 8;
    question[13] = 6;
    question[21] = 1;
    struct net_rx_buffer asked = {.data = question, .length = sizeof(question)};
    uint32_t next[CORES] = {0};
    random_state = 5;
    fake_core_barrier();
    for (unsigned core = 1; core < CORES; core++)
        net_relay_copy(core, CARD, &asked);
    while (atomic_load(&cores_done) < CORES - 1) {
        unsigned core = 1 + (unsigned)random_below(CORES - 1);
        if (next[core] < FRAMES && receive_frame(core, next[core]))
            next[core]++;
        turn();
        complete();
        if (random_below(20) == 0)
            net_relay_settle();
    }
    turn();
    FAKE_CHECK(buffers_out == 0 && card.used == 0);
    FAKE_CHECK(!net_relay_sent(&card)); // a token of our own
}

static void body(unsigned core)
{
    if (core == 0)
        FAKE_CHECK(exchange_start(CORES) == 0);
    fake_core_barrier();
    exchange_start_core(FAKE_APIC_ID(core));
    if (core == 0)
        run_card();
    else
        run_stack();
    // Until all are done each turns its loop: messages may still be on their way.
    while (atomic_load(&cores_done) < CORES - 1)
        turn();
    for (unsigned i = 0; i < 100; i++)
        turn();
}

static void test_all_come_home(void **state)
{
    (void)state;
    memset(&card, 0, sizeof(card));
    hub = (struct net_device){.ops = &card_ops, .name = "card", .mtu = 1500, .card = CARD};
    fake_core_run(CORES, body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_come_home)};
    return cmocka_run_group_tests_name("net_relay", tests, NULL, NULL);
}

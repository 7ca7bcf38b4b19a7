// SPDX-License-Identifier: MIT
// The exchange, included whole so that what lies in slots and queues can be looked at. A core that
// is never woken or a message that is lost makes a hang: the alarm ends it.
#include "host.h"
#include "seeded.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "fake_core.h"

// Every barrier of the exchange is a place where another core may come in between; a test can be
// it.
#include "kernel/cpu.h"
static PERCORE void (*at_barrier)(void); // called once, by the next barrier
static void barrier(void)
{
    cpu_full_barrier();
    void (*call)(void) = at_barrier;
    at_barrier = NULL;
    if (call != NULL)
        call();
}
#define cpu_full_barrier barrier
#include "smp/exchange.c"

static bool out_of_memory;
static void *slot_memory;

void *page_alloc(size_t count)
{
    if (out_of_memory)
        return NULL;
    free(slot_memory);
    slot_memory = aligned_alloc(PAGE_BYTES, count * PAGE_BYTES);
    memset(slot_memory, 0xa5, count * PAGE_BYTES);
    return slot_memory;
}

void *heap_alloc_zeroed(size_t size_bytes)
{
    return out_of_memory ? NULL : calloc(1, size_bytes);
}

static int setup(void **state)
{
    (void)state;
    fake_core_reset();
    out_of_memory = false;
    idle_uses_mwait = false;
    alarm(60);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    alarm(0);
    free(slot_memory);
    slot_memory = NULL;
    return 0;
}

// All cores join; core 0 goes first.
static void start_core(unsigned core)
{
    random_state = 88172645463325252ull + core * 7919;
    if (core == 0)
        FAKE_CHECK(exchange_start(core_count()) == 0);
    fake_core_barrier();
    exchange_start_core(FAKE_APIC_ID(core));
    fake_core_barrier();
}

static void stop_core(void)
{
    for (unsigned core = 0; core < core_count(); core++)
        FAKE_CHECK(peers[core].first == NULL);
}

// ---- step by step -----------------------------------------------------------------------------

struct note {
    struct exchange_message message;
    unsigned number;
};
static PERCORE unsigned notes_seen;
static PERCORE struct note *notes_to_send_on;

static void note_receive(struct exchange_message *message)
{
    struct note *note = CONTAINER_OF(message, struct note, message);
    FAKE_CHECK(note->number == notes_seen);
    notes_seen++;
}

static void send_notes(unsigned core, struct note *notes, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        notes[i] = (struct note){.message.receive = note_receive, .number = i};
        exchange_send(core, &notes[i].message);
    }
}

static void slot_then_queue_body(unsigned core)
{
    static struct note notes[8];
    start_core(core);
    if (core == 0) {
        send_notes(1, notes, 0, 5);
        FAKE_CHECK(exchange_owed == 1); // the first is in the slot, four wait
        FAKE_CHECK(!fake_core_poll());
    }
    fake_core_barrier();
    if (core == 1) {
        FAKE_CHECK(fake_core_poll());
        FAKE_CHECK(notes_seen == 1);
        FAKE_CHECK(!fake_core_poll());
    }
    fake_core_barrier();
    if (core == 0) {
        send_notes(1, notes, 5, 2); // behind those that wait
        FAKE_CHECK(exchange_owed == 1);
        FAKE_CHECK(fake_core_poll());
        FAKE_CHECK(exchange_owed == 0);
        FAKE_CHECK(!fake_core_poll());
    }
    fake_core_barrier();
    if (core == 1) {
        FAKE_CHECK(fake_core_poll());
        FAKE_CHECK(notes_seen == 7); // all at once
        FAKE_CHECK(exchange_stats_get().received == 7 && exchange_stats_get().sent == 0);
    } else {
        FAKE_CHECK(exchange_stats_get().sent == 7 && exchange_stats_get().wakes == 0);
    }
    fake_core_barrier();
    stop_core();
}

static void first_fills_the_slot_and_the_rest_waits(void **state)
{
    (void)state;
    fake_core_run(2, slot_then_queue_body);
}

static void wake_body(unsigned core)
{
    static struct note notes[8];
    start_core(core);
    if (core == 1)
        FAKE_CHECK(!exchange_arm(doorbell_of(1))); // about to halt
    fake_core_barrier();
    if (core == 0) {
        send_notes(1, notes, 0, 1);
        FAKE_CHECK(exchange_stats_get().wakes == 1);
    }
    fake_core_barrier();
    if (core == 1) {
        FAKE_CHECK(exchange_arm(doorbell_of(1))); // too late to halt
        FAKE_CHECK(fake_core_poll() && notes_seen == 1);
    }
    fake_core_barrier();
    if (core == 0) {
        send_notes(1, notes, 1, 4); // awake: nobody need interrupt it
        FAKE_CHECK(exchange_stats_get().wakes == 1);
        FAKE_CHECK(!exchange_arm(doorbell_of(0))); // with three queued
    }
    fake_core_barrier();
    if (core == 1) {
        FAKE_CHECK(fake_core_poll() && notes_seen == 2);
        FAKE_CHECK(exchange_stats_get().wakes == 1); // the slot is free: the sender is told
    }
    fake_core_barrier();
    if (core == 0)
        FAKE_CHECK(fake_core_poll() && exchange_owed == 0);
    fake_core_barrier();
    if (core == 1)
        FAKE_CHECK(fake_core_poll() && notes_seen == 5);
    stop_core();
}

static void post_notes(struct note *notes, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        notes[i] = (struct note){.message.receive = note_receive, .number = i};
        exchange_post(1, &notes[i].message);
    }
}

static void post_body(unsigned core)
{
    static struct note notes[12];
    start_core(core);
    if (core == 0) {
        post_notes(notes, 0, 3);
        FAKE_CHECK(exchange_owed == 1 && counters.exchange_bells == 0);
        exchange_flush();
        FAKE_CHECK(exchange_owed == 0 && counters.exchange_bells == 1);
        post_notes(notes, 3, 1); // the slot is full: the receiver is to ring back
        exchange_flush();
        FAKE_CHECK(exchange_owed == 1 && counters.exchange_bells == 2);
        exchange_flush();
        post_notes(notes, 4, 1);
        FAKE_CHECK(!exchange_arm(doorbell_of(0)) && counters.exchange_bells == 2); // it knows
    }
    fake_core_barrier();
    if (core == 1) {
        FAKE_CHECK(fake_core_poll() && notes_seen == 3);
        FAKE_CHECK(counters.exchange_bells == 1);
    }
    fake_core_barrier();
    if (core == 0) {
        FAKE_CHECK(fake_core_poll() && exchange_owed == 0);
        FAKE_CHECK(counters.exchange_bells == 3);
    }
    fake_core_barrier();
    if (core == 1)
        FAKE_CHECK(fake_core_poll() && notes_seen == 5);
    fake_core_barrier();
    if (core == 0) {
        post_notes(notes, 5, 1);
        send_notes(1, notes, 6, 1); // does not wait, and does not overtake
        FAKE_CHECK(exchange_owed == 0 && counters.exchange_bells == 4);
    }
    fake_core_barrier();
    if (core == 1)
        FAKE_CHECK(fake_core_poll() && notes_seen == 7);
    fake_core_barrier();
    if (core == 0) {
        post_notes(notes, 7, 1);
        FAKE_CHECK(!exchange_arm(doorbell_of(0)));
        FAKE_CHECK(exchange_owed == 0 && counters.exchange_bells == 5); // before it halts
        FAKE_CHECK(!fake_core_poll());
        post_notes(notes, 8, 1);
        FAKE_CHECK(!fake_core_poll()); // or at its next turn: the slot is full, so it is said
        FAKE_CHECK(counters.exchange_bells == 6);
    }
    fake_core_barrier();
    for (int i = 0; i < 2; i++) {
        if (core == 1)
            fake_core_poll();
        fake_core_barrier();
        if (core == 0)
            fake_core_poll();
        fake_core_barrier();
    }
    FAKE_CHECK(notes_seen == (core == 1 ? 9 : 0));
    stop_core();
}

static void what_is_posted_goes_together(void **state)
{
    (void)state;
    fake_core_run(2, post_body);
}

static void only_a_halting_core_is_interrupted(void **state)
{
    (void)state;
    fake_core_run(2, wake_body);
}

// ---- between two stores -----------------------------------------------------------------------

static struct slot *slot_between(unsigned writer, unsigned other)
{
    return &slots[writer * slot_cores + other];
}
static _Atomic uint8_t *said_by(unsigned sender, unsigned core)
{
    return &doorbell_of(core)->said[sender / 8].by[sender % 8];
}
static uint64_t rung(unsigned core)
{
    return atomic_load(&doorbell_of(core)->rung);
}

// Core 1 took the first message, and did not see that there are more.
static void at_barrier_take(void)
{
    atomic_store(&slot_between(1, 0)->taken, atomic_load(said_by(0, 1)) & NUMBER);
}
static void at_barrier_halt(void)
{
    atomic_store(&doorbell_of(1)->halting, true);
}
static void at_barrier_ring(void)
{
    static uint64_t value;
    atomic_store(&doorbell_of(0)->rung, --value);
}

static struct note late_notes[2] = {{.message.receive = note_receive},
                                    {.message.receive = note_receive}};

// From core 1, and the bell is still to be rung.
static void put(unsigned number, uint8_t waits)
{
    late_notes[number % 2].number = number;
    slot_between(1, 0)->first = &late_notes[number % 2].message;
    slot_between(1, 0)->receive = note_receive;
    atomic_store(said_by(1, 0), ((atomic_load(said_by(1, 0)) + 1) & NUMBER) | waits);
}

static void sender_body(void)
{
    static struct note notes[4];
    // The slot is emptied after the sender saw it full.
    send_notes(1, notes, 0, 1);
    at_barrier = at_barrier_take;
    uint64_t before = rung(1);
    send_notes(1, notes, 1, 1);
    FAKE_CHECK(exchange_owed == 1 && rung(1) != before &&
               atomic_load(said_by(0, 1)) == (1 | WAITS));
    FAKE_CHECK(fake_core_poll() && exchange_owed == 0 && atomic_load(said_by(0, 1)) == 2);
    FAKE_CHECK(slot_between(0, 1)->first == &notes[1].message);
    // The receiver halts after it was rung, and before the sender looks.
    at_barrier_take();
    at_barrier = at_barrier_halt;
    send_notes(1, notes, 2, 1);
    FAKE_CHECK(exchange_stats_get().wakes == 1);
    atomic_store(&doorbell_of(1)->halting, false);
}

static void receiver_body(void)
{
    // It is rung when it is about to halt.
    at_barrier = at_barrier_ring;
    FAKE_CHECK(exchange_arm(doorbell_of(0)));
    // One ring covers another: both are found.
    static struct note own;
    send_notes(0, &own, 0, 1);
    put(1, 0);
    FAKE_CHECK(fake_core_poll() && notes_seen == 2);
    // A message is in its slot before the bell is rung: it may be found only then.
    put(2, 0);
    FAKE_CHECK(!fake_core_poll() && notes_seen == 2);
    at_barrier_ring();
    FAKE_CHECK(exchange_arm(doorbell_of(0)));
    FAKE_CHECK(fake_core_poll() && notes_seen == 3);
    // The sender queues more just as its slot is emptied: it is rung back at the next look, once.
    uint64_t before = rung(1);
    FAKE_CHECK(!fake_core_poll() && rung(1) == before);
    atomic_store(said_by(1, 0), atomic_load(said_by(1, 0)) | WAITS);
    at_barrier_ring();
    FAKE_CHECK(fake_core_poll() && rung(1) != before);
    before = rung(1);
    at_barrier_ring();
    FAKE_CHECK(fake_core_poll() && rung(1) == before);
    // It had queued more before: it is rung back when its slot is empty.
    put(3, WAITS);
    at_barrier_ring();
    FAKE_CHECK(fake_core_poll() && notes_seen == 4 && rung(1) != before);
    FAKE_CHECK(atomic_load(&slot_between(0, 1)->taken) == (atomic_load(said_by(1, 0)) & NUMBER));
}

// Numbers start again long before this ends.
static void wrap_body(unsigned core)
{
    static struct note notes[300];
    start_core(core);
    for (unsigned i = 0; i < ARRAY_COUNT(notes); i++) {
        if (core == 0)
            send_notes(1, notes, i, 1);
        fake_core_barrier();
        FAKE_CHECK(fake_core_poll() == (core == 1) && notes_seen == (core == 1 ? i + 1 : 0));
        fake_core_barrier();
    }
    stop_core();
}

static void numbers_start_again(void **state)
{
    (void)state;
    fake_core_run(2, wrap_body);
}

static void between_body(unsigned core)
{
    start_core(core);
    if (core == 0) {
        sender_body();
        receiver_body();
    }
    fake_core_barrier();
    stop_core();
}

static void other_cores_may_come_in_between(void **state)
{
    (void)state;
    fake_core_run(2, between_body);
}

static void self_receive(struct exchange_message *message)
{
    note_receive(message);
    if (notes_seen < 5) {
        notes_to_send_on[notes_seen] =
            (struct note){.message.receive = self_receive, .number = notes_seen};
        exchange_send(0, &notes_to_send_on[notes_seen].message);
    }
}

static void self_body(unsigned core)
{
    static struct note notes[8];
    start_core(core);
    notes_to_send_on = notes;
    notes[0] = (struct note){.message.receive = self_receive};
    exchange_send(0, &notes[0].message);
    FAKE_CHECK(notes_seen == 0); // in the loop, never at once
    FAKE_CHECK(exchange_arm(doorbell_of(0)));
    for (unsigned turn = 0; turn < 20; turn++)
        fake_core_poll();
    FAKE_CHECK(notes_seen == 5 && exchange_owed == 0);
    stop_core();
}

static void a_core_sends_to_itself(void **state)
{
    (void)state;
    fake_core_run(1, self_body);
}

static void a_core_that_is_not_there_is_a_bug(void **state)
{
    (void)state;
    struct exchange_message message = {0};
    fake_core_join(0);
    core_slot_count = 3;
    assert_int_equal(exchange_start(3), 0);
    exchange_start_core(FAKE_APIC_ID(0));
    if (!host_panicked()) {
        exchange_send(1, &message); // a gap
        fail();
    }
    if (!host_panicked()) {
        exchange_send(3, &message);
        fail();
    }
}

static void starting_without_memory_is_told(void **state)
{
    (void)state;
    fake_core_join(0);
    out_of_memory = true;
    assert_int_equal(exchange_start(4), -ENOMEM);
    out_of_memory = false;
    assert_int_equal(exchange_start(1), 0);
}

static PERCORE uint64_t idle_count;

// One turn of the loop.
static void turn(void)
{
    if (random_below(64) == 0)
        sched_yield();
    if (fake_core_poll())
        return;
    idle_count++;
    fake_core_idle();
}

// ---- races ------------------------------------------------------------------------------------

#define RACES 10000

static PERCORE unsigned answers_seen;

static void answer_receive(struct exchange_message *message)
{
    (void)message;
    answers_seen++;
}

static void first_receive(struct exchange_message *message)
{
    (void)message;
}

static void question_receive(struct exchange_message *message)
{
    message->receive = answer_receive;
    exchange_send(0, message);
}

static void spin(uint64_t count)
{
    for (volatile uint64_t i = 0; i < count; i++) {
    }
}

// Two messages a round, the second while the receiver takes the first, then a halt without another
// look at the queue: only the second is answered. The receiver halts just as something comes.
static void race_body(unsigned core)
{
    static struct exchange_message questions[2];
    start_core(core);
    for (unsigned round = 1; core == 0 && round <= RACES; round++) {
        for (unsigned i = 0; i < 2; i++) {
            questions[i].receive = i == 0 ? first_receive : question_receive;
            exchange_send(1, &questions[i]);
            spin(i == 0 ? random_below(200) : 0);
        }
        while (answers_seen != round) {
            fake_core_idle();
            fake_core_poll();
        }
    }
    while (core == 1 && exchange_stats_get().received != 2 * RACES) {
        bool worked = fake_core_poll();
        if (!worked && random_below(8) == 0)
            fake_core_idle();
    }
    while (exchange_owed != 0)
        turn();
    fake_core_barrier();
    stop_core();
}

static void no_wake_up_is_lost_in_a_race(void **state)
{
    (void)state;
    fake_core_run(2, race_body);
}

static void nor_is_one_without_interrupts(void **state)
{
    (void)state;
    idle_uses_mwait = true;
    fake_core_run(2, race_body);
}

// ---- at random, with all cores at once --------------------------------------------------------

struct pattern {
    const char *name;
    unsigned cores;
    unsigned tokens; // from each core
    unsigned hops;   // until a token has come to its end
    unsigned hot;    // of 8 sends, how many go to core 0
};

// Travels from core to core; every send is numbered for its pair of cores.
struct token {
    struct exchange_message message;
    unsigned sender, hops_left;
    uint64_t number, hash;
};
#define MESH_CORES 130

static const struct pattern *pattern;
static _Atomic uint64_t retired;
static uint64_t sent_numbers[MESH_CORES][MESH_CORES];     // [from][to], the sender's
static uint64_t received_numbers[MESH_CORES][MESH_CORES]; // [to][from], the receiver's
static uint64_t idle_counts[MESH_CORES], sent_counts[MESH_CORES], received_counts[MESH_CORES];
static struct exchange_message finish_messages[MESH_CORES];
static PERCORE bool finished;

static uint64_t token_hash(const struct token *token)
{
    return (token->number * 31 + token->sender) * 0x9e3779b97f4a7c15ull + token->hops_left;
}

static void token_receive(struct exchange_message *message);

static void token_send(struct token *token)
{
    unsigned from = core_index(), to = (unsigned)random_below(pattern->cores);
    if (random_below(8) < pattern->hot)
        to = 0;
    token->message.receive = token_receive;
    token->sender = from;
    token->number = sent_numbers[from][to]++;
    token->hash = token_hash(token);
    if (random_below(2) == 0)
        exchange_send(to, &token->message);
    else
        exchange_post(to, &token->message);
}

static void finish_receive(struct exchange_message *message)
{
    FAKE_CHECK(message == &finish_messages[core_index()]);
    finished = true;
}

static void token_retire(struct token *token)
{
    free(token);
    uint64_t count = atomic_fetch_add_explicit(&retired, 1, memory_order_relaxed) + 1;
    FAKE_CHECK(count <= (uint64_t)pattern->cores * pattern->tokens);
    if (count != (uint64_t)pattern->cores * pattern->tokens)
        return;
    for (unsigned core = 0; core < pattern->cores; core++) {
        finish_messages[core].receive = finish_receive;
        exchange_send(core, &finish_messages[core]);
    }
}

static void token_receive(struct exchange_message *message)
{
    struct token *token = CONTAINER_OF(message, struct token, message);
    FAKE_CHECK(token->hash == token_hash(token));
    FAKE_CHECK(token->number == received_numbers[core_index()][token->sender]);
    received_numbers[core_index()][token->sender]++;
    if (token->hops_left-- == 0)
        token_retire(token);
    else
        token_send(token);
}

static void mesh_body(unsigned core)
{
    start_core(core);
    for (unsigned i = 0; i < pattern->tokens; i++) {
        struct token *token = calloc(1, sizeof(*token));
        token->hops_left = pattern->hops;
        token_send(token);
        if (random_below(16) == 0)
            fake_core_poll();
    }
    while (!finished || exchange_owed != 0)
        turn();
    FAKE_CHECK(!idle_uses_mwait || exchange_stats_get().wakes == 0);
    sent_counts[core] = exchange_stats_get().sent;
    idle_counts[core] = idle_count;
    received_counts[core] = exchange_stats_get().received;
    fake_core_barrier();
    stop_core();
}

static void run_pattern(const struct pattern *which)
{
    pattern = which;
    atomic_store(&retired, 0);
    memset(sent_numbers, 0, sizeof(sent_numbers));
    memset(received_numbers, 0, sizeof(received_numbers));
    fake_core_run(which->cores, mesh_body);
    uint64_t sent = 0, received = 0, idle = 0;
    for (unsigned from = 0; from < which->cores; from++) {
        for (unsigned to = 0; to < which->cores; to++)
            assert_int_equal(sent_numbers[from][to], received_numbers[to][from]);
        sent += sent_counts[from];
        received += received_counts[from];
        idle += idle_counts[from];
    }
    assert_int_equal(sent, (uint64_t)which->cores * (which->tokens * (which->hops + 1) + 1));
    assert_int_equal(received, sent);
    assert_true(idle > 0);
    print_message("           %s: %u cores, %lu messages, %lu halts\n", which->name, which->cores,
                  (unsigned long)sent, (unsigned long)idle);
}

static void run_patterns(const struct pattern *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        run_pattern(&patterns[i]);
}

static void busy_cores(void **state)
{
    (void)state;
    static const struct pattern patterns[] = {
        {"busy", 2, 500, 100, 0},
        {"busy", 4, 300, 100, 0},
        {"busy", 8, 150, 80, 0},
    };
    run_patterns(patterns, ARRAY_COUNT(patterns));
}

static void cores_that_mostly_halt(void **state)
{
    (void)state;
    static const struct pattern patterns[] = {
        {"halting", 2, 1, 4000, 0},
        {"halting", 4, 1, 2000, 0},
        {"halting", 8, 1, 1000, 0},
    };
    run_patterns(patterns, ARRAY_COUNT(patterns));
}

static void cores_that_mostly_watch_their_doorbells(void **state)
{
    idle_uses_mwait = true;
    cores_that_mostly_halt(state);
}

static void one_core_that_all_send_to(void **state)
{
    (void)state;
    static const struct pattern patterns[] = {
        {"hot", 2, 200, 60, 7},
        {"hot", 4, 100, 60, 6},
        {"hot", 8, 100, 60, 7},
    };
    run_patterns(patterns, ARRAY_COUNT(patterns));
}

// More than one word of bits.
static void many_cores(void **state)
{
    (void)state;
    static const struct pattern patterns[] = {{"many", MESH_CORES, 4, 20, 2}};
    run_patterns(patterns, ARRAY_COUNT(patterns));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(first_fills_the_slot_and_the_rest_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_posted_goes_together, setup, teardown),
        cmocka_unit_test_setup_teardown(only_a_halting_core_is_interrupted, setup, teardown),
        cmocka_unit_test_setup_teardown(other_cores_may_come_in_between, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_start_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_core_sends_to_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(a_core_that_is_not_there_is_a_bug, setup, teardown),
        cmocka_unit_test_setup_teardown(starting_without_memory_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(no_wake_up_is_lost_in_a_race, setup, teardown),
        cmocka_unit_test_setup_teardown(nor_is_one_without_interrupts, setup, teardown),
        cmocka_unit_test_setup_teardown(busy_cores, setup, teardown),
        cmocka_unit_test_setup_teardown(cores_that_mostly_halt, setup, teardown),
        cmocka_unit_test_setup_teardown(cores_that_mostly_watch_their_doorbells, setup, teardown),
        cmocka_unit_test_setup_teardown(one_core_that_all_send_to, setup, teardown),
        cmocka_unit_test_setup_teardown(many_cores, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

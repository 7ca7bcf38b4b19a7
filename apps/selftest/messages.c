// SPDX-License-Identifier: MIT
// Exchange slots and remote calls.
#include <stdlib.h>
#include <string.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/core.h"
#include "kernel/idle.h"
#include "kernel/panic.h"
#include "kernel/scheduler.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/exchange.h"
#include "smp/remote.h"

#define MESSAGES 10000 // of each pair
#define WINDOW   64    // of them on their way at a time
#define PINGS    1000
#define VISITS   30

// Goes from its sender to a receiver and back, over and over.
struct numbered {
    struct exchange_message message;
    unsigned sender, receiver, number;
    bool is_home;          // its sender's to change
    struct thread *waiter; // its sender's, woken when it comes home
};

static PERCORE unsigned expected_from[CORES_MAX]; // the next number from each sender
static PERCORE unsigned expected_back[CORES_MAX]; // the next one to return from each receiver

static void come_home(struct exchange_message *message)
{
    struct numbered *numbered = CONTAINER_OF(message, struct numbered, message);
    CHECK_EQUAL(core_index(), numbered->sender);
    CHECK_EQUAL(numbered->number, expected_back[numbered->receiver]);
    expected_back[numbered->receiver] = numbered->number + 1;
    numbered->is_home = true;
    if (numbered->waiter != NULL)
        thread_wake(numbered->waiter);
}

static void arrive(struct exchange_message *message)
{
    struct numbered *numbered = CONTAINER_OF(message, struct numbered, message);
    CHECK_EQUAL(core_index(), numbered->receiver);
    CHECK_EQUAL(numbered->number, expected_from[numbered->sender]);
    expected_from[numbered->sender] = numbered->number + 1;
    message->receive = come_home;
    exchange_send(numbered->sender, message);
}

// The core halts when it has nothing else to do.
static void wait_for(struct numbered *numbered)
{
    uint64_t deadline_ns = time_now_ns() + RUN_HANG_S * NS_PER_S;
    numbered->waiter = thread_self();
    while (!numbered->is_home)
        if (!thread_wait_until(deadline_ns))
            panic("selftest: %s: hangs: number %u from core %u to core %u is not back after %u s",
                  check_case_name(), numbered->number, numbered->sender, numbered->receiver,
                  RUN_HANG_S);
}

static void send_number(struct numbered *numbered, unsigned receiver, unsigned number)
{
    *numbered = (struct numbered){
        .message.receive = arrive, .sender = core_index(), .receiver = receiver, .number = number};
    exchange_send(receiver, &numbered->message);
}

static void send_to_all(void *argument)
{
    (void)argument;
    memset(expected_from, 0, sizeof(expected_from));
    memset(expected_back, 0, sizeof(expected_back));
    struct numbered *messages = calloc(core_count() * WINDOW, sizeof(*messages));
    if (!CHECK(messages != NULL))
        return;
    for (unsigned i = 0; i < core_count() * WINDOW; i++)
        messages[i].is_home = true;
    run_barrier(); // all cores expect number 0
    for (unsigned number = 0; number < MESSAGES; number++)
        for (unsigned receiver = 0; receiver < core_count(); receiver++) {
            if (!core_is_online(receiver))
                continue;
            struct numbered *numbered = &messages[receiver * WINDOW + number % WINDOW];
            wait_for(numbered);
            send_number(numbered, receiver, number);
        }
    for (unsigned i = 0; i < core_count() * WINDOW; i++)
        wait_for(&messages[i]);
    run_barrier(); // nothing is on its way any more
    for (unsigned core = 0; core < core_count(); core++) {
        CHECK_EQUAL(expected_from[core], core_is_online(core) ? MESSAGES : 0);
        CHECK_EQUAL(expected_back[core], core_is_online(core) ? MESSAGES : 0);
    }
    free(messages);
}

void case_exchange_all_pairs(void)
{
    run_on_all(send_to_all, NULL);
}

// A whole pile at once, more than any slot or window holds, to the next core.
static void send_burst(void *argument)
{
    (void)argument;
    unsigned self = core_index(), receiver = self;
    do
        receiver = (receiver + 1) % core_count();
    while (!core_is_online(receiver));
    memset(expected_from, 0, sizeof(expected_from));
    memset(expected_back, 0, sizeof(expected_back));
    struct exchange_stats before = exchange_stats_get();
    struct numbered *messages = calloc(MESSAGES, sizeof(*messages));
    if (!CHECK(messages != NULL))
        return;
    run_barrier();
    for (unsigned number = 0; number < MESSAGES; number++)
        send_number(&messages[number], receiver, number);
    for (unsigned number = 0; number < MESSAGES; number++)
        wait_for(&messages[number]);
    CHECK(exchange_stats_get().sent - before.sent >= MESSAGES);
    CHECK(exchange_stats_get().received - before.received >= MESSAGES);
    run_barrier();
    free(messages);
}

void case_exchange_burst(void)
{
    run_on_all(send_burst, NULL);
}

static void note_core(void *argument)
{
    *(unsigned *)argument = core_index() + 1;
}

struct halts {
    unsigned core;
    uint64_t before;
};

static bool has_halted(void *context)
{
    const struct halts *halts = context;
    return scheduler_stats_of(halts->core).halts > halts->before;
}

// Waits each time until the other core has halted once more: nothing else would make it look.
static void wake_halted(void *argument)
{
    unsigned target = *(const unsigned *)argument;
    uint64_t wakes = exchange_stats_get().wakes;
    for (unsigned visit = 0; visit < VISITS; visit++) {
        struct halts halts = {target, scheduler_stats_of(target).halts};
        unsigned ran_on = 0;
        remote_call(target, note_core, &ran_on);
        CHECK_EQUAL(ran_on, target + 1);
        if (!CHECK(run_until(has_halted, &halts, 1000 * RUN_HANG_S)))
            return;
        thread_sleep_until(time_now_ns() + NS_PER_MS);
    }
    CHECK((exchange_stats_get().wakes > wakes) == !idle_uses_mwait);
}

void case_exchange_to_halted_core(void)
{
    for (unsigned target = 0; target < core_count(); target++) {
        if (!core_is_online(target))
            continue;
        if (target != 0)
            run_on(0, wake_halted, &target);
        // From the last core to core 0, which halts while it waits for this part to end.
        else if (run_last_core() != 0)
            run_on(run_last_core(), wake_halted, &target);
    }
}

struct ball {
    struct exchange_message message;
    unsigned sides[2];
    unsigned hits;
    struct thread *player; // of sides[0]
    bool over;
};

static void hit(struct exchange_message *message)
{
    struct ball *ball = CONTAINER_OF(message, struct ball, message);
    CHECK_EQUAL(core_index(), ball->sides[ball->hits % 2 == 0]);
    if (++ball->hits < 2 * PINGS) {
        exchange_send(ball->sides[ball->hits % 2 == 0], &ball->message);
        return;
    }
    ball->over = true; // an even number of hits: this is sides[0]
    thread_wake(ball->player);
}

// Both cores have nothing else to do: each may halt between two hits.
static void ping_pong(void *argument)
{
    (void)argument;
    for (unsigned other = 0; other < core_count(); other++) {
        if (!core_is_online(other))
            continue;
        struct ball ball = {
            .message.receive = hit, .sides = {core_index(), other}, .player = thread_self()};
        exchange_send(other, &ball.message);
        while (!ball.over)
            thread_wait_until(TIME_NEVER);
        CHECK_EQUAL(ball.hits, 2 * PINGS);
    }
}

void case_exchange_ping_pong(void)
{
    run_on(run_last_core(), ping_pong, NULL);
}

static void call_all(void *argument)
{
    (void)argument;
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned core = 0; core < core_count(); core++) {
            unsigned ran_on = 0;
            if (core_is_online(core)) {
                remote_call(core, note_core, &ran_on);
                CHECK_EQUAL(ran_on, core + 1);
            }
        }
    }
}

void case_remote_call_all_pairs(void)
{
    run_on_all(call_all, NULL);
}

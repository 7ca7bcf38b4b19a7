// SPDX-License-Identifier: MIT
// A message that a core sends to itself: both ends. A thread waits for it, and in a loop to compare
// with for a poller, which wakes it in the same turn of the core's loop.
#include "smp/exchange.h"

#include "apps/bench/bench.h"
#include "apps/bench/measure.h"
#include "kernel/core.h"
#include "kernel/panic.h"
#include "kernel/scheduler.h"
#include "kernel/thread.h"
#include "kernel/time.h"

static struct thread *waiter;
static unsigned received;
static bool asked;

static void receive(struct exchange_message *message)
{
    (void)message;
    received++;
    thread_wake(waiter);
}

static bool answer(void *context)
{
    (void)context;
    if (!asked)
        return false;
    asked = false;
    thread_wake(waiter);
    return true;
}

static struct exchange_message message = {.receive = receive};
static struct poller poller = {.name = "answer", .poll = answer};

static void wait(void)
{
    if (!thread_wait_until(TIME_NEVER))
        panic("bench: a wait without a deadline ended without a wake");
}

MEASURE_LOOP(wait_for_poller, asked = true; wait())
MEASURE_LOOP(wait_for_message, exchange_send(core_index(), &message); wait())

static double message_sample(void)
{
    received = 0;
    uint64_t ticks = wait_for_message(MEASURE_COUNT);
    ASSERT(received == MEASURE_COUNT);
    return ((double)ticks - (double)wait_for_poller(MEASURE_COUNT)) / MEASURE_COUNT;
}

void bench_exchange(void)
{
    waiter = thread_self();
    scheduler_add_poller(&poller);
    measure_report("message", message_sample);
}

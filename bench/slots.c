// SPDX-License-Identifier: MIT
// The round trip of a message through exchange slots, between two threads that stand in for cores,
// against that of a number in one cache line: the least that two cores can need. All in turns, in
// one run, on the same two CPUs of this host. What is passed is one word, the message's address;
// once more with what the message holds, a second line that has to travel.
#define _GNU_SOURCE // CPU sets
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fake_core.h"
#include "kernel/pages.h"
#include "smp/exchange.h"

#define SERIES      201  // of each kind; short, so that many are not interrupted
#define ROUND_TRIPS 1000 // of a series

// For the slots.
void *page_alloc(size_t count)
{
    return aligned_alloc(PAGE_BYTES, count * PAGE_BYTES);
}

static int cpus[2]; // that the two cores run on

// Returns: false when this process may use only one.
static bool find_cpus(void)
{
    cpu_set_t allowed;
    int found = 0;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        return false;
    for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            cpus[found++] = cpu;
    return found == 2;
}

static void stay_on(int cpu)
{
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    FAKE_CHECK(pthread_setaffinity_np(pthread_self(), sizeof(only), &only) == 0);
}

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

// ---- one cache line -----------------------------------------------------------------------------

static struct CACHE_ALIGNED {
    _Atomic uint64_t number; // core 0 makes it odd, core 1 even
} line;

// Adds 1 whenever the other core has. Release and acquire pair with each other.
static void pass_line(unsigned core)
{
    for (uint64_t i = 0; i < ROUND_TRIPS; i++) {
        uint64_t mine = 2 * i + core;
        while (atomic_load_explicit(&line.number, memory_order_acquire) != mine)
            ;
        atomic_store_explicit(&line.number, mine + 1, memory_order_release);
    }
    while (core == 0 && atomic_load_explicit(&line.number, memory_order_acquire) != 2 * ROUND_TRIPS)
        ;
}

// ---- a slot each way ----------------------------------------------------------------------------

struct ball {
    CACHE_ALIGNED struct exchange_message message;
    uint64_t touches;
};
static PERCORE unsigned caught;

static void catch_word(struct exchange_message *message)
{
    (void)message;
    caught++;
}

static void catch_content(struct exchange_message *message)
{
    CONTAINER_OF(message, struct ball, message)->touches++;
    caught++;
}

static void pass(unsigned core, struct ball *ball)
{
    caught = 0;
    for (unsigned i = 0; i < ROUND_TRIPS; i++) {
        if (core == 0)
            exchange_send(1, &ball->message);
        while (caught == i)
            fake_core_poll();
        if (core == 1)
            exchange_send(0, &ball->message);
    }
}

static void pass_word(unsigned core)
{
    static struct ball ball = {.message.receive = catch_word};
    pass(core, &ball);
}

static void pass_content(unsigned core)
{
    static struct ball ball = {.message.receive = catch_content};
    pass(core, &ball);
}

// ---- both ---------------------------------------------------------------------------------------

static double line_ns[SERIES], word_ns[SERIES], content_ns[SERIES]; // a round trip

static double series(unsigned core, void (*play)(unsigned core))
{
    fake_core_barrier();
    double begin_ns = now_ns();
    play(core);
    double end_ns = now_ns();
    fake_core_barrier();
    return (end_ns - begin_ns) / ROUND_TRIPS;
}

static void core_body(unsigned core)
{
    stay_on(cpus[core]);
    if (core == 0)
        FAKE_CHECK(exchange_start(core_count()) == 0);
    fake_core_barrier();
    exchange_start_core(FAKE_APIC_ID(core));
    for (int i = 0; i < SERIES; i++) {
        double bare_ns = series(core, pass_line);
        double one_word_ns = series(core, pass_word);
        double with_content_ns = series(core, pass_content);
        if (core != 0)
            continue;
        line_ns[i] = bare_ns;
        word_ns[i] = one_word_ns;
        content_ns[i] = with_content_ns;
        atomic_store_explicit(&line.number, 0, memory_order_relaxed); // until the next barrier
    }
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void print_row(const char *name, double samples[SERIES])
{
    qsort(samples, SERIES, sizeof(*samples), compare);
    printf("%-36s %10.1f %10.1f\n", name, samples[SERIES / 2], samples[0]);
}

int main(void)
{
    if (!find_cpus()) {
        fprintf(stderr, "slots: two CPUs are needed, this process may use one\n");
        return 1;
    }
    fake_core_run(2, core_body);
    printf("%-36s %10s %10s\n", "round trip between two CPUs, ns", "median", "least");
    print_row("one cache line", line_ns);
    print_row("exchange slots, one word", word_ns);
    print_row("exchange slots, and what it leads to", content_ns);
    // What else ran on the two CPUs is in the medians, and not in the same way in both.
    printf("%-36s %10s %10.2f  (aim 1.50)\n", "slots, of the line", "", word_ns[0] / line_ns[0]);
    return 0;
}

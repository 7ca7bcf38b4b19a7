// SPDX-License-Identifier: MIT
// A timer that is started and stopped before it expires, as most are; many at once; and how late a
// thread wakes that sleeps on a core with nothing to do.
#include <stdio.h>
#include <stdlib.h>

#include "apps/bench/bench.h"
#include "apps/bench/measure.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/time.h"

#define OTHERS 1000
#define FAR_NS (1ull << 62) // not in this machine's life

static void expired(struct timer *timer)
{
    (void)timer;
    panic("bench: a timer expired a hundred years early");
}

static struct timer timer = {.expired = expired};

MEASURE_LOOP(start_and_stop, timer_start(&timer, FAR_NS + OTHERS / 2); timer_stop(&timer))

static unsigned expired_count;

static void count_expired(struct timer *due)
{
    (void)due;
    expired_count++;
}

// Deadlines long past, so that nobody else's are with them; the order is as good as random.
static void start_all(struct timer *timers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        timers[i].expired = count_expired;
        timer_start(&timers[i], (uint64_t)i * 7919 % count);
    }
}

static void bench_many(unsigned count)
{
    struct timer *timers = calloc(count, sizeof(*timers));
    char name[48];
    if (timers == NULL)
        panic("bench: no memory for %u timers", count);
    uint64_t begin = cpu_read_tsc();
    start_all(timers, count);
    uint64_t started = cpu_read_tsc();
    expired_count = 0;
    timer_expire(count);
    uint64_t expired_tsc = cpu_read_tsc();
    ASSERT(expired_count == count);
    start_all(timers, count);
    uint64_t again = cpu_read_tsc();
    for (unsigned i = 0; i < count; i++)
        timer_stop(&timers[(uint64_t)i * 104729 % count]);
    uint64_t stopped = cpu_read_tsc();
    snprintf(name, sizeof(name), "timer-start-each-of-%u", count);
    measure_report_value(name, (started - begin) / count);
    snprintf(name, sizeof(name), "timer-expire-each-of-%u", count);
    measure_report_value(name, (expired_tsc - started) / count);
    snprintf(name, sizeof(name), "timer-stop-each-of-%u", count);
    measure_report_value(name, (stopped - again) / count);
    free(timers);
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void bench_sleep(void)
{
    static uint64_t late_ticks[1000];
    for (unsigned i = 0; i < ARRAY_COUNT(late_ticks); i++) {
        uint64_t deadline_ns = time_now_ns() + 10 * NS_PER_US + (uint64_t)i * 7919 % NS_PER_MS;
        thread_sleep_until(deadline_ns);
        late_ticks[i] = (time_now_ns() - deadline_ns) * time_tsc_hz() / NS_PER_S;
    }
    qsort(late_ticks, ARRAY_COUNT(late_ticks), sizeof(*late_ticks), compare);
    printf("bench: sleep-late %llu %llu\n",
           (unsigned long long)late_ticks[ARRAY_COUNT(late_ticks) / 2],
           (unsigned long long)late_ticks[0]);
    printf("bench: sleep-late-99-percent %llu %llu\n",
           (unsigned long long)late_ticks[ARRAY_COUNT(late_ticks) * 99 / 100],
           (unsigned long long)late_ticks[0]);
    fflush(stdout);
}

void bench_timers(void)
{
    bench_many(10);
    bench_many(1000);
    bench_many(100000);
    bench_sleep();
    measure_report_loop("timer-start-stop", start_and_stop, measure_empty);
    struct timer *others = calloc(OTHERS, sizeof(*others));
    if (others == NULL)
        panic("bench: no memory for %d timers", OTHERS);
    for (unsigned i = 0; i < OTHERS; i++) {
        others[i].expired = expired;
        timer_start(&others[i], FAR_NS + i * 7919 % OTHERS);
    }
    measure_report_loop("timer-start-stop-of-1000", start_and_stop, measure_empty);
    for (unsigned i = 0; i < OTHERS; i++)
        timer_stop(&others[i]);
    free(others);
}

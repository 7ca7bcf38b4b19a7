// SPDX-License-Identifier: MIT
// A timer that is started and stopped before it expires, as most are.
#include <stdlib.h>

#include "apps/bench/bench.h"
#include "apps/bench/measure.h"
#include "kernel/panic.h"
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

void bench_timers(void)
{
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

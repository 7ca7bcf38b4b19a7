// SPDX-License-Identifier: MIT
// Monotonic time in nanoseconds since boot, and one-shot timers of this core.
#pragma once

#include "kernel/compiler.h"

#define TIME_NEVER UINT64_MAX
#define NS_PER_US  1000ull
#define NS_PER_MS  1000000ull
#define NS_PER_S   1000000000ull

// Nanoseconds since the kernel's clock started. Context: any.
uint64_t time_now_ns(void);

// A timer that the core's loop expires, in a thread's context with interrupts on. The owner
// keeps the struct alive while it is pending. All fields but the first two belong to time.c.
struct timer {
    void (*expired)(struct timer *timer);
    uint64_t deadline_ns;
    bool pending;
    struct timer *child, *sibling, *previous; // pairing heap
};

// Starts the timer, or moves it if it is pending. A deadline in the past expires on the loop's next turn.
void timer_start(struct timer *timer, uint64_t deadline_ns);
// Stops the timer; nothing happens if it is not pending.
void timer_stop(struct timer *timer);

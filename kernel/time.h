// SPDX-License-Identifier: MIT
// Monotonic time in nanoseconds since boot, and one-shot timers of this core.
#pragma once

#include "kernel/acpi.h"
#include "kernel/compiler.h"

#define TIME_NEVER UINT64_MAX
#define NS_PER_US  1000ull
#define NS_PER_MS  1000000ull
#define NS_PER_S   1000000000ull

// ---- the clock (time.c) -------------------------------------------------------------------------

// Nanoseconds since the image was entered; 0 until the clock is calibrated. Context: any.
uint64_t time_now_ns(void);
// The same of what this core's time stamp counter showed, and another core's.
uint64_t time_from_tsc(uint64_t tsc);
uint64_t time_from_tsc_of(unsigned core, uint64_t tsc);
// How long so many counts of it take, in nanoseconds.
uint64_t time_of_counts(uint64_t counts);

// How fast the time stamp counter and the interrupt timer run is measured while the boot goes on,
// in three steps; context: core 0, interrupts off. First: the counter's speed, if the CPU or the
// hypervisor says it; else a first look at ACPI's timer.
void time_start(const struct acpi_facts *facts, uint64_t tsc_at_entry);
// After apic_start(): the interrupt timer counts.
void time_start_timer(void);
// Last: waits until both were watched for long enough. Panics when there is nothing to measure by.
void time_calibrate(const struct acpi_facts *facts);
uint64_t time_tsc_hz(void);
// Each other core: its clock shows what core 0's does, given by how many counts its time stamp
// counter is ahead of core 0's: 0 until that was measured. Context: any.
void time_start_core(int64_t tsc_ahead);
// The date when time_now_ns() was 0, if a hypervisor said it: nanoseconds since 1970-01-01 UTC.
bool time_wall_at_start(uint64_t *wall_ns);

// Arms this core's interrupt timer for the deadline, or stops it for TIME_NEVER. It may come early.
// Context: interrupts off.
void time_arm_interrupt(uint64_t deadline_ns);
// Lets the timer come at this time too, whether the core halts or not. Context: interrupts off.
void time_arm_sample(uint64_t deadline_ns);
// It came. Context: its handler.
void time_interrupt_came(void);

// ---- timers of this core (timer.c) --------------------------------------------------------------

// A timer that the core's loop expires, in a thread's context with interrupts on. The owner keeps
// the struct alive while it is pending. Set `expired`; the other fields belong to timer.c.
struct timer {
    void (*expired)(struct timer *timer);
    uint64_t deadline_ns;
    bool pending;
    struct timer *child, *sibling, *previous; // pairing heap
};

// Starts the timer, or moves it if it is pending. A deadline in the past expires on the loop's next
// turn.
void timer_start(struct timer *timer, uint64_t deadline_ns);
// Stops the timer; nothing happens if it is not pending.
void timer_stop(struct timer *timer);
// The earliest deadline, TIME_NEVER without timers.
extern PERCORE struct timer *timer_first;
static inline uint64_t timer_next_deadline_ns(void)
{
    return timer_first != NULL ? timer_first->deadline_ns : TIME_NEVER;
}
// Expires what is due. Returns: true if there was any. Context: the core's loop.
bool timer_expire(uint64_t now_ns);

// SPDX-License-Identifier: MIT
#include "kernel/scheduler.h"

#include <stdatomic.h>

#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/idle.h"
#include "kernel/interrupts.h"
#include "kernel/panic.h"
#include "kernel/profile.h"
#include "kernel/thread_internal.h"
#include "kernel/trace.h"
#include "kernel/watchdog.h"

#pragma weak profile_tick // not linked into every app

#define LOOP_INTERVAL_NS 5000 // a turn without work costs about a hundredth of it

_Static_assert(offsetof(struct thread, stack_pointer) == 0 && offsetof(struct thread, mxcsr) == 8 &&
                   offsetof(struct thread, x87_control) == 12,
               "switch.asm");

// What runs before the loop is its thread already, so that there is an errno.
static PERCORE struct thread loop_thread = {.state = THREAD_LOOP, .name = "boot"};
PERCORE struct thread *thread_current = &loop_thread;
PERCORE struct scheduler_stats scheduler_stats;
PERCORE struct thread *scheduler_first = &loop_thread, *scheduler_last = &loop_thread;
static PERCORE struct thread *background_first, *background_last;
static _Atomic uint64_t no_doorbell;
static PERCORE const _Atomic uint64_t *doorbell = &no_doorbell;
PERCORE uint64_t scheduler_doorbell_seen;
// Of the time stamp counter the lower half: that wraps after a second at the least, and to be wrong
// for the length of an interval then does no harm.
static PERCORE uint32_t loop_turn_tsc, loop_interval_tsc;
static PERCORE struct poller *pollers, *marked_pollers;
PERCORE atomic_bool scheduler_marked;
static PERCORE uint64_t halted_counts; // of the time stamp counter, in halts

static void append_poller(struct poller **end, struct poller *poller)
{
    while (*end != NULL)
        end = &(*end)->next;
    poller->next = NULL;
    *end = poller;
}

void scheduler_add_poller(struct poller *poller)
{
    append_poller(&pollers, poller);
}

void scheduler_add_marked_poller(struct poller *poller)
{
    append_poller(&marked_pollers, poller);
}

void scheduler_set_doorbell(const _Atomic uint64_t *rung)
{
    doorbell = rung;
}

void scheduler_append_background(struct thread *thread)
{
    thread->next = NULL;
    if (background_first == NULL)
        background_first = thread;
    else
        background_last->next = thread;
    background_last = thread;
}

bool thread_may_wait(void)
{
    return thread_current != NULL && thread_current != &loop_thread;
}

static struct thread *take_background(void)
{
    struct thread *first = background_first;
    background_first = first->next;
    return first;
}

static inline bool is_any_ready(void) // normal, beside the loop
{
    return scheduler_last != &loop_thread;
}

// The first normal thread beside the loop, which is the first of the queue and goes to its end.
static struct thread *take_behind_loop(void)
{
    struct thread *first = loop_thread.next;
    scheduler_append(&loop_thread);
    scheduler_first = first->next;
    return first;
}

// The loop polls devices that are silent as long as it runs (their interrupts are off until arm())
// and the clock, so it must come round for any of them to be seen: nothing else would tell. But
// between threads that only take turns, a poll after every few instructions finds nothing new. So
// the loop's turn is skipped while its last one is recent and no core has rung: what happens
// outside waits no longer for it than LOOP_INTERVAL_NS and what the threads ahead of it take.
static inline bool loop_is_due(void)
{
    return atomic_load_explicit(doorbell, memory_order_relaxed) != scheduler_doorbell_seen ||
           (uint32_t)cpu_read_tsc() - loop_turn_tsc >= loop_interval_tsc;
}

__attribute__((noinline)) void scheduler_switch_traced(struct thread *old, struct thread *next)
{
    trace_switch(next->name);
    switch_threads(old, next);
}

void scheduler_switch_at_loop(void)
{
    struct thread *next = &loop_thread; // stays the first while it runs
    if (__builtin_expect(thread_current == next, 0))
        panic("scheduler: a timer's callback, a poller or a message waits: only threads may");
    if (is_any_ready()) {
        if (!loop_is_due())
            next = take_behind_loop();
    } else if (background_first != NULL && !loop_is_due()) {
        next = take_background();
    }
    scheduler_switch_to(next);
}

static __attribute__((noinline)) void yield_in_background(struct thread *self)
{
    scheduler_append_background(self);
    scheduler_switch();
}

void thread_yield(void)
{
    struct thread *self = thread_current;
    if (self->priority != THREAD_NORMAL) {
        yield_in_background(self);
        return;
    }
    struct thread *next = scheduler_first;
    if (next->state != THREAD_LOOP) {
        scheduler_append(self);
        scheduler_first = next->next;
        scheduler_switch_to(next);
    } else if (is_any_ready() || loop_is_due()) {
        scheduler_append(self);
        scheduler_switch_at_loop();
    }
}

// The mark goes first: what a handler marks from now on is polled next time.
static __attribute__((noinline)) bool poll_marked(void)
{
    bool again = false;
    atomic_store_explicit(&scheduler_marked, false, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    for (struct poller *poller = marked_pollers; poller != NULL; poller = poller->next)
        again |= poller->poll(poller->context);
    return again;
}

static inline bool is_marked(void)
{
    return __builtin_expect(atomic_load_explicit(&scheduler_marked, memory_order_relaxed), 0);
}

static bool poll_all(void)
{
    bool again = is_marked() && poll_marked();
    for (struct poller *poller = pollers; poller != NULL; poller = poller->next)
        again |= poller->poll(poller->context);
    uint64_t deadline_ns = timer_next_deadline_ns();
    if (deadline_ns != TIME_NEVER) {
        uint64_t now_ns = time_now_ns();
        if (deadline_ns <= now_ns)
            again |= timer_expire(now_ns);
    }
    return again;
}

static bool arm_all(void)
{
    for (struct poller *poller = pollers; poller != NULL; poller = poller->next)
        if (poller->arm != NULL && poller->arm(poller->context))
            return true;
    return is_marked();
}

static void halt(void)
{
    uint64_t deadline_ns = timer_next_deadline_ns(), look_ns = watchdog_core.next_look_ns;
    time_arm_interrupt(deadline_ns < look_ns ? deadline_ns : look_ns);
    scheduler_stats.halts++;
    watchdog_halts();
    uint64_t before = cpu_read_tsc();
    idle_wait();
    halted_counts += cpu_read_tsc() - before;
}

// Waits for an interrupt or the doorbell, unless there is work after all. Handlers only mark what
// happened; with interrupts off no mark can come between the last look, in arm(), and the wait. An
// interrupt that only had the watchdog look ends nothing.
static void idle(void)
{
    if (interrupt_is_untold)
        interrupt_tell_unexpected();
    bool halted = false, again;
    do {
        cpu_interrupts_off();
        idle_prepare(doorbell); // before the last look at it
        if (arm_all()) {
            cpu_interrupts_on();
            break;
        }
        halt();
        halted = true;
        again = watchdog_core.has_looked && timer_next_deadline_ns() > time_now_ns();
    } while (again);
    if (halted)
        watchdog_awake();
}

static INTERRUPT_CONTEXT void timer_interrupt(void *context)
{
    (void)context; // it ends a halt by having come
    time_interrupt_came();
    if (profile_tick != NULL)
        profile_tick();
    watchdog_timer_interrupt();
}

static INTERRUPT_CONTEXT void end_of_halt(void *context)
{
    (void)context; // the interrupt itself was all that is needed
}

// The loop's turn is over.
static void run_thread(struct thread *next)
{
    // Core 0 measures the clock while others run already. Until they see the result their loop has
    // its turn each time.
    if (__builtin_expect(loop_interval_tsc == 0, 0))
        loop_interval_tsc = (uint32_t)(time_tsc_hz() / (NS_PER_S / LOOP_INTERVAL_NS));
    loop_turn_tsc = (uint32_t)cpu_read_tsc();
    scheduler_switch_to(next);
}

void scheduler_run(void)
{
    interrupt_set_handler(VECTOR_TIMER, timer_interrupt, NULL);
    interrupt_set_handler(VECTOR_WAKE, end_of_halt, NULL);
    loop_thread.name = "loop";
    cpu_interrupts_on();
    for (;;) {
        scheduler_stats.loops++;
        bool again = poll_all();
        if (is_any_ready())
            run_thread(take_behind_loop());
        else if (background_first != NULL)
            run_thread(take_background());
        // Without one more turn, though there was work: to arm is to look once more.
        if (!again && !is_any_ready() && background_first == NULL)
            idle();
    }
}

struct scheduler_stats scheduler_stats_of(unsigned core)
{
    const struct scheduler_stats *of = core_local_of(core, &scheduler_stats);
    if (of == NULL)
        return (struct scheduler_stats){0};
    struct scheduler_stats stats = *of;
    stats.halted_ns = time_of_counts(*(const uint64_t *)core_local_of(core, &halted_counts));
    return stats;
}

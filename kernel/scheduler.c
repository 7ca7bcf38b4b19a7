// SPDX-License-Identifier: MIT
#include "kernel/scheduler.h"

#include <errno.h>
#include <stdatomic.h>

#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/interrupts.h"
#include "kernel/panic.h"
#include "kernel/profile.h"
#include "kernel/thread_internal.h"
#include "kernel/trace.h"

#pragma weak profile_tick // not linked into every app

#define LOOP_INTERVAL_NS 5000 // a turn without work costs about a hundredth of it

PERCORE struct thread *thread_current;
PERCORE int *switch_errno;
PERCORE struct scheduler_stats scheduler_stats;

// The ready queue of each priority. The loop is in the normal one whenever another thread runs.
static PERCORE struct thread *ready_first[THREAD_PRIORITIES], *ready_last[THREAD_PRIORITIES];
static PERCORE struct thread loop_thread;
static _Atomic bool no_doorbell;
static PERCORE const _Atomic bool *doorbell = &no_doorbell;
// Of the time stamp counter the lower half: that wraps after a second at the least, and to be wrong
// for the length of an interval then does no harm.
static PERCORE uint32_t loop_turn_tsc, loop_interval_tsc;
static PERCORE struct thread *buried;
static PERCORE struct poller *pollers;

void scheduler_add_poller(struct poller *poller)
{
    struct poller **end = &pollers;
    while (*end != NULL)
        end = &(*end)->next;
    poller->next = NULL;
    *end = poller;
}

void scheduler_set_doorbell(const _Atomic bool *rung)
{
    doorbell = rung;
}

static inline void ready_append(enum thread_priority priority, struct thread *thread)
{
    thread->next = NULL;
    if (ready_first[priority] == NULL)
        ready_first[priority] = thread;
    else
        ready_last[priority]->next = thread;
    ready_last[priority] = thread;
}

void scheduler_make_ready(struct thread *thread)
{
    thread->state = THREAD_READY;
    ready_append(thread->priority, thread);
}

// The loop polls devices that are silent as long as it runs (their interrupts are off until arm())
// and the clock, so it must come round for any of them to be seen: nothing else would tell. But
// between threads that only take turns, a poll after every few instructions finds nothing new. So
// the loop's turn is skipped while its last one is recent and no core has rung: what happens
// outside waits no longer for it than LOOP_INTERVAL_NS and what the threads ahead of it take.
static inline bool loop_is_due(void)
{
    return atomic_load_explicit(doorbell, memory_order_relaxed) || // the poller looks again
           (uint32_t)cpu_read_tsc() - loop_turn_tsc >= loop_interval_tsc;
}

static inline void switch_to(struct thread *next)
{
    struct thread *old = thread_current;
    thread_current = next;
    scheduler_stats.switches++;
    trace_switch(next->name);
    switch_stacks(&old->stack_pointer, next->stack_pointer);
}

void scheduler_switch(void)
{
    enum thread_priority priority = THREAD_NORMAL;
    struct thread *next = ready_first[THREAD_NORMAL];
    if (next == &loop_thread && !loop_is_due()) {
        if (next->next != NULL) { // its turn is skipped: to the end with it
            next = next->next;
            ready_last[THREAD_NORMAL]->next = &loop_thread;
            ready_last[THREAD_NORMAL] = &loop_thread;
            loop_thread.next = NULL;
        } else if (ready_first[THREAD_BACKGROUND] != NULL) {
            priority = THREAD_BACKGROUND;
            next = ready_first[THREAD_BACKGROUND];
        }
    }
    ready_first[priority] = next->next;
    if (next != thread_current)
        switch_to(next);
}

static __attribute__((noinline)) void yield_in_background(struct thread *self)
{
    scheduler_make_ready(self);
    scheduler_switch();
}

// For a normal thread the same, shortened by this: the loop is in the queue, so that is not empty.
void thread_yield(void)
{
    struct thread *self = thread_current;
    if (self->priority != THREAD_NORMAL) {
        yield_in_background(self);
        return;
    }
    struct thread *next = ready_first[THREAD_NORMAL], *last = self;
    if (next == &loop_thread && !loop_is_due()) {
        next = loop_thread.next;
        if (next == NULL)
            return;
        self->next = last = &loop_thread;
    }
    last->next = NULL;
    ready_last[THREAD_NORMAL]->next = self;
    ready_last[THREAD_NORMAL] = last;
    ready_first[THREAD_NORMAL] = next->next;
    switch_to(next);
}

void scheduler_bury(struct thread *thread)
{
    thread->next = buried;
    buried = thread;
}

void scheduler_free_buried(void)
{
    while (buried != NULL) {
        struct thread *thread = buried;
        buried = thread->next;
        struct stack stack = thread->stack; // the thread itself lies in it
        stack_free(&stack);
    }
}

static bool poll_all(void)
{
    bool worked = false;
    for (struct poller *poller = pollers; poller != NULL; poller = poller->next)
        worked |= poller->poll(poller->context);
    if (timer_next_deadline_ns() != TIME_NEVER)
        worked |= timer_expire(time_now_ns());
    return worked;
}

// Halts until an interrupt, unless there is work after all. Handlers only mark what happened; with
// interrupts off no mark can come between the last look, in arm(), and the halt.
static void idle(void)
{
    cpu_interrupts_off();
    for (struct poller *poller = pollers; poller != NULL; poller = poller->next) {
        if (poller->arm != NULL && poller->arm(poller->context)) {
            cpu_interrupts_on();
            return;
        }
    }
    scheduler_stats.halts++;
    time_arm_interrupt(timer_next_deadline_ns());
    uint64_t before = cpu_read_tsc();
    cpu_halt_interruptible();
    scheduler_stats.halted_ns += time_from_tsc(cpu_read_tsc()) - time_from_tsc(before);
}

static INTERRUPT_CONTEXT void timer_interrupt(void *context)
{
    (void)context; // it ends a halt by having come
    if (profile_tick != NULL)
        profile_tick();
}

static INTERRUPT_CONTEXT void end_of_halt(void *context)
{
    (void)context; // the interrupt itself was all that is needed
}

// The loop's turn is over.
static void run_threads(enum thread_priority priority)
{
    struct thread *next = ready_first[priority];
    ready_first[priority] = next->next;
    scheduler_make_ready(&loop_thread);
    // Core 0 measures the clock while others run already. Until they see the result their loop has
    // its turn each time.
    if (__builtin_expect(loop_interval_tsc == 0, 0))
        loop_interval_tsc = (uint32_t)(time_tsc_hz() / (NS_PER_S / LOOP_INTERVAL_NS));
    loop_turn_tsc = (uint32_t)cpu_read_tsc();
    switch_to(next);
}

void scheduler_run(void)
{
    interrupt_set_handler(VECTOR_TIMER, timer_interrupt, NULL);
    interrupt_set_handler(VECTOR_WAKE, end_of_halt, NULL);
    loop_thread = (struct thread){.state = THREAD_READY, .name = "loop"};
    thread_current = &loop_thread;
    switch_errno = &errno;
    cpu_interrupts_on();
    for (;;) {
        scheduler_stats.loops++;
        bool worked = poll_all();
        scheduler_free_buried();
        if (ready_first[THREAD_NORMAL] != NULL)
            run_threads(THREAD_NORMAL);
        else if (ready_first[THREAD_BACKGROUND] != NULL)
            run_threads(THREAD_BACKGROUND);
        else if (!worked)
            idle();
    }
}

struct scheduler_stats scheduler_stats_of(unsigned core)
{
    const struct scheduler_stats *of = core_local_of(core, &scheduler_stats);
    return of == NULL ? (struct scheduler_stats){0} : *of;
}

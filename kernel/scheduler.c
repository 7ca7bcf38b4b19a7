// SPDX-License-Identifier: MIT
#include "kernel/scheduler.h"

#include <errno.h>

#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/interrupts.h"
#include "kernel/panic.h"
#include "kernel/thread_internal.h"

PERCORE struct thread *thread_current;
PERCORE struct scheduler_stats scheduler_stats;

static PERCORE struct {
    struct thread *first, *last;
} ready;
static PERCORE struct thread loop_thread;
static PERCORE struct thread *exited;
static PERCORE struct poller *pollers;

void scheduler_add_poller(struct poller *poller)
{
    struct poller **end = &pollers;
    while (*end != NULL)
        end = &(*end)->next;
    poller->next = NULL;
    *end = poller;
}

void scheduler_make_ready(struct thread *thread)
{
    thread->state = THREAD_READY;
    thread->next = NULL;
    if (ready.first == NULL)
        ready.first = thread;
    else
        ready.last->next = thread;
    ready.last = thread;
}

void scheduler_switch(void)
{
    // Never empty: whenever another thread runs, the loop itself is in the queue.
    struct thread *old = thread_current, *next = ready.first;
    ready.first = next->next;
    if (next == old)
        return;
    thread_current = next;
    scheduler_stats.switches++;
    int own_errno = errno; // one errno a core: it belongs to the thread that runs
    switch_stacks(&old->stack_pointer, next->stack_pointer);
    errno = own_errno;
}

void scheduler_bury(struct thread *thread)
{
    thread->next = exited;
    exited = thread;
}

static void bury_exited(void)
{
    while (exited != NULL) {
        struct thread *thread = exited;
        exited = thread->next;
        struct stack stack = thread->stack; // the thread itself lies in it
        stack_free(&stack);
        scheduler_stats.threads--;
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

static INTERRUPT_CONTEXT void end_of_halt(void *context)
{
    (void)context; // the interrupt itself was all that is needed
}

void scheduler_run(void)
{
    interrupt_set_handler(VECTOR_TIMER, end_of_halt, NULL);
    interrupt_set_handler(VECTOR_WAKE, end_of_halt, NULL);
    loop_thread = (struct thread){.state = THREAD_READY, .name = "loop"};
    thread_current = &loop_thread;
    cpu_interrupts_on();
    for (;;) {
        scheduler_stats.loops++;
        bool worked = poll_all();
        bury_exited();
        if (ready.first != NULL) {
            scheduler_make_ready(&loop_thread);
            scheduler_switch();
        } else if (!worked) {
            idle();
        }
    }
}

struct scheduler_stats scheduler_stats_of(unsigned core)
{
    const struct scheduler_stats *of = core_local_of(core, &scheduler_stats);
    return of == NULL ? (struct scheduler_stats){0} : *of;
}

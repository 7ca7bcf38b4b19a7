// SPDX-License-Identifier: MIT
// What thread.c, sync.c and scheduler.c share; for no one else.
#pragma once

#include "kernel/scheduler.h"
#include "kernel/stack.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/trace.h"

enum thread_state {
    THREAD_READY,
    THREAD_WAITING, // in thread_wait_until()
    THREAD_BLOCKED, // in thread_block_until(), which thread_wake() does not end
    THREAD_ENDED,
    THREAD_LOOP, // the core's loop, always
};

struct wait_queue;

// Lies at the top of its own stack. Only the thread's own core ever reads or writes it.
struct thread {
    // What a switch keeps beside the stack (switch.asm), while the thread does not run.
    void *stack_pointer;
    uint32_t mxcsr;
    uint16_t x87_control;

    int errno_value;
    struct thread_specific *specific;
    struct thread *next; // in a ready queue or a wait queue
    enum thread_state state;
    enum thread_priority priority;
    bool wake_pending; // a wake came while it was not waiting
    bool timed_out;    // how the last thread_block_until() ended
    bool joinable;
    struct wait_queue *queue; // where it is queued while it is blocked, or NULL
    struct thread *previous;  // in that queue
    struct thread *joiner;
    struct thread *all_next, *all_previous; // of the core, for who looks inside
    void (*entry)(void *argument);
    void *argument; // from its end on: its result
    struct stack stack;
    struct timer timer;
    const char *name;
    char name_copy[THREAD_NAME_BYTES]; // unless it is a literal
};

// switch.asm
void switch_threads(struct thread *old, struct thread *next);
void switch_first(void);
_Noreturn void thread_entry(void);

extern PERCORE struct thread *thread_current;
extern PERCORE struct thread *thread_all; // that have not ended, the latest first
extern PERCORE struct scheduler_stats scheduler_stats;

// The normal threads that are ready. The loop is always among them, and the first while it runs:
// there is no empty queue. What follows the last one is not to be looked at.
extern PERCORE struct thread *scheduler_first, *scheduler_last;

static inline void scheduler_append(struct thread *thread)
{
    scheduler_last->next = thread;
    scheduler_last = thread;
}
void scheduler_append_background(struct thread *thread);

// Puts a thread at the end of the ready queue of its priority.
static inline void scheduler_make_ready(struct thread *thread)
{
    thread->state = THREAD_READY;
    if (__builtin_expect(thread->priority == THREAD_NORMAL, 1))
        scheduler_append(thread);
    else
        scheduler_append_background(thread);
}

void scheduler_switch_traced(struct thread *old, struct thread *next);
static inline void scheduler_switch_to(struct thread *next)
{
    struct thread *old = thread_current;
    thread_current = next;
    scheduler_stats.switches++;
    if (__builtin_expect(trace_ring.events != NULL, 0))
        scheduler_switch_traced(old, next);
    else
        switch_threads(old, next);
}

void scheduler_switch_at_loop(void); // the loop is the first of the queue
// Runs the next ready thread. The caller has put itself somewhere it will be found again.
static inline void scheduler_switch(void)
{
    struct thread *next = scheduler_first;
    if (next->state != THREAD_READY) { // the loop: or it waits, which is told there
        scheduler_switch_at_loop();
    } else {
        scheduler_first = next->next;
        scheduler_switch_to(next);
    }
}

// Waits for thread_unblock() or the deadline, by which the thread leaves its wait queue.
// Returns: 0 or -ETIMEDOUT.
int thread_block_until(uint64_t deadline_ns) MUST_CHECK;
// Context: the thread is blocked and in no queue.
void thread_unblock(struct thread *thread);
// sync.c. Takes a thread out of the queue that it is in.
void wait_queue_remove(struct thread *thread);

// SPDX-License-Identifier: MIT
// What thread.c, sync.c and scheduler.c share; for no one else.
#pragma once

#include "kernel/scheduler.h"
#include "kernel/stack.h"
#include "kernel/thread.h"
#include "kernel/time.h"

enum thread_state {
    THREAD_READY,
    THREAD_WAITING, // in thread_wait_until()
    THREAD_BLOCKED, // in thread_block_until(), which thread_wake() does not end
    THREAD_ENDED,
};

struct wait_queue;

// Lies at the top of its own stack. Only the thread's own core ever reads or writes it.
struct thread {
    void *stack_pointer; // while it does not run
    struct thread *next; // in a ready queue or a wait queue, or among the buried
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
    char name[THREAD_NAME_BYTES];
};

// switch.asm
extern PERCORE int *switch_errno; // the core's errno, which belongs to the thread that runs
void switch_stacks(void **old_stack, void *new_stack);
void switch_first(void);
_Noreturn void thread_entry(void);

extern PERCORE struct thread *thread_current;
extern PERCORE struct thread *thread_all; // that have not ended, the latest first
extern PERCORE struct scheduler_stats scheduler_stats;

// Puts a thread at the end of the ready queue of its priority.
void scheduler_make_ready(struct thread *thread);
// Runs the next ready thread. The caller has put itself somewhere it will be found again.
void scheduler_switch(void);
// Frees a thread's stack once the core runs on another.
void scheduler_bury(struct thread *thread);
// Frees those that are off their stacks by now, which the caller is one of.
void scheduler_free_buried(void);

// Waits for thread_unblock() or the deadline, by which the thread leaves its wait queue.
// Returns: 0 or -ETIMEDOUT.
int thread_block_until(uint64_t deadline_ns) MUST_CHECK;
// Context: the thread is blocked and in no queue.
void thread_unblock(struct thread *thread);
// sync.c. Takes a thread out of the queue that it is in.
void wait_queue_remove(struct thread *thread);

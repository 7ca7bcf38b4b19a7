// SPDX-License-Identifier: MIT
// What thread.c and scheduler.c share; for no one else.
#pragma once

#include "kernel/scheduler.h"
#include "kernel/stack.h"
#include "kernel/thread.h"
#include "kernel/time.h"

enum thread_state { THREAD_READY, THREAD_WAITING, THREAD_SLEEPING, THREAD_EXITED };

// Lies at the top of its own stack. Only the thread's own core ever reads or writes it.
struct thread {
    void *stack_pointer; // while it does not run
    enum thread_state state;
    bool wake_pending; // a wake came while it was not waiting
    struct thread *next; // in the ready queue, or among the exited
    struct timer timer;
    struct stack stack;
    void (*entry)(void *argument);
    void *argument;
    char name[THREAD_NAME_BYTES];
};

// switch.asm
void switch_stacks(void **old_stack, void *new_stack);
void switch_first(void);
_Noreturn void thread_entry(void);

extern PERCORE struct thread *thread_current;
extern PERCORE struct scheduler_stats scheduler_stats;

// Puts a thread at the end of the ready queue.
void scheduler_make_ready(struct thread *thread);
// Runs the next ready thread. The caller has put itself somewhere it will be found again.
void scheduler_switch(void);
// Frees a thread's stack once the core runs on another.
void scheduler_bury(struct thread *thread);

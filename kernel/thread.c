// SPDX-License-Identifier: MIT
#include "kernel/thread.h"

#include <string.h>

#include "kernel/options.h"
#include "kernel/panic.h"
#include "kernel/thread_internal.h"

#define STACK_KIB_DEFAULT 64
#define STACK_KIB_MIN     16
// What a switch leaves on a stack: control words, six registers, where to return.
#define SWITCH_FRAME_WORDS 8
#define MXCSR_DEFAULT      0x1f80u
#define FPU_CW_DEFAULT     0x037fu

static void timer_wakes(struct timer *timer)
{
    struct thread *thread = CONTAINER_OF(timer, struct thread, timer);
    if (thread->state == THREAD_WAITING || thread->state == THREAD_SLEEPING)
        scheduler_make_ready(thread);
}

static size_t default_stack_bytes(void)
{
    static PERCORE size_t bytes;
    if (bytes == 0)
        bytes = 1024 * option_get_number("stack_kib", STACK_KIB_DEFAULT, STACK_KIB_MIN,
                                         STACK_BYTES_MAX / 1024);
    return bytes;
}

struct thread *thread_create_with_stack(const char *name, void (*entry)(void *argument),
                                        void *argument, size_t stack_bytes)
{
    struct stack stack;
    if (stack_allocate(&stack, stack_bytes) != 0)
        return NULL;
    struct thread *thread = (struct thread *)ALIGN_DOWN(stack.top - sizeof(struct thread), 64);
    uint64_t *frame = (uint64_t *)thread - SWITCH_FRAME_WORDS;
    memset(frame, 0, SWITCH_FRAME_WORDS * sizeof(*frame));
    frame[0] = MXCSR_DEFAULT | (uint64_t)FPU_CW_DEFAULT << 32;
    frame[SWITCH_FRAME_WORDS - 1] = (uintptr_t)switch_first;
    *thread = (struct thread){.stack_pointer = frame,
                              .stack = stack,
                              .entry = entry,
                              .argument = argument,
                              .timer = {.expired = timer_wakes}};
    strncpy(thread->name, name, sizeof(thread->name) - 1);
    scheduler_stats.threads++;
    scheduler_make_ready(thread);
    return thread;
}

struct thread *thread_create(const char *name, void (*entry)(void *argument), void *argument)
{
    return thread_create_with_stack(name, entry, argument, default_stack_bytes());
}

void thread_entry(void)
{
    thread_current->entry(thread_current->argument);
    thread_exit();
}

void thread_exit(void)
{
    timer_stop(&thread_current->timer);
    thread_current->state = THREAD_EXITED;
    scheduler_bury(thread_current);
    scheduler_switch();
    panic("thread: an exited thread ran again");
}

struct thread *thread_self(void)
{
    return thread_current;
}

const char *thread_name(const struct thread *thread)
{
    return thread != NULL ? thread->name : "none";
}

void thread_yield(void)
{
    scheduler_make_ready(thread_current);
    scheduler_switch();
}

void thread_sleep_until(uint64_t deadline_ns)
{
    struct thread *self = thread_current;
    self->state = THREAD_SLEEPING;
    timer_start(&self->timer, deadline_ns);
    scheduler_switch();
}

bool thread_wait_until(uint64_t deadline_ns)
{
    struct thread *self = thread_current;
    if (!self->wake_pending) {
        self->state = THREAD_WAITING;
        if (deadline_ns != TIME_NEVER)
            timer_start(&self->timer, deadline_ns);
        scheduler_switch();
        timer_stop(&self->timer);
    }
    bool woken = self->wake_pending;
    self->wake_pending = false;
    return woken;
}

void thread_wake(struct thread *thread)
{
    thread->wake_pending = true;
    if (thread->state == THREAD_WAITING)
        scheduler_make_ready(thread);
}

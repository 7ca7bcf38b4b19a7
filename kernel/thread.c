// SPDX-License-Identifier: MIT
#include "kernel/thread.h"

#include <errno.h>
#include <string.h>

#include "kernel/fpu.h"
#include "kernel/image.h"
#include "kernel/options.h"
#include "kernel/panic.h"
#include "kernel/stack_use.h"
#include "kernel/thread_internal.h"

#define STACK_KIB_DEFAULT 64
#define STACK_KIB_MIN     16
// What a switch leaves on a stack: six registers, where to return.
#define SWITCH_FRAME_WORDS 7

OPTION_NUMBER(stack_kib, STACK_KIB_MIN, 65536, "stack of each thread, in KiB");

PERCORE struct thread *thread_all;

static void list_add(struct thread *thread)
{
    thread->all_previous = NULL;
    thread->all_next = thread_all;
    if (thread_all != NULL)
        thread_all->all_previous = thread;
    thread_all = thread;
}

static void list_remove(struct thread *thread)
{
    if (thread->all_previous != NULL)
        thread->all_previous->all_next = thread->all_next;
    else
        thread_all = thread->all_next;
    if (thread->all_next != NULL)
        thread->all_next->all_previous = thread->all_previous;
}

static void timer_wakes(struct timer *timer)
{
    struct thread *thread = CONTAINER_OF(timer, struct thread, timer);
    if (thread->state != THREAD_BLOCKED && thread->state != THREAD_WAITING)
        return;
    if (thread->queue != NULL)
        wait_queue_remove(thread);
    thread->timed_out = true;
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

static __attribute__((noinline)) void copy_name(struct thread *thread, const char *name)
{
    thread->name = thread->name_copy;
    size_t i = 0;
    for (; i < THREAD_NAME_BYTES - 1 && name[i] != '\0'; i++)
        thread->name_copy[i] = name[i];
    thread->name_copy[i] = '\0';
}

// What is not set here is not read before it is set.
static void thread_fill(struct thread *thread, const char *name)
{
    thread->mxcsr = FPU_MXCSR_DEFAULT;
    thread->x87_control = FPU_X87_CONTROL_DEFAULT;
    thread->errno_value = 0;
    thread->specific = NULL;
    thread->wake_pending = false;
    thread->queue = NULL;
    thread->joiner = NULL;
    thread->timer.expired = timer_wakes;
    thread->timer.pending = false;
    thread->name = name;
    if (name < rodata_start || name >= rodata_end)
        copy_name(thread, name);
}

static inline struct thread *create(const char *name, void (*entry)(void *argument), void *argument,
                                    const struct thread_options *options)
{
    struct stack stack =
        stack_allocate(options->stack_bytes != 0 ? options->stack_bytes : default_stack_bytes());
    if (stack.top == 0)
        return NULL;
    struct thread *thread =
        (struct thread *)ALIGN_DOWN(stack.top - STACK_TOP_BYTES - sizeof(struct thread), 64);
    uint64_t *frame = (uint64_t *)thread - SWITCH_FRAME_WORDS;
    frame[SWITCH_FRAME_WORDS - 1] = (uintptr_t)switch_first;
    thread->stack_pointer = frame;
    thread->priority = options->priority;
    thread->joinable = options->joinable;
    thread->entry = entry;
    thread->argument = argument;
    thread->stack = stack;
    thread_fill(thread, name);
    scheduler_stats.threads++;
    list_add(thread);
    scheduler_make_ready(thread);
    return thread;
}

struct thread *thread_create_with_options(const char *name, void (*entry)(void *argument),
                                          void *argument, const struct thread_options *options)
{
    ASSERT(options->priority < THREAD_PRIORITIES);
    return create(name, entry, argument, options);
}

struct thread *thread_create_with_stack(const char *name, void (*entry)(void *argument),
                                        void *argument, size_t stack_bytes)
{
    ASSERT(stack_bytes != 0);
    struct thread_options options = {.stack_bytes = stack_bytes};
    return thread_create_with_options(name, entry, argument, &options);
}

struct thread *thread_create(const char *name, void (*entry)(void *argument), void *argument)
{
    static const struct thread_options options;
    return create(name, entry, argument, &options); // in place: less to do for what is known
}

void thread_entry(void)
{
    thread_current->entry(thread_current->argument);
    thread_exit(NULL);
}

// Its timer is not pending: each wait has stopped it, or it has expired.
void thread_exit(void *result)
{
    struct thread *self = thread_current;
    if (self->specific != NULL)
        self->specific->end(self->specific);
    self->argument = result;
    self->state = THREAD_ENDED;
    scheduler_stats.threads--;
    list_remove(self);
    if (!self->joinable)
        stack_free(self->stack); // this runs on it still, but nothing can take it before the switch
    else if (self->joiner != NULL && self->joiner->state == THREAD_BLOCKED)
        thread_unblock(self->joiner);
    scheduler_switch();
    panic("thread: an ended thread ran again");
}

int thread_join(struct thread *thread, void **result, uint64_t deadline_ns)
{
    ASSERT(thread != thread_current && thread->joinable && thread->joiner == NULL);
    if (thread->state != THREAD_ENDED) {
        thread->joiner = thread_current;
        int error = thread_block_until(deadline_ns);
        thread->joiner = NULL;
        // It may have ended between the deadline and now.
        if (error != 0 && thread->state != THREAD_ENDED)
            return error;
    }
    if (result != NULL)
        *result = thread->argument;
    stack_free(thread->stack); // the thread itself lies in it
    return 0;
}

void thread_detach(struct thread *thread)
{
    ASSERT(thread->joinable && thread->joiner == NULL);
    thread->joinable = false;
    if (thread->state == THREAD_ENDED)
        stack_free(thread->stack); // the thread itself lies in it
}

struct thread *thread_self(void)
{
    return thread_current;
}

int *thread_errno(void)
{
    return &thread_current->errno_value;
}

struct thread_specific **thread_specific(void)
{
    return &thread_current->specific;
}

const char *thread_name(const struct thread *thread)
{
    return thread->name;
}

void thread_set_priority(enum thread_priority priority)
{
    ASSERT(priority < THREAD_PRIORITIES);
    thread_current->priority = priority;
}

enum thread_priority thread_get_priority(const struct thread *thread)
{
    return thread->priority;
}

size_t thread_stack_used_bytes(const struct thread *thread)
{
    return stack_use_bytes(thread->stack);
}

size_t thread_stack_bytes(const struct thread *thread)
{
    return thread->stack.top - thread->stack.bottom;
}

int thread_block_until(uint64_t deadline_ns)
{
    struct thread *self = thread_current;
    self->state = THREAD_BLOCKED;
    self->timed_out = false;
    if (deadline_ns != TIME_NEVER)
        timer_start(&self->timer, deadline_ns);
    scheduler_switch();
    if (self->timer.pending)
        timer_stop(&self->timer);
    return self->timed_out ? -ETIMEDOUT : 0;
}

void thread_unblock(struct thread *thread)
{
    scheduler_make_ready(thread);
}

void thread_sleep_until(uint64_t deadline_ns)
{
    int always = thread_block_until(deadline_ns);
    ASSERT(always == -ETIMEDOUT); // nobody knows that it could be unblocked
}

static __attribute__((noinline)) bool wait_with_timer(uint64_t deadline_ns)
{
    struct thread *self = thread_current;
    self->timed_out = false;
    timer_start(&self->timer, deadline_ns);
    scheduler_switch();
    if (self->timer.pending)
        timer_stop(&self->timer);
    bool woken = !self->timed_out || self->wake_pending; // or both, the timer first
    self->wake_pending = false;
    return woken;
}

bool thread_wait_until(uint64_t deadline_ns)
{
    struct thread *self = thread_current;
    if (!self->wake_pending) {
        self->state = THREAD_WAITING;
        if (deadline_ns != TIME_NEVER)
            return wait_with_timer(deadline_ns);
        scheduler_switch();
    }
    // Not by `self`, which would have to be kept over the switch.
    thread_current->wake_pending = false;
    return true;
}

void thread_wake(struct thread *thread)
{
    if (thread->state == THREAD_WAITING)
        scheduler_make_ready(thread);
    else
        thread->wake_pending = true;
}

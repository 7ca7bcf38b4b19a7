// SPDX-License-Identifier: MIT
#include "kernel/sync.h"

#include <errno.h>

#include "kernel/panic.h"
#include "kernel/thread_internal.h"

// ---- wait queue ---------------------------------------------------------------------------------

int wait_queue_wait_until(struct wait_queue *queue, uint64_t deadline_ns)
{
    struct thread *self = thread_current;
    self->next = NULL;
    self->previous = queue->last;
    if (queue->last == NULL)
        queue->first = self;
    else
        queue->last->next = self;
    queue->last = self;
    self->queue = queue;
    return thread_block_until(deadline_ns);
}

// For a wait without an end.
static void must_be_woken(int error)
{
    ASSERT(error == 0);
}

void wait_queue_wait(struct wait_queue *queue)
{
    must_be_woken(wait_queue_wait_until(queue, TIME_NEVER));
}

void wait_queue_remove(struct thread *thread)
{
    struct wait_queue *queue = thread->queue;
    if (thread->previous == NULL)
        queue->first = thread->next;
    else
        thread->previous->next = thread->next;
    if (thread->next == NULL)
        queue->last = thread->previous;
    else
        thread->next->previous = thread->previous;
    thread->queue = NULL;
}

// Returns: the thread woken, or NULL.
static struct thread *wake_first(struct wait_queue *queue)
{
    struct thread *thread = queue->first;
    if (thread == NULL)
        return NULL;
    queue->first = thread->next;
    if (thread->next == NULL)
        queue->last = NULL;
    else
        thread->next->previous = NULL;
    thread->queue = NULL;
    scheduler_make_ready(thread);
    return thread;
}

bool wait_queue_wake_one(struct wait_queue *queue)
{
    return wake_first(queue) != NULL;
}

void wait_queue_wake_all(struct wait_queue *queue)
{
    while (wake_first(queue) != NULL)
        ;
}

// ---- event --------------------------------------------------------------------------------------

void event_set(struct event *event)
{
    event->is_set = true;
    wait_queue_wake_all(&event->waiters);
}

void event_clear(struct event *event)
{
    event->is_set = false;
}

int event_wait_until(struct event *event, uint64_t deadline_ns)
{
    return event->is_set ? 0 : wait_queue_wait_until(&event->waiters, deadline_ns);
}

void event_wait(struct event *event)
{
    must_be_woken(event_wait_until(event, TIME_NEVER));
}

// ---- mutex --------------------------------------------------------------------------------------

bool mutex_try_lock(struct mutex *mutex)
{
    if (mutex->owner != NULL)
        return false;
    mutex->owner = thread_current;
    return true;
}

int mutex_lock_until(struct mutex *mutex, uint64_t deadline_ns)
{
    if (mutex_try_lock(mutex))
        return 0;
    ASSERT(mutex->owner != thread_current);
    // Whoever unlocks it has made this thread the owner before it wakes it.
    return wait_queue_wait_until(&mutex->waiters, deadline_ns);
}

void mutex_lock(struct mutex *mutex)
{
    must_be_woken(mutex_lock_until(mutex, TIME_NEVER));
}

void mutex_unlock(struct mutex *mutex)
{
    ASSERT(mutex->owner == thread_current);
    mutex->owner = wake_first(&mutex->waiters);
}

// ---- condition ----------------------------------------------------------------------------------

int condition_wait_until(struct condition *condition, struct mutex *mutex, uint64_t deadline_ns)
{
    mutex_unlock(mutex); // no other thread runs before this one waits
    int error = wait_queue_wait_until(&condition->waiters, deadline_ns);
    mutex_lock(mutex);
    return error;
}

void condition_wait(struct condition *condition, struct mutex *mutex)
{
    must_be_woken(condition_wait_until(condition, mutex, TIME_NEVER));
}

void condition_signal(struct condition *condition)
{
    wait_queue_wake_one(&condition->waiters);
}

void condition_broadcast(struct condition *condition)
{
    wait_queue_wake_all(&condition->waiters);
}

// ---- semaphore ----------------------------------------------------------------------------------

bool semaphore_try_wait(struct semaphore *semaphore)
{
    if (semaphore->count == 0)
        return false;
    semaphore->count--;
    return true;
}

int semaphore_wait_until(struct semaphore *semaphore, uint64_t deadline_ns)
{
    // Whoever posts gives its one to the thread that it wakes.
    return semaphore_try_wait(semaphore) ? 0
                                         : wait_queue_wait_until(&semaphore->waiters, deadline_ns);
}

void semaphore_wait(struct semaphore *semaphore)
{
    must_be_woken(semaphore_wait_until(semaphore, TIME_NEVER));
}

void semaphore_post(struct semaphore *semaphore)
{
    if (!wait_queue_wake_one(&semaphore->waiters))
        semaphore->count++;
}

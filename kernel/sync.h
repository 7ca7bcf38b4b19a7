// SPDX-License-Identifier: MIT
// What threads of one core wait for each other with: wait queue, event, mutex, condition,
// semaphore. All are plain data, since threads switch only where they wait; all-zero is the initial
// state. Waiting threads are served in the order they came. A pending thread_wake() does not end
// these waits and is not lost by them. Rules: everyone who uses one is a thread of the same core;
// what does not wait may also be called by the core's loop (timers, pollers, messages), never by an
// interrupt handler. The struct stays where it is, and lives as long as a thread waits. Functions
// ..._until give up at a deadline (time_now_ns() scale); a deadline in the past still lets others
// run once. Returns: 0 or -ETIMEDOUT.
#pragma once

#include "kernel/compiler.h"

struct thread;

// ---- wait queue: what the others are made of ----------------------------------------------------

struct wait_queue {
    struct thread *first, *last;
};

// Blocks: until a wake, which ends one wait: look again at what was waited for.
void wait_queue_wait(struct wait_queue *queue);
int wait_queue_wait_until(struct wait_queue *queue, uint64_t deadline_ns) MUST_CHECK;
// Wakes the thread that waits longest. Returns: false if none waits.
bool wait_queue_wake_one(struct wait_queue *queue);
void wait_queue_wake_all(struct wait_queue *queue);

// ---- event: a fact that comes true, for all that wait -------------------------------------------

struct event {
    bool is_set;
    struct wait_queue waiters;
};

void event_set(struct event *event);
void event_clear(struct event *event);
// Blocks: until it is set; at once if it is. Who waited when it was set goes on, even if it was
// cleared since.
void event_wait(struct event *event);
int event_wait_until(struct event *event, uint64_t deadline_ns) MUST_CHECK;

// ---- mutex: for what must stay whole over a wait ------------------------------------------------

struct mutex {
    struct thread *owner;
    struct wait_queue waiters;
};

// Not recursive. Unlocking gives it to the thread that waits longest, so nobody gets ahead.
void mutex_lock(struct mutex *mutex);
int mutex_lock_until(struct mutex *mutex, uint64_t deadline_ns) MUST_CHECK;
bool mutex_try_lock(struct mutex *mutex) MUST_CHECK;
void mutex_unlock(struct mutex *mutex);

// ---- condition: waiting with a mutex let go -----------------------------------------------------

struct condition {
    struct wait_queue waiters;
};

// Unlocks the mutex, waits for a signal and locks it again, which may last beyond the deadline.
// Blocks. A thread may be back late: look again at what was waited for.
void condition_wait(struct condition *condition, struct mutex *mutex);
int condition_wait_until(struct condition *condition, struct mutex *mutex,
                         uint64_t deadline_ns) MUST_CHECK;
void condition_signal(struct condition *condition);    // one thread, the longest waiting
void condition_broadcast(struct condition *condition); // all

// ---- semaphore ----------------------------------------------------------------------------------

struct semaphore {
    size_t count;
    struct wait_queue waiters; // not empty only while count is 0
};

// Blocks: until the count can be taken down by one.
void semaphore_wait(struct semaphore *semaphore);
int semaphore_wait_until(struct semaphore *semaphore, uint64_t deadline_ns) MUST_CHECK;
bool semaphore_try_wait(struct semaphore *semaphore) MUST_CHECK;
void semaphore_post(struct semaphore *semaphore);

// SPDX-License-Identifier: MIT
// Waiting on a word, so that musl's mutexes, conditions and semaphores work between the cooperative
// threads of one core; and what is left of musl's own threads, which do not exist.
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

#include "kernel/compiler.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "posix/calls.h"
#include "posix/start.h"

// Operations of the futex call, as Linux numbers them.
#define FUTEX_WAIT         0
#define FUTEX_WAKE         1
#define FUTEX_REQUEUE      3
#define FUTEX_COMMAND_MASK 0x7f // what is above are options

struct waiter {
    const volatile int *word;
    struct thread *thread;
    bool woken;
    struct waiter *next;
};
static PERCORE struct waiter *waiters; // of this core, the longest waiting first

static void waiter_append(struct waiter *waiter)
{
    struct waiter **link = &waiters;
    while (*link)
        link = &(*link)->next;
    *link = waiter;
}

static void waiter_remove(struct waiter *waiter)
{
    struct waiter **link = &waiters;
    while (*link && *link != waiter)
        link = &(*link)->next;
    if (*link)
        *link = waiter->next;
}

static long futex_wait(const volatile int *word, int expected, const struct timespec *timeout)
{
    uint64_t deadline_ns = TIME_NEVER;
    if (timeout) {
        if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= (long)NS_PER_S)
            return -EINVAL;
        uint64_t seconds = (uint64_t)timeout->tv_sec;
        if (seconds < TIME_NEVER / 2 / NS_PER_S)
            deadline_ns = time_now_ns() + seconds * NS_PER_S + (uint64_t)timeout->tv_nsec;
    }
    if (*word != expected)
        return -EAGAIN;

    struct waiter waiter = {.word = word, .thread = thread_self()};
    waiter_append(&waiter);
    // A wake meant for something else may end the wait: only `woken` counts.
    while (!waiter.woken && thread_wait_until(deadline_ns))
        ;
    if (waiter.woken)
        return 0;
    waiter_remove(&waiter);
    return -ETIMEDOUT;
}

// Wakes `count` of those who wait on `word`; as many as `moved` says of the others wait on `word2`
// from now on, where they keep their place. Returns: how many of both.
static long futex_requeue(const volatile int *word, int count, const volatile int *word2, int moved)
{
    long done = 0, most = (long)count + moved;
    struct waiter **link = &waiters;
    while (*link && done < most) {
        struct waiter *waiter = *link;
        if (waiter->word != word) {
            link = &waiter->next;
        } else if (done++ >= count) {
            waiter->word = word2;
            link = &waiter->next;
        } else {
            *link = waiter->next;
            waiter->woken = true;
            thread_wake(waiter->thread);
        }
    }
    return done;
}

// musl lets all who waited for a condition but the first wait for its mutex instead.
long posix_call_futex(long word, long operation, long value, long timeout, long word2, long value3)
{
    (void)value3;
    const volatile int *at = (const volatile int *)word;
    switch (operation & FUTEX_COMMAND_MASK) {
    case FUTEX_WAIT:
        return futex_wait(at, (int)value, (const struct timespec *)timeout);
    case FUTEX_WAKE:
        timeout = 0;
        // fall through
    case FUTEX_REQUEUE: // in the place of the timeout it has a second count
        return futex_requeue(at, (int)value, (const volatile int *)word2, (int)timeout);
    }
    return -ENOSYS;
}

// Where <errno.h> and musl's own sources look. Each thread has its own.
int *__errno_location(void)
{
    return thread_errno();
}
int *___errno_location(void) __attribute__((const, alias("__errno_location")));

int posix_call_sched_yield(void)
{
    thread_yield();
    return 0;
}

// The names by which musl's own sources call each other.
extern volatile int __thread_list_lock;
int __pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*entry)(void *),
                     void *argument);
_Noreturn void __pthread_exit(void *result);
int __pthread_join(pthread_t thread, void **result);
int __clone(int (*entry)(void *), void *stack, int flags, void *argument, ...);
void __synccall(void (*function)(void *), void *argument);
void __reset_tls(void);

volatile int __thread_list_lock;

int __pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*entry)(void *),
                     void *argument)
{
    static PERCORE bool logged;
    (void)thread, (void)attributes, (void)entry, (void)argument;
    if (!logged)
        log_warn("posix: pthread_create() is not served, it fails with ENOSYS");
    logged = true;
    return ENOSYS;
}

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
                   void *(*entry)(void *), void *restrict argument)
{
    return __pthread_create(thread, attributes, entry, argument);
}

// With the thread that runs main() the process ends; any other is the kernel's, and ends alone.
_Noreturn void __pthread_exit(void *result)
{
    if (thread_self() == posix_main_thread())
        exit(0);
    thread_exit(result);
}

_Noreturn void pthread_exit(void *result)
{
    __pthread_exit(result);
}

int __pthread_join(pthread_t thread, void **result)
{
    (void)thread, (void)result;
    return ESRCH;
}

int pthread_join(pthread_t thread, void **result)
{
    return __pthread_join(thread, result);
}

int pthread_detach(pthread_t thread)
{
    (void)thread;
    return ESRCH;
}

int thrd_detach(thrd_t thread)
{
    (void)thread;
    return thrd_error;
}

// What musl itself keeps of a thread is the core's, and would be the same for all of them.
pthread_t pthread_self(void)
{
    return (pthread_t)thread_self();
}
thrd_t thrd_current(void) __attribute__((alias("pthread_self")));

int pthread_kill(pthread_t thread, int signal)
{
    if (thread != pthread_self())
        return ESRCH;
    return raise(signal) == 0 ? 0 : errno;
}

// Whoever holds it runs only if this thread lets go.
int pthread_spin_lock(pthread_spinlock_t *lock)
{
    while (pthread_spin_trylock(lock) != 0)
        thread_yield();
    return 0;
}

int pthread_cancel(pthread_t thread)
{
    (void)thread;
    return ENOSYS;
}

// Behind posix_spawn(), system(), popen().
int __clone(int (*entry)(void *), void *stack, int flags, void *argument, ...)
{
    (void)entry, (void)stack, (void)flags, (void)argument;
    return -ENOSYS;
}

// Calls function on every thread of the process.
void __synccall(void (*function)(void *), void *argument)
{
    function(argument);
}

void __reset_tls(void)
{
}

// SPDX-License-Identifier: MIT
// What the C library has for threads to wait for each other with, between threads of one core.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/core.h"
#include "kernel/thread.h"
#include "kernel/time.h"

#define WAITERS 4
#define HANG_MS 20000

static PERCORE struct {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    unsigned waiting, passed;
    bool open;
} gate;

static void wait_at_gate(void *argument)
{
    (void)argument;
    CHECK_EQUAL(pthread_mutex_lock(&gate.mutex), 0);
    gate.waiting++;
    while (!gate.open)
        CHECK_EQUAL(pthread_cond_wait(&gate.condition, &gate.mutex), 0);
    thread_yield(); // the others want the mutex meanwhile
    gate.passed++;
    CHECK_EQUAL(pthread_mutex_unlock(&gate.mutex), 0);
}

static bool all_wait(void *context)
{
    (void)context;
    return gate.waiting == WAITERS;
}

static bool all_passed(void *context)
{
    (void)context;
    return gate.passed == WAITERS;
}

static void open_gate(void *argument)
{
    (void)argument;
    CHECK_EQUAL(pthread_mutex_init(&gate.mutex, NULL), 0);
    CHECK_EQUAL(pthread_cond_init(&gate.condition, NULL), 0);
    gate.waiting = gate.passed = 0;
    gate.open = false;
    for (unsigned i = 0; i < WAITERS; i++)
        if (!CHECK(thread_create("waits at a gate", wait_at_gate, NULL) != NULL))
            return;
    if (!CHECK(run_until(all_wait, NULL, HANG_MS)))
        return;
    CHECK_EQUAL(pthread_mutex_lock(&gate.mutex), 0);
    gate.open = true;
    CHECK_EQUAL(pthread_cond_broadcast(&gate.condition), 0);
    CHECK_EQUAL(pthread_mutex_unlock(&gate.mutex), 0);
    if (!CHECK(run_until(all_passed, NULL, HANG_MS)))
        return;
    CHECK_EQUAL(pthread_cond_destroy(&gate.condition), 0);
    CHECK_EQUAL(pthread_mutex_destroy(&gate.mutex), 0);
}

void case_libc_conditions(void)
{
    run_on_all(open_gate, NULL);
}

static PERCORE struct {
    pthread_mutex_t mutex;
    bool tried, may_end;
} owned;

static void try_to_own(void *argument)
{
    (void)argument;
    CHECK_EQUAL(pthread_mutex_trylock(&owned.mutex), EBUSY);
    CHECK_EQUAL(pthread_mutex_unlock(&owned.mutex), EPERM);
    owned.tried = true;
    CHECK_EQUAL(pthread_mutex_lock(&owned.mutex), 0);
    CHECK(owned.may_end);
    CHECK_EQUAL(pthread_mutex_unlock(&owned.mutex), 0);
    owned.tried = false;
}

static bool has_tried(void *context)
{
    (void)context;
    return owned.tried;
}

static bool has_ended(void *context)
{
    (void)context;
    return !owned.tried;
}

static void own_twice(void *argument)
{
    (void)argument;
    pthread_mutexattr_t recursive;
    CHECK_EQUAL(pthread_mutexattr_init(&recursive), 0);
    CHECK_EQUAL(pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE), 0);
    CHECK_EQUAL(pthread_mutex_init(&owned.mutex, &recursive), 0);
    owned.tried = owned.may_end = false;
    CHECK_EQUAL(pthread_mutex_lock(&owned.mutex), 0);
    CHECK_EQUAL(pthread_mutex_lock(&owned.mutex), 0);
    if (!CHECK(thread_create("wants a mutex", try_to_own, NULL) != NULL))
        return;
    CHECK(run_until(has_tried, NULL, HANG_MS));
    CHECK_EQUAL(pthread_mutex_unlock(&owned.mutex), 0);
    thread_yield();
    owned.may_end = true;
    CHECK_EQUAL(pthread_mutex_unlock(&owned.mutex), 0);
    CHECK(run_until(has_ended, NULL, HANG_MS));
    CHECK_EQUAL(pthread_mutex_destroy(&owned.mutex), 0);
    CHECK_EQUAL(raise(SIGCHLD), 0); // to this thread, whatever its number
}

void case_libc_owned_mutexes(void)
{
    run_on_all(own_twice, NULL);
}

// ---- what a thread has of its own ---------------------------------------------------------------

static pthread_key_t key;          // of the machine, made by core 0
static PERCORE unsigned destroyed; // values of this core's threads
static PERCORE pthread_spinlock_t spinlock;

static void destroy(void *value)
{
    destroyed++;
    if (*(int *)value > 0) {
        *(int *)value = -1;
        CHECK_EQUAL(pthread_setspecific(key, value), 0); // it will be called once more
    }
}

static void own_values(void *argument)
{
    int value = (int)(uintptr_t)argument;
    pthread_t self = pthread_self();
    CHECK(tss_get(key) == NULL && thrd_current() == self);
    CHECK_EQUAL(pthread_setspecific(key, &value), 0);
    errno = value;
    CHECK_EQUAL(pthread_spin_lock(&spinlock), 0); // the other thread holds it over its yield
    thread_yield();
    CHECK_EQUAL(pthread_spin_unlock(&spinlock), 0);
    thread_yield();
    CHECK_EQUAL(errno, value);
    CHECK(pthread_getspecific(key) == &value && pthread_equal(self, pthread_self()));
    int *result = malloc(sizeof(*result));
    if (CHECK(result != NULL)) {
        *result = 1;
        CHECK_EQUAL(tss_set(key, result), thrd_success);
    }
    pthread_exit(result);
}

static void keep_apart(void *argument)
{
    (void)argument;
    static const struct thread_options joinable = {.joinable = true};
    struct thread *threads[2];
    void *results[2] = {NULL, NULL};
    destroyed = 0;
    CHECK_EQUAL(pthread_spin_init(&spinlock, PTHREAD_PROCESS_PRIVATE), 0);
    for (uintptr_t i = 0; i < 2; i++)
        threads[i] =
            thread_create_with_options("has values", own_values, (void *)(i + 1), &joinable);
    if (!CHECK(threads[0] != NULL && threads[1] != NULL))
        return;
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQUAL(thread_join(threads[i], &results[i], TIME_NEVER), 0);
        CHECK(results[i] != NULL && *(int *)results[i] == -1);
        free(results[i]);
    }
    CHECK_EQUAL(destroyed, 4);
    CHECK(pthread_getspecific(key) == NULL);
    CHECK_EQUAL(sched_getcpu(), core_index());
    CHECK_EQUAL(sysconf(_SC_NPROCESSORS_ONLN), run_core_count());
}

void case_libc_own_values(void)
{
    CHECK_EQUAL(pthread_key_create(&key, destroy), 0);
    run_on_all(keep_apart, NULL);
    CHECK_EQUAL(pthread_key_delete(key), 0);
    CHECK(sysconf(_SC_PHYS_PAGES) > 0 && sysconf(_SC_AVPHYS_PAGES) > 0);
    CHECK(sysconf(_SC_AVPHYS_PAGES) < sysconf(_SC_PHYS_PAGES));
}

// ---- the other things to wait for ---------------------------------------------------------------

static PERCORE struct {
    sem_t semaphore;
    pthread_barrier_t barrier;
    pthread_rwlock_t lock;
    pthread_once_t once;
    unsigned inits, came, serial, readers;
} meeting;

static void initialise(void)
{
    thread_yield(); // the others come to pthread_once() meanwhile, and wait
    meeting.inits++;
}

static void meet(void *argument)
{
    (void)argument;
    CHECK_EQUAL(pthread_once(&meeting.once, initialise), 0);
    CHECK_EQUAL(meeting.inits, 1);
    for (unsigned round = 0; round < 3; round++) {
        int last = pthread_barrier_wait(&meeting.barrier);
        CHECK(last == 0 || last == PTHREAD_BARRIER_SERIAL_THREAD);
        meeting.serial += last != 0;
    }
    CHECK_EQUAL(pthread_rwlock_rdlock(&meeting.lock), 0);
    meeting.readers++;
    CHECK(pthread_barrier_wait(&meeting.barrier) <= 0); // 0, or -1 for one of them
    CHECK_EQUAL(pthread_rwlock_trywrlock(&meeting.lock), EBUSY);
    CHECK_EQUAL(meeting.readers, WAITERS); // all of them at once
    CHECK(pthread_barrier_wait(&meeting.barrier) <= 0);
    CHECK_EQUAL(pthread_rwlock_unlock(&meeting.lock), 0);
    CHECK_EQUAL(pthread_rwlock_wrlock(&meeting.lock), 0);
    unsigned came = meeting.came;
    thread_yield();
    meeting.came = came + 1;
    CHECK_EQUAL(pthread_rwlock_unlock(&meeting.lock), 0);
    CHECK_EQUAL(sem_post(&meeting.semaphore), 0);
}

static void hold_meeting(void *argument)
{
    (void)argument;
    meeting.inits = meeting.came = meeting.serial = meeting.readers = 0;
    meeting.once = PTHREAD_ONCE_INIT;
    CHECK_EQUAL(sem_init(&meeting.semaphore, 0, 0), 0);
    CHECK_EQUAL(pthread_barrier_init(&meeting.barrier, NULL, WAITERS), 0);
    CHECK_EQUAL(pthread_rwlock_init(&meeting.lock, NULL), 0);
    for (unsigned i = 0; i < WAITERS; i++)
        if (!CHECK(thread_create("meets others", meet, NULL) != NULL))
            return;
    for (unsigned i = 0; i < WAITERS; i++)
        CHECK_EQUAL(sem_wait(&meeting.semaphore), 0);
    CHECK_EQUAL(meeting.came, WAITERS);
    CHECK_EQUAL(meeting.serial, 3);
    CHECK_EQUAL(sem_trywait(&meeting.semaphore), -1);
    CHECK_EQUAL(pthread_rwlock_destroy(&meeting.lock), 0);
    CHECK_EQUAL(pthread_barrier_destroy(&meeting.barrier), 0);
    CHECK_EQUAL(sem_destroy(&meeting.semaphore), 0);
}

void case_libc_meetings(void)
{
    run_on_all(hold_meeting, NULL);
}

static struct timespec soon(clockid_t clock)
{
    struct timespec time;
    CHECK_EQUAL(clock_gettime(clock, &time), 0);
    time.tv_nsec += NS_PER_MS;
    if (time.tv_nsec >= (long)NS_PER_S) {
        time.tv_nsec -= (long)NS_PER_S;
        time.tv_sec++;
    }
    return time;
}

static void time_out_on(clockid_t clock)
{
    pthread_condattr_t attributes;
    pthread_cond_t condition;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    CHECK_EQUAL(pthread_condattr_init(&attributes), 0);
    CHECK_EQUAL(pthread_condattr_setclock(&attributes, clock), 0);
    CHECK_EQUAL(pthread_cond_init(&condition, &attributes), 0);
    CHECK_EQUAL(pthread_mutex_lock(&mutex), 0);
    struct timespec deadline = soon(clock), now;
    CHECK_EQUAL(pthread_cond_timedwait(&condition, &mutex, &deadline), ETIMEDOUT);
    CHECK_EQUAL(clock_gettime(clock, &now), 0);
    CHECK(now.tv_sec > deadline.tv_sec ||
          (now.tv_sec == deadline.tv_sec && now.tv_nsec >= deadline.tv_nsec));
    CHECK_EQUAL(pthread_mutex_unlock(&mutex), 0);
    CHECK_EQUAL(pthread_cond_destroy(&condition), 0);
}

void case_libc_deadlines(void)
{
    time_out_on(CLOCK_REALTIME);
    time_out_on(CLOCK_MONOTONIC);
    sem_t semaphore;
    struct timespec deadline = soon(CLOCK_REALTIME);
    CHECK_EQUAL(sem_init(&semaphore, 0, 0), 0);
    CHECK_EQUAL(sem_timedwait(&semaphore, &deadline), -1);
    CHECK_EQUAL(errno, ETIMEDOUT);
    mtx_t mutex;
    cnd_t condition;
    CHECK_EQUAL(mtx_init(&mutex, mtx_timed), thrd_success);
    CHECK_EQUAL(cnd_init(&condition), thrd_success);
    CHECK_EQUAL(mtx_lock(&mutex), thrd_success);
    deadline = soon(CLOCK_REALTIME);
    CHECK_EQUAL(mtx_timedlock(&mutex, &deadline), thrd_timedout);
    deadline = soon(CLOCK_REALTIME);
    CHECK_EQUAL(cnd_timedwait(&condition, &mutex, &deadline), thrd_timedout);
    CHECK_EQUAL(mtx_unlock(&mutex), thrd_success);
    pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    CHECK_EQUAL(pthread_rwlock_rdlock(&lock), 0);
    deadline = soon(CLOCK_REALTIME);
    CHECK_EQUAL(pthread_rwlock_timedwrlock(&lock, &deadline), ETIMEDOUT);
    CHECK_EQUAL(pthread_rwlock_unlock(&lock), 0);
}

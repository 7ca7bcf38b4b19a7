// SPDX-License-Identifier: MIT
// What the C library has for threads to wait for each other with, between threads of one core.
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/thread.h"

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

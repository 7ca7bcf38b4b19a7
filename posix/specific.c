// SPDX-License-Identifier: MIT
// Thread-specific data. The keys are the machine's, so that one made on core 0 works in the threads
// of every core; the values are a thread's own, and hang on it (kernel/thread.h).
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <threads.h>

#include "kernel/compiler.h"
#include "kernel/thread.h"

// Odd while the key exists. Values set under another generation are none: a key that is made anew
// is NULL in all threads.
struct key {
    atomic_uint generation;
    void (*destructor)(void *value);
};
static struct key keys[PTHREAD_KEYS_MAX]; // of all cores

struct value {
    unsigned generation;
    void *value;
};

struct values {
    struct thread_specific specific; // first: what leads here
    struct value of[PTHREAD_KEYS_MAX];
};

static unsigned generation_of(pthread_key_t key)
{
    return atomic_load_explicit(&keys[key].generation, memory_order_relaxed);
}

static bool is_key(pthread_key_t key)
{
    return key < PTHREAD_KEYS_MAX && generation_of(key) % 2 == 1;
}

static bool next_generation(pthread_key_t key, unsigned generation)
{
    return atomic_compare_exchange_strong_explicit(&keys[key].generation, &generation,
                                                   generation + 1, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

int pthread_key_create(pthread_key_t *made, void (*destructor)(void *value))
{
    for (pthread_key_t key = 0; key < PTHREAD_KEYS_MAX; key++) {
        unsigned generation = generation_of(key);
        if (generation % 2 == 0 && next_generation(key, generation)) {
            keys[key].destructor = destructor;
            *made = key;
            return 0;
        }
    }
    return EAGAIN;
}

int pthread_key_delete(pthread_key_t key)
{
    if (!is_key(key) || !next_generation(key, generation_of(key)))
        return EINVAL;
    return 0;
}

static struct values *own_values(void)
{
    return (struct values *)*thread_specific();
}

void *pthread_getspecific(pthread_key_t key)
{
    struct values *values = own_values();
    if (values == NULL || !is_key(key) || values->of[key].generation != generation_of(key))
        return NULL;
    return values->of[key].value;
}

// Returns: whether any destructor was called.
static bool call_destructors(struct values *values)
{
    bool any = false;
    for (pthread_key_t key = 0; key < PTHREAD_KEYS_MAX; key++) {
        void *value = pthread_getspecific(key);
        values->of[key].value = NULL;
        if (value != NULL && keys[key].destructor != NULL) {
            keys[key].destructor(value);
            any = true;
        }
    }
    return any;
}

static void end(struct thread_specific *specific)
{
    struct values *values = (struct values *)specific;
    for (unsigned i = 0; i < PTHREAD_DESTRUCTOR_ITERATIONS && call_destructors(values); i++)
        ; // they may have set values
    *thread_specific() = NULL;
    free(values);
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
    if (!is_key(key))
        return EINVAL;
    struct values *values = own_values();
    if (values == NULL) {
        if (value == NULL)
            return 0;
        values = calloc(1, sizeof(*values));
        if (values == NULL)
            return ENOMEM;
        values->specific.end = end;
        *thread_specific() = &values->specific;
    }
    values->of[key] = (struct value){generation_of(key), (void *)value};
    return 0;
}

// ---- C11's names --------------------------------------------------------------------------------

int tss_create(tss_t *key, tss_dtor_t destructor)
{
    return pthread_key_create(key, destructor) == 0 ? thrd_success : thrd_error;
}

void tss_delete(tss_t key)
{
    (void)pthread_key_delete(key);
}

void *tss_get(tss_t key)
{
    return pthread_getspecific(key);
}

int tss_set(tss_t key, void *value)
{
    return pthread_setspecific(key, value) == 0 ? thrd_success : thrd_error;
}

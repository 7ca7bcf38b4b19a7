// SPDX-License-Identifier: MIT
// Mutexes, conditions, semaphores, events and channels, on every core at once; channels between
// cores.
#include "kernel/sync.h"

#include <errno.h>
#include <string.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/channel.h"
#include "kernel/core.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/channel.h"
#include "smp/remote.h"

#define WORKERS    6
#define ROUNDS     100
#define ITEMS      500
#define PLACES     7
#define FAR_OFF_NS (3600 * NS_PER_S)

static const struct thread_options joinable = {.joinable = true};

// Runs function(i) in WORKERS threads and waits for them.
static void run_workers(void (*function)(void *argument))
{
    struct thread *threads[WORKERS];
    for (uintptr_t i = 0; i < WORKERS; i++) {
        threads[i] = thread_create_with_options("worker", function, (void *)i, &joinable);
        if (!CHECK(threads[i] != NULL))
            return;
    }
    for (unsigned i = 0; i < WORKERS; i++)
        CHECK_EQUAL(thread_join(threads[i], NULL, time_now_ns() + RUN_HANG_S * NS_PER_S), 0);
}

static PERCORE struct {
    struct mutex mutex;
    unsigned inside, entered, timed_out;
    uint32_t random;
} room;

static void enter_room(void *argument)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t number = run_pseudo_random(&room.random);
        if ((uintptr_t)argument % 2 == 0) {
            mutex_lock(&room.mutex);
        } else if (mutex_lock_until(&room.mutex, time_now_ns() + number % (20 * NS_PER_US)) != 0) {
            room.timed_out++;
            continue;
        }
        CHECK_EQUAL(++room.inside, 1);
        room.entered++;
        if (number % 4 == 0)
            thread_sleep_until(time_now_ns() + number % (30 * NS_PER_US));
        else
            thread_yield();
        CHECK_EQUAL(--room.inside, 0);
        mutex_unlock(&room.mutex);
        if (number % 8 == 0)
            thread_yield();
    }
}

static void mutual_exclusion(void *argument)
{
    (void)argument;
    memset(&room, 0, sizeof(room));
    room.random = core_index();
    run_workers(enter_room);
    CHECK_EQUAL(room.entered + room.timed_out, WORKERS * ROUNDS);
    CHECK(room.entered >= WORKERS / 2 * ROUNDS);
    CHECK(room.mutex.owner == NULL && room.mutex.waiters.first == NULL);
    if (CHECK(mutex_try_lock(&room.mutex))) {
        CHECK(!mutex_try_lock(&room.mutex));
        mutex_unlock(&room.mutex);
    }
}

void case_sync_mutex(void)
{
    run_on_all(mutual_exclusion, NULL);
}

// A baton goes round all workers, each of which waits for its own number.
static PERCORE struct {
    struct mutex mutex;
    struct condition moved;
    unsigned baton;
} relay;

static void carry_baton(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    for (unsigned round = 0; round < ROUNDS; round++) {
        mutex_lock(&relay.mutex);
        while (relay.baton % WORKERS != self)
            condition_wait(&relay.moved, &relay.mutex);
        CHECK_EQUAL(relay.baton, round * WORKERS + self);
        relay.baton++;
        condition_broadcast(&relay.moved);
        mutex_unlock(&relay.mutex);
    }
}

static void condition_works(void *argument)
{
    (void)argument;
    memset(&relay, 0, sizeof(relay));
    run_workers(carry_baton);
    CHECK_EQUAL(relay.baton, WORKERS * ROUNDS);
    mutex_lock(&relay.mutex);
    uint64_t deadline_ns = time_now_ns() + NS_PER_MS;
    CHECK_EQUAL(condition_wait_until(&relay.moved, &relay.mutex, deadline_ns), -ETIMEDOUT);
    CHECK(time_now_ns() >= deadline_ns);
    CHECK(relay.mutex.owner == thread_self()); // again
    mutex_unlock(&relay.mutex);
}

void case_sync_condition(void)
{
    run_on_all(condition_works, NULL);
}

static PERCORE struct {
    struct event event;
    struct semaphore semaphore;
    unsigned went_on;
} gate;

static void go_through_gate(void *argument)
{
    (void)argument;
    event_wait(&gate.event);
    gate.went_on++;
    semaphore_post(&gate.semaphore);
}

static void set_gate(struct timer *timer)
{
    (void)timer;
    event_set(&gate.event);
}

// An event set by the loop lets all go on, a semaphore counts them; a wake that is meant for
// something else ends neither wait, and is not lost.
static void events_and_semaphores(void *argument)
{
    (void)argument;
    memset(&gate, 0, sizeof(gate));
    CHECK_EQUAL(event_wait_until(&gate.event, time_now_ns() + NS_PER_MS), -ETIMEDOUT);
    CHECK_EQUAL(semaphore_wait_until(&gate.semaphore, time_now_ns() + NS_PER_MS), -ETIMEDOUT);
    struct timer timer = {.expired = set_gate};
    timer_start(&timer, time_now_ns() + NS_PER_MS);
    for (unsigned i = 0; i < WORKERS; i++)
        CHECK(thread_create("gate", go_through_gate, NULL) != NULL);
    thread_wake(thread_self());
    for (unsigned i = 0; i < WORKERS; i++)
        semaphore_wait(&gate.semaphore);
    CHECK_EQUAL(gate.went_on, WORKERS);
    CHECK(!semaphore_try_wait(&gate.semaphore));
    CHECK_EQUAL(event_wait_until(&gate.event, 0), 0);
    event_clear(&gate.event);
    CHECK_EQUAL(event_wait_until(&gate.event, 0), -ETIMEDOUT);
    CHECK(thread_wait_until(time_now_ns() + FAR_OFF_NS));
}

void case_sync_events_and_semaphores(void)
{
    run_on_all(events_and_semaphores, NULL);
}

// Half of the workers send numbers, half receive; every number comes once.
static PERCORE struct {
    struct channel channel;
    void *places[PLACES];
    bool seen[WORKERS / 2 * ITEMS];
    unsigned received, senders_left;
} pipe;

static void use_pipe(void *argument)
{
    uintptr_t self = (uintptr_t)argument;
    void *item;
    if (self < WORKERS / 2) {
        for (uintptr_t i = 0; i < ITEMS; i++)
            CHECK_EQUAL(channel_send(&pipe.channel, (void *)(self * ITEMS + i)), 0);
        if (--pipe.senders_left == 0)
            channel_close(&pipe.channel);
        return;
    }
    int error;
    while ((error = channel_receive_until(&pipe.channel, &item, time_now_ns() + FAR_OFF_NS)) == 0) {
        if (!CHECK((uintptr_t)item < ARRAY_COUNT(pipe.seen)))
            return;
        CHECK(!pipe.seen[(uintptr_t)item]);
        pipe.seen[(uintptr_t)item] = true;
        if (++pipe.received % 16 == 0)
            thread_yield();
    }
    CHECK_EQUAL(error, -EPIPE);
}

static void channel_works(void *argument)
{
    (void)argument;
    void *item;
    memset(&pipe, 0, sizeof(pipe));
    channel_start(&pipe.channel, pipe.places, PLACES);
    pipe.senders_left = WORKERS / 2;
    CHECK_EQUAL(channel_receive_until(&pipe.channel, &item, time_now_ns() + NS_PER_MS), -ETIMEDOUT);
    run_workers(use_pipe);
    CHECK_EQUAL(pipe.received, WORKERS / 2 * ITEMS);
    CHECK_EQUAL(channel_send(&pipe.channel, NULL), -EPIPE);
    channel_start(&pipe.channel, pipe.places, PLACES);
    for (uintptr_t i = 0; i < PLACES; i++)
        CHECK_EQUAL(channel_try_send(&pipe.channel, (void *)i), 0);
    CHECK_EQUAL(channel_try_send(&pipe.channel, NULL), -EAGAIN);
    CHECK_EQUAL(channel_send_until(&pipe.channel, NULL, time_now_ns() + NS_PER_MS), -ETIMEDOUT);
    for (uintptr_t i = 0; i < PLACES; i++)
        CHECK(channel_try_receive(&pipe.channel, &item) == 0 && (uintptr_t)item == i);
    CHECK_EQUAL(channel_try_receive(&pipe.channel, &item), -EAGAIN);
}

void case_channel(void)
{
    run_on_all(channel_works, NULL);
}

// ---- between cores ------------------------------------------------------------------------------

struct receiver {
    struct cross_channel *channel;
    unsigned sender;
    bool slow;
};

static void receive_all(void *argument)
{
    struct receiver receiver = *(struct receiver *)argument;
    void *item;
    int error;
    uintptr_t expected = 0;
    while ((error = cross_channel_receive(receiver.channel, &item)) == 0) {
        CHECK_EQUAL((uintptr_t)item, receiver.sender * ITEMS + expected);
        expected++;
        if (receiver.slow && expected % 64 == 0)
            thread_sleep_until(time_now_ns() + NS_PER_MS);
    }
    CHECK_EQUAL(error, -EPIPE);
    CHECK_EQUAL(expected, ITEMS);
}

// This core to another, or itself, with a channel that is full most of the time, or never.
static void send_to(unsigned core, size_t capacity, bool slow)
{
    struct receiver receiver = {.sender = core_index(), .slow = slow};
    if (!CHECK_EQUAL(cross_channel_create(core_index(), core, capacity, &receiver.channel), 0) ||
        !CHECK_EQUAL(thread_create_on(core, "receiver", receive_all, &receiver), 0))
        return;
    for (uintptr_t i = 0; i < ITEMS; i++)
        CHECK_EQUAL(cross_channel_send_until(receiver.channel, (void *)(core_index() * ITEMS + i),
                                             time_now_ns() + FAR_OFF_NS),
                    0);
    cross_channel_close(receiver.channel);
    CHECK_EQUAL(cross_channel_send(receiver.channel, NULL), -EPIPE);
    cross_channel_destroy(receiver.channel); // the receiver is through with it then
}

static void send_to_everyone(void *argument)
{
    (void)argument;
    for (unsigned core = 0; core < core_count(); core++) {
        if (!core_is_online(core))
            continue;
        send_to(core, 1, false);
        send_to(core, PLACES, true);
        send_to(core, 2 * ITEMS, false);
    }
    run_barrier(); // no core waits for this one any more
}

void case_cross_channel(void)
{
    run_on_all(send_to_everyone, NULL);
}

static void receive_nothing(void *argument)
{
    void *item;
    uint64_t deadline_ns = time_now_ns() + NS_PER_MS;
    CHECK_EQUAL(cross_channel_try_receive(argument, &item), -EAGAIN);
    CHECK_EQUAL(cross_channel_receive_until(argument, &item, deadline_ns), -ETIMEDOUT);
    CHECK(time_now_ns() >= deadline_ns);
}

static void receive_three(void *argument)
{
    void *item;
    for (uintptr_t i = 0; i < 3; i++)
        CHECK(cross_channel_receive(argument, &item) == 0 && (uintptr_t)item == i);
}

void case_cross_channel_limits(void)
{
    struct cross_channel *channel;
    CHECK_EQUAL(cross_channel_create(0, core_count(), 3, &channel), -EINVAL);
    CHECK_EQUAL(cross_channel_create(CORES_MAX, 0, 3, &channel), -EINVAL);
    CHECK_EQUAL(cross_channel_create(0, 0, SIZE_MAX / 2, &channel), -ENOMEM);
    CHECK_EQUAL(cross_channel_create(0, 0, SIZE_MAX / 4096, &channel), -ENOMEM);
    if (!CHECK_EQUAL(cross_channel_create(0, run_last_core(), 3, &channel), 0))
        return;
    run_on(run_last_core(), receive_nothing, channel);
    for (uintptr_t i = 0; i < 3; i++)
        CHECK_EQUAL(cross_channel_try_send(channel, (void *)i), 0);
    CHECK_EQUAL(cross_channel_try_send(channel, NULL), -EAGAIN);
    CHECK_EQUAL(cross_channel_send_until(channel, NULL, time_now_ns() + NS_PER_MS), -ETIMEDOUT);
    run_on(run_last_core(), receive_three, channel);
    cross_channel_destroy(channel);
}

// ---- closed while a receiver in the background has timed out but not run yet --------------------

struct late {
    struct cross_channel *channel;
    struct timer timer; // behind the deadline of the one that is late
    bool timed_out, told;
};

static void note_timeout(struct timer *timer)
{
    CONTAINER_OF(timer, struct late, timer)->timed_out = true;
}

static void hear_in_time(void *argument)
{
    struct late *late = argument;
    void *item;
    CHECK_EQUAL(cross_channel_receive(late->channel, &item), -EPIPE);
    late->told = true;
}

static void hear_late(void *argument)
{
    struct late *late = argument;
    void *item;
    CHECK_EQUAL(cross_channel_receive_until(late->channel, &item, late->timer.deadline_ns - 1),
                -EPIPE);
}

static void destroy_channel(void *argument)
{
    struct late *late = argument;
    cross_channel_destroy(late->channel);
}

// Without ever letting the background run, as run_wait_for() would.
static void yield_until(const bool *value)
{
    while (!__atomic_load_n(value, __ATOMIC_RELAXED)) // another thread of this core sets it
        thread_yield();
}

// A thread in the background runs when no other is ready: this one is, until the word has arrived.
void case_cross_channel_late(void)
{
    static const struct thread_options background = {.priority = THREAD_BACKGROUND,
                                                     .joinable = true};
    struct late late = {.timer.expired = note_timeout};
    if (!CHECK_EQUAL(cross_channel_create(0, 0, 1, &late.channel), 0))
        return;
    timer_start(&late.timer, time_now_ns() + 20 * NS_PER_MS);
    CHECK(thread_create("hears in time", hear_in_time, &late) != NULL);
    struct thread *slow = thread_create_with_options("hears late", hear_late, &late, &background);
    thread_sleep_until(late.timer.deadline_ns - 10 * NS_PER_MS); // both wait now
    yield_until(&late.timed_out);
    cross_channel_close(late.channel);
    yield_until(&late.told);
    struct thread *destroyer =
        thread_create_with_options("destroyer", destroy_channel, &late, &joinable);
    if (!CHECK(slow != NULL && destroyer != NULL))
        return;
    CHECK_EQUAL(thread_join(slow, NULL, TIME_NEVER), 0);
    CHECK_EQUAL(thread_join(destroyer, NULL, time_now_ns() + 5 * NS_PER_S), 0);
}

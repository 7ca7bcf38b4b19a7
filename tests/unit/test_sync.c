// SPDX-License-Identifier: MIT
// Mutex, condition, semaphore, event, channel, and threads' waits and ends, between the kernel's
// own threads. What happens next is drawn: one seed is one order, the same in each run. After each
// run no thread is left: a wake-up that is lost leaves one.
#include "fake_switch.h"
#include "seeded.h"

#include <errno.h>
#include <string.h>

#include "kernel/channel.h"
#include "kernel/compiler.h"
#include "kernel/sync.h"
#include "kernel/thread.h"
#include "kernel/time.h"

#define SEEDS      24
#define WORKERS    8
#define ROUNDS     60
#define SOON_NS    20000
#define PLACES_MAX 5
#define LAST_ITEM  ((void *)-1)

static unsigned workers_left;
static struct event all_done;

static uint64_t soon_ns(void)
{
    return time_now_ns() + random_below(SOON_NS);
}

// Lets others run, or not, or time go on.
static void dawdle(void)
{
    switch (random_below(6)) {
    case 0:
        thread_yield();
        break;
    case 1:
        thread_sleep_until(soon_ns());
        break;
    case 2:
        thread_set_priority(random_below(2) == 0 ? THREAD_NORMAL : THREAD_BACKGROUND);
        break;
    }
}

struct crowd {
    void (*worker)(uintptr_t number);
    unsigned count;
};
static struct crowd crowd;

static void crowd_member(void *argument)
{
    crowd.worker((uintptr_t)argument);
    if (--workers_left == 0)
        event_set(&all_done);
}

static void crowd_start(void *argument)
{
    (void)argument;
    workers_left = crowd.count;
    memset(&all_done, 0, sizeof(all_done));
    for (uintptr_t i = 0; i < crowd.count; i++) {
        assert_non_null(thread_create("worker", crowd_member, (void *)i));
        dawdle();
    }
    event_wait(&all_done);
}

// Workers side by side, in one order for each seed. `prepare` and `check` frame each run.
static void run_crowds(void (*prepare)(void), void (*worker)(uintptr_t number), void (*check)(void))
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        crowd = (struct crowd){worker, 2 + (unsigned)seed % (WORKERS - 1)};
        random_state = seed * 104729; // what the threads do; the clock has one of its own
        prepare();
        fake_switch_run(seed * 7919, crowd_start, NULL);
        assert_int_equal(workers_left, 0);
        check();
    }
}

// ---- mutex --------------------------------------------------------------------------------------

static struct mutex mutex;
static unsigned inside, entered, refused, expired;

static void room_prepare(void)
{
    memset(&mutex, 0, sizeof(mutex));
    inside = entered = refused = expired = 0;
}

static bool room_enter(void)
{
    switch (random_below(3)) {
    case 0:
        mutex_lock(&mutex);
        return true;
    case 1:
        if (mutex_try_lock(&mutex))
            return true;
        assert_true(mutex.owner != NULL && mutex.owner != thread_self());
        refused++;
        return false;
    default:
        if (mutex_lock_until(&mutex, soon_ns()) == 0)
            return true;
        expired++;
        return false;
    }
}

static void room_visit(uintptr_t number)
{
    (void)number;
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (room_enter()) {
            assert_ptr_equal(mutex.owner, thread_self());
            assert_int_equal(++inside, 1);
            entered++;
            dawdle();
            assert_int_equal(--inside, 0);
            mutex_unlock(&mutex);
        }
        dawdle();
    }
}

static unsigned times_refused, times_expired; // over all seeds: the cases did happen

static void room_check(void)
{
    assert_int_equal(entered + refused + expired, crowd.count * ROUNDS);
    assert_true(mutex.owner == NULL && mutex.waiters.first == NULL && mutex.waiters.last == NULL);
    times_refused += refused;
    times_expired += expired;
}

static void a_mutex_lets_one_in(void **state)
{
    (void)state;
    times_refused = times_expired = 0;
    run_crowds(room_prepare, room_visit, room_check);
    assert_true(times_refused > 0 && times_expired > 0);
}

// ---- condition ----------------------------------------------------------------------------------

static struct condition changed;
static unsigned stock, made, used, gave_up;

static void stock_prepare(void)
{
    memset(&mutex, 0, sizeof(mutex));
    memset(&changed, 0, sizeof(changed));
    stock = made = used = gave_up = 0;
}

// Even workers make, odd ones use; the number of both may differ.
static void stock_work(uintptr_t number)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        mutex_lock(&mutex);
        if (number % 2 == 0) {
            stock++;
            made++;
            if (random_below(3) == 0)
                condition_broadcast(&changed);
            else
                condition_signal(&changed);
        } else {
            int error = 0;
            while (stock == 0 && error == 0)
                error = condition_wait_until(&changed, &mutex, soon_ns());
            assert_ptr_equal(mutex.owner, thread_self());
            assert_true(error == 0 || error == -ETIMEDOUT);
            if (stock > 0)
                stock--, used++;
            else
                gave_up++;
        }
        mutex_unlock(&mutex);
        dawdle();
    }
}

static void stock_check(void)
{
    assert_int_equal(made, used + stock);
    assert_int_equal(used + gave_up, crowd.count / 2 * ROUNDS);
    assert_true(mutex.owner == NULL && changed.waiters.first == NULL);
}

static void a_condition_waits_with_the_mutex_let_go(void **state)
{
    (void)state;
    run_crowds(stock_prepare, stock_work, stock_check);
}

// ---- semaphore ----------------------------------------------------------------------------------

static struct semaphore semaphore;
static unsigned posted, taken;

static void seats_prepare(void)
{
    semaphore = (struct semaphore){.count = 2};
    posted = 2;
    taken = 0;
}

static void seats_work(uintptr_t number)
{
    (void)number;
    for (unsigned round = 0; round < ROUNDS; round++) {
        bool got;
        if (random_below(2) == 0)
            got = semaphore_try_wait(&semaphore);
        else
            got = semaphore_wait_until(&semaphore, soon_ns()) == 0;
        taken += got;
        assert_true(semaphore.count == 0 || semaphore.waiters.first == NULL);
        dawdle();
        if (got || random_below(8) == 0) {
            posted++;
            semaphore_post(&semaphore);
        }
        assert_true(taken + semaphore.count <= posted);
    }
}

// What was given to a thread that waits is taken once that has run: in the end all adds up.
static void seats_check(void)
{
    assert_int_equal(posted, taken + semaphore.count);
    assert_null(semaphore.waiters.first);
}

static void a_semaphore_counts(void **state)
{
    (void)state;
    run_crowds(seats_prepare, seats_work, seats_check);
}

// ---- event --------------------------------------------------------------------------------------

static struct event gate;
static unsigned openings, passed;

static void gate_prepare(void)
{
    memset(&gate, 0, sizeof(gate));
    openings = passed = 0;
}

// The first worker opens and closes until the others are through.
static void gate_work(uintptr_t number)
{
    if (number == 0) {
        while (workers_left > 1) {
            thread_sleep_until(soon_ns());
            openings++;
            event_set(&gate);
            if (random_below(2) == 0)
                dawdle();
            event_clear(&gate);
        }
        return;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned before = openings;
        bool was_set = gate.is_set;
        if (random_below(4) == 0) {
            if (event_wait_until(&gate, soon_ns()) != 0)
                continue;
        } else {
            event_wait(&gate);
        }
        assert_true(was_set || openings > before);
        passed++;
        dawdle();
    }
}

static void gate_check(void)
{
    assert_true(passed > 0 && gate.waiters.first == NULL);
}

static void an_event_lets_all_through_that_waited(void **state)
{
    (void)state;
    run_crowds(gate_prepare, gate_work, gate_check);
}

// ---- channel ------------------------------------------------------------------------------------

static struct channel channel;
static void *places[PLACES_MAX];
static unsigned senders_left, sent, received;
static unsigned next_of[WORKERS]; // that is to come from each sender

static void post_prepare(void)
{
    channel_start(&channel, places, 1 + random_state % PLACES_MAX);
    memset(next_of, 0, sizeof(next_of));
    sent = received = 0;
    senders_left = (crowd.count + 1) / 2;
}

static void post_send(uintptr_t number)
{
    for (uintptr_t i = 0; i < ROUNDS; i++) {
        void *item = (void *)(number << 32 | i);
        int error = -EAGAIN;
        while (error != 0) {
            uint64_t way = random_below(3);
            error = way == 0   ? channel_try_send(&channel, item)
                    : way == 1 ? channel_send_until(&channel, item, soon_ns())
                               : channel_send(&channel, item);
            assert_true(error == 0 || error == -EAGAIN || error == -ETIMEDOUT);
            assert_true(channel.count <= channel.capacity);
            dawdle();
        }
        sent++;
    }
    if (--senders_left == 0) {
        channel_close(&channel);
        assert_int_equal(channel_send(&channel, LAST_ITEM), -EPIPE);
    }
}

static void post_receive(void)
{
    for (;;) {
        void *item = LAST_ITEM;
        uint64_t way = random_below(3);
        int error = way == 0   ? channel_try_receive(&channel, &item)
                    : way == 1 ? channel_receive_until(&channel, &item, soon_ns())
                               : channel_receive(&channel, &item);
        if (error == -EPIPE)
            return;
        assert_true(error == 0 || error == -EAGAIN || error == -ETIMEDOUT);
        if (error == 0) {
            received++;
            // Nothing runs between the receive and this: each sender's items come in order.
            uintptr_t sender = (uintptr_t)item >> 32;
            assert_true(sender < crowd.count && sender % 2 == 0);
            if (crowd.count < 4) // one receiver; of several, one may be back later than the next
                assert_int_equal((uintptr_t)item & 0xffffffff, next_of[sender]);
            next_of[sender]++;
        }
        dawdle();
        if (error != 0)
            thread_yield();
    }
}

static void post_work(uintptr_t number)
{
    if (number % 2 == 0)
        post_send(number);
    else
        post_receive();
}

static void post_check(void)
{
    assert_int_equal(sent, (crowd.count + 1) / 2 * ROUNDS);
    assert_int_equal(received, sent);
    for (unsigned i = 0; i < crowd.count; i += 2)
        assert_int_equal(next_of[i], ROUNDS);
    assert_true(channel.count == 0 && channel.senders.first == NULL &&
                channel.receivers.first == NULL);
}

static void a_channel_loses_nothing(void **state)
{
    (void)state;
    run_crowds(post_prepare, post_work, post_check);
}

// ---- waking and waiting -------------------------------------------------------------------------

static struct thread *sleeper;
static unsigned wakes, woken;
static bool wakers_done;

static void sleeper_prepare(void)
{
    sleeper = NULL;
    wakes = woken = 0;
    wakers_done = false;
}

// The first worker waits, the others wake it. Wakes before it waits again count as one.
static void sleeper_work(uintptr_t number)
{
    if (number != 0) {
        for (unsigned round = 0; round < ROUNDS; round++) {
            while (sleeper == NULL)
                thread_yield();
            wakes++;
            thread_wake(sleeper);
            dawdle();
        }
        wakers_done = workers_left == 2; // with the sleeper
        thread_wake(sleeper);
        return;
    }
    sleeper = thread_self();
    while (!wakers_done) {
        unsigned before = wakes;
        if (random_below(3) != 0) {
            assert_true(thread_wait_until(TIME_NEVER));
            woken++;
        } else if (thread_wait_until(soon_ns())) {
            woken++;
        } else {
            assert_int_equal(wakes, before); // else it was woken
        }
        dawdle();
    }
}

static void sleeper_check(void)
{
    assert_true(woken > 0 && woken <= wakes + crowd.count);
}

static void a_wake_is_not_lost(void **state)
{
    (void)state;
    run_crowds(sleeper_prepare, sleeper_work, sleeper_check);
}

// ---- ends ---------------------------------------------------------------------------------------

static void end_somehow(void *argument)
{
    dawdle();
    if (random_below(2) == 0)
        thread_exit(argument);
}

static void ends_work(uintptr_t number)
{
    static const struct thread_options joinable = {.joinable = true};
    for (unsigned round = 0; round < ROUNDS; round++) {
        void *result = NULL, *given = (void *)(number + 1);
        struct thread *thread = thread_create_with_options("end", end_somehow, given, &joinable);
        assert_non_null(thread);
        dawdle();
        if (random_below(3) == 0) {
            thread_detach(thread);
            continue;
        }
        while (thread_join(thread, &result, soon_ns()) != 0)
            assert_null(result);
        assert_true(result == given || result == NULL);
    }
}

static void ends_prepare(void)
{
}

static void an_end_leaves_nothing(void **state)
{
    (void)state;
    run_crowds(ends_prepare, ends_work, ends_prepare);
}

static void exhaust(void *argument)
{
    (void)argument;
    unsigned count = 0;
    for (unsigned i = 0; i < 3; i++) {
        fake_switch_stacks_left = 10;
        while (thread_create("one more", end_somehow, NULL) != NULL)
            count++;
        assert_int_equal(count, 10 * (i + 1));
        assert_null(thread_create("none", end_somehow, NULL));
        while (fake_switch_stacks_left < 10)
            thread_sleep_until(soon_ns());
    }
}

static void no_memory_is_no_thread(void **state)
{
    (void)state;
    random_state = 1;
    fake_switch_run(1, exhaust, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mutex_lets_one_in),
        cmocka_unit_test(a_condition_waits_with_the_mutex_let_go),
        cmocka_unit_test(a_semaphore_counts),
        cmocka_unit_test(an_event_lets_all_through_that_waited),
        cmocka_unit_test(a_channel_loses_nothing),
        cmocka_unit_test(a_wake_is_not_lost),
        cmocka_unit_test(an_end_leaves_nothing),
        cmocka_unit_test(no_memory_is_no_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

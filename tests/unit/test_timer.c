// SPDX-License-Identifier: MIT
// Beside cases: random operations against a model that looks through all timers each time.
#include "host.h"
#include "seeded.h"

#include <string.h>

#include "kernel/time.h"

#define TIMERS 200

// What a timer should be. The timer is its first member's neighbour: found by its address.
struct model {
    struct timer timer;
    bool pending;
    bool in_next_turn; // started while this turn's timers expire
    uint64_t deadline_ns;
    unsigned expired_count;
};
static struct model models[TIMERS];
static bool in_turn;
static uint64_t turn_now_ns, turn_last_ns;
static unsigned turn_count;

static struct model *model_of(struct timer *timer)
{
    return CONTAINER_OF(timer, struct model, timer);
}

static void start(unsigned i, uint64_t deadline_ns)
{
    timer_start(&models[i].timer, deadline_ns);
    models[i].pending = true;
    models[i].in_next_turn = in_turn;
    models[i].deadline_ns = deadline_ns;
}

static void stop(unsigned i)
{
    timer_stop(&models[i].timer);
    models[i].pending = false;
}

static void expired(struct timer *timer)
{
    struct model *model = model_of(timer);
    assert_true(in_turn && model->pending && !model->in_next_turn && !timer->pending);
    assert_true(model->deadline_ns <= turn_now_ns);
    assert_true(model->deadline_ns >= turn_last_ns);
    turn_last_ns = model->deadline_ns;
    model->pending = false;
    model->expired_count++;
    turn_count++;
}

// One turn at `now_ns`. Returns: how many expired.
static unsigned expire(uint64_t now_ns)
{
    in_turn = true;
    turn_now_ns = now_ns;
    turn_last_ns = 0;
    turn_count = 0;
    bool any = timer_expire(now_ns);
    in_turn = false;
    assert_int_equal(any, turn_count > 0);
    for (unsigned i = 0; i < TIMERS; i++) {
        assert_int_equal(models[i].timer.pending, models[i].pending);
        assert_false(models[i].pending && !models[i].in_next_turn &&
                     models[i].deadline_ns <= now_ns);
        models[i].in_next_turn = false;
    }
    return turn_count;
}

static void assert_next_deadline(void)
{
    uint64_t next = TIME_NEVER;
    for (unsigned i = 0; i < TIMERS; i++)
        if (models[i].pending && models[i].deadline_ns < next)
            next = models[i].deadline_ns;
    assert_true(timer_next_deadline_ns() == next);
}

static int setup(void **state)
{
    (void)state;
    random_state = 88172645463325252ull;
    memset(models, 0, sizeof(models));
    for (unsigned i = 0; i < TIMERS; i++)
        models[i].timer.expired = expired;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TIMERS; i++)
        timer_stop(&models[i].timer);
    return timer_next_deadline_ns() == TIME_NEVER ? 0 : -1;
}

static void earliest_is_told_and_expires_first(void **state)
{
    (void)state;
    assert_true(timer_next_deadline_ns() == TIME_NEVER);
    assert_int_equal(expire(TIME_NEVER - 1), 0);
    static const uint64_t deadlines[] = {50, 20, 70, 20, 10, 90, 60, 10};
    for (unsigned i = 0; i < ARRAY_COUNT(deadlines); i++) {
        start(i, deadlines[i]);
        assert_next_deadline();
    }
    assert_int_equal(expire(9), 0);
    assert_int_equal(expire(10), 2);
    assert_int_equal(timer_next_deadline_ns(), 20);
    assert_int_equal(expire(60), 4);
    assert_int_equal(expire(1000), 2);
    assert_true(timer_next_deadline_ns() == TIME_NEVER);
}

static void stopped_timers_do_not_expire(void **state)
{
    (void)state;
    stop(0); // never started
    for (unsigned i = 0; i < 10; i++)
        start(i, 100 - i);
    stop(9); // the earliest
    assert_next_deadline();
    stop(0); // the latest
    stop(5);
    stop(5);
    assert_next_deadline();
    assert_int_equal(expire(1000), 7);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(models[i].expired_count, i != 9 && i != 0 && i != 5);
}

static void restart_moves_a_pending_timer(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        start(i, 100 + i);
    start(9, 1);   // forward
    start(0, 500); // back
    start(4, 104); // nowhere
    assert_next_deadline();
    assert_int_equal(expire(1), 1);
    assert_int_equal(expire(499), 8);
    assert_int_equal(expire(500), 1);
}

static void deadlines_at_the_ends(void **state)
{
    (void)state;
    start(0, 0);
    start(1, TIME_NEVER - 1);
    start(2, TIME_NEVER);
    assert_int_equal(timer_next_deadline_ns(), 0);
    assert_int_equal(expire(0), 1);
    assert_true(timer_next_deadline_ns() == TIME_NEVER - 1);
    assert_int_equal(expire(TIME_NEVER - 2), 0);
    assert_int_equal(expire(TIME_NEVER - 1), 1);
    assert_int_equal(expire(TIME_NEVER), 1);
}

static void restarts_itself_at_once(struct timer *timer)
{
    expired(timer);
    start((unsigned)(model_of(timer) - models), 0);
}

// Else it would keep the core in timer_expire() for good.
static void a_timer_in_the_past_waits_for_the_next_turn(void **state)
{
    (void)state;
    models[0].timer.expired = restarts_itself_at_once;
    start(0, 10);
    start(1, 20);
    assert_int_equal(expire(30), 2);
    assert_int_equal(timer_next_deadline_ns(), 0);
    assert_int_equal(expire(30), 1);
    assert_int_equal(expire(31), 1);
    assert_int_equal(models[0].expired_count, 3);
}

static void stops_all_others(struct timer *timer)
{
    expired(timer);
    for (unsigned i = 0; i < TIMERS; i++)
        stop(i);
}

static void a_due_timer_can_be_stopped_by_another(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TIMERS; i++)
        start(i, 10 + i % 7);
    models[0].timer.expired = stops_all_others;
    start(0, 5);
    assert_int_equal(expire(100), 1);
    assert_true(timer_next_deadline_ns() == TIME_NEVER);
}

static void postpones_the_next(struct timer *timer)
{
    expired(timer);
    unsigned i = (unsigned)(model_of(timer) - models);
    if (i + 1 < TIMERS)
        start(i + 1, 1000);
}

static void a_due_timer_can_be_moved_by_another(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TIMERS; i++) {
        models[i].timer.expired = postpones_the_next;
        start(i, 10 + i);
    }
    assert_int_equal(expire(10 + TIMERS), TIMERS / 2);
    assert_int_equal(timer_next_deadline_ns(), 1000);
}

static uint64_t random_deadline(uint64_t now_ns)
{
    switch (random_below(8)) {
    case 0:
        return now_ns; // many alike
    case 1:
        return random_below(now_ns + 1);
    case 2:
        return now_ns + random_below(1000000);
    default:
        return now_ns + random_below(500);
    }
}

static void does_something_random(struct timer *timer)
{
    expired(timer);
    for (uint64_t count = random_below(3); count > 0; count--) {
        unsigned i = (unsigned)random_below(TIMERS);
        if (random_below(3) == 0)
            stop(i);
        else
            start(i, random_deadline(turn_now_ns));
    }
}

static void random_operations(void **state)
{
    (void)state;
    uint64_t now_ns = 0;
    unsigned total_expired = 0;
    for (unsigned i = 0; i < TIMERS; i++)
        models[i].timer.expired = i % 4 == 0 ? does_something_random : expired;
    for (unsigned operation = 0; operation < 100000; operation++) {
        unsigned i = (unsigned)random_below(TIMERS);
        switch (random_below(8)) {
        case 0:
        case 1:
            stop(i);
            break;
        case 2:
            now_ns += random_below(30);
            total_expired += expire(now_ns);
            break;
        case 3:
            total_expired += expire(timer_next_deadline_ns() > now_ns ? now_ns : now_ns + 1);
            break;
        default:
            start(i, random_deadline(now_ns));
        }
        assert_next_deadline();
    }
    assert_true(total_expired > 10000);
}

// Hundreds of thousands in order and in reverse: no recursion, no quadratic time.
static void many_timers(void **state)
{
    (void)state;
    enum { MANY = 1000000 };
    static struct model many[MANY];
    for (unsigned order = 0; order < 3; order++) {
        memset(many, 0, sizeof(many));
        for (unsigned i = 0; i < MANY; i++) {
            unsigned at = order == 0   ? i
                          : order == 1 ? MANY - 1 - i
                                       : (unsigned)(i * 7919ul % MANY);
            many[at].timer.expired = expired;
            many[at].pending = true;
            many[at].deadline_ns = at;
            timer_start(&many[at].timer, at);
        }
        for (unsigned i = 1; i < MANY; i += 2) {
            timer_stop(&many[i].timer);
            many[i].pending = false;
        }
        assert_int_equal(expire(MANY / 2), MANY / 4 + 1);
        assert_int_equal(expire(MANY), MANY / 4 - 1);
        assert_true(timer_next_deadline_ns() == TIME_NEVER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(earliest_is_told_and_expires_first, setup, teardown),
        cmocka_unit_test_setup_teardown(stopped_timers_do_not_expire, setup, teardown),
        cmocka_unit_test_setup_teardown(restart_moves_a_pending_timer, setup, teardown),
        cmocka_unit_test_setup_teardown(deadlines_at_the_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(a_timer_in_the_past_waits_for_the_next_turn, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_due_timer_can_be_stopped_by_another, setup, teardown),
        cmocka_unit_test_setup_teardown(a_due_timer_can_be_moved_by_another, setup, teardown),
        cmocka_unit_test_setup_teardown(random_operations, setup, teardown),
        cmocka_unit_test_setup_teardown(many_timers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// The part of the small world that a test with the kernel's own threads has no use for.
#include "fake_net_world.h"

#include "kernel/core.h"
#include "kernel/scheduler.h"
#include "kernel/thread.h"
#include "kernel/time.h"

uint64_t world_now_ns = 1000 * NS_PER_MS;
unsigned world_wakeups;
void (*world_peer)(void);

// ---- clock and timers ---------------------------------------------------------------------------

static struct timer *timers;

uint64_t time_now_ns(void)
{
    return world_now_ns;
}

void timer_stop(struct timer *timer)
{
    for (struct timer **at = &timers; *at != NULL; at = &(*at)->sibling) {
        if (*at == timer) {
            *at = timer->sibling;
            break;
        }
    }
    timer->pending = false;
}

void timer_start(struct timer *timer, uint64_t deadline_ns)
{
    timer_stop(timer);
    timer->deadline_ns = deadline_ns;
    timer->pending = true;
    timer->sibling = timers;
    timers = timer;
}

static struct timer *earliest_timer(void)
{
    struct timer *earliest = timers;
    for (struct timer *timer = timers; timer != NULL; timer = timer->sibling) {
        if (timer->deadline_ns < earliest->deadline_ns)
            earliest = timer;
    }
    return earliest;
}

// ---- loop and threads ---------------------------------------------------------------------------

static struct poller *poller;
static bool thread_woken;

void scheduler_add_poller(struct poller *added)
{
    assert_null(poller);
    poller = added;
}

void world_turn(void)
{
    if (poller == NULL)
        return;
    bool worked;
    do {
        worked = poller->poll(poller->context);
        if (world_peer != NULL)
            world_peer();
    } while (worked || poller->arm(poller->context));
}

void world_pass_ms(uint64_t milliseconds)
{
    uint64_t end_ns = world_now_ns + milliseconds * NS_PER_MS;
    world_turn();
    for (;;) {
        struct timer *timer = earliest_timer();
        if (timer == NULL || timer->deadline_ns > end_ns)
            break;
        if (timer->deadline_ns > world_now_ns) {
            world_now_ns = timer->deadline_ns;
            world_wakeups++;
        }
        timer_stop(timer);
        timer->expired(timer);
        world_turn();
    }
    world_now_ns = end_ns;
}

void world_restart(void)
{
    while (timers != NULL)
        timer_stop(timers);
    poller = NULL;
    thread_woken = false;
}

struct thread *thread_self(void)
{
    return (struct thread *)&thread_woken;
}

void thread_wake(struct thread *thread)
{
    assert_ptr_equal(thread, thread_self());
    thread_woken = true;
}

bool thread_wait_until(uint64_t deadline_ns)
{
    while (!thread_woken && world_now_ns < deadline_ns)
        world_pass_ms(1);
    bool woken = thread_woken;
    thread_woken = false;
    return woken;
}

const void *core_local_of(unsigned core, const void *variable)
{
    return core == 0 ? variable : NULL;
}

void world_introduce_peer(void)
{
    uint8_t frame[WORLD_FRAME_MAX];
    world_deliver(frame, world_arp_request(frame, WORLD_OWN_IP), false);
    world_turn();
    world_drop_sent();
}

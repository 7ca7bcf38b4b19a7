// SPDX-License-Identifier: MIT
#include "fake_driver.h"

#include <string.h>

#include "kernel/heap.h"
#include "kernel/pages.h"
#include "kernel/random.h"
#include "kernel/thread.h"
#include "smp/remote.h"

#define PAGES_ENOUGH (1 << 20)

uint64_t now_ns, clock_step_ns;
struct timer *pending_timer;
int pages_left = PAGES_ENOUGH;
void (*sleeping)(void);
unsigned absent_core = UINT32_MAX;

struct net_rx_buffer *frames[1024];
size_t frame_count;
void *tokens[4096];
size_t token_count;

PERCORE unsigned core_this_index;
unsigned core_slot_count = 1;

void fake_driver_reset(void)
{
    host_log_clear();
    frame_count = token_count = 0;
    pending_timer = NULL;
    clock_step_ns = 0;
    pages_left = PAGES_ENOUGH;
    core_slot_count = 1;
}

// ---- the kernel ---------------------------------------------------------------------------------

uint64_t time_now_ns(void)
{
    return now_ns += clock_step_ns;
}
uint64_t cpu_read_tsc(void); // shadow/kernel/cpu.h's
uint64_t cpu_read_tsc(void)
{
    return time_now_ns();
}
uint64_t time_of_counts(uint64_t counts)
{
    return counts;
}
void timer_start(struct timer *timer, uint64_t deadline_ns)
{
    timer->deadline_ns = deadline_ns;
    timer->pending = true;
    pending_timer = timer;
}
void timer_stop(struct timer *timer)
{
    timer->pending = false;
    if (pending_timer == timer)
        pending_timer = NULL;
}
void expire_timer(void)
{
    struct timer *timer = pending_timer;
    assert_non_null(timer);
    now_ns = timer->deadline_ns;
    timer_stop(timer);
    timer->expired(timer);
}
void *page_alloc_aligned(size_t count, size_t alignment_bytes)
{
    if (pages_left-- <= 0)
        return NULL;
    void *pages = heap_alloc_aligned(count * PAGE_BYTES, alignment_bytes);
    if (pages != NULL)
        memset(pages, 0xcc, count * PAGE_BYTES);
    return pages;
}
void *page_alloc(size_t count)
{
    return page_alloc_aligned(count, PAGE_BYTES);
}
void page_free(void *pages, size_t count)
{
    (void)count;
    heap_free(pages);
}
void random_bytes(void *buffer, size_t size_bytes)
{
    memset(buffer, 0x5f, size_bytes);
}
void thread_sleep_until(uint64_t deadline_ns)
{
    now_ns = deadline_ns;
    if (sleeping != NULL)
        sleeping();
}
bool core_is_online(unsigned core)
{
    return core != absent_core;
}
void remote_call(unsigned core, void (*function)(void *argument), void *argument)
{
    unsigned own = core_this_index;
    core_this_index = core;
    function(argument);
    core_this_index = own;
}

// ---- the network layer --------------------------------------------------------------------------

struct net_device *last_net(void)
{
    struct net_device *net = net_device_first();
    while (net != NULL && net->next != NULL)
        net = net->next;
    return net;
}

void keep_frame(struct net_device *device, struct net_rx_buffer *frame)
{
    (void)device;
    assert_true(frame_count < ARRAY_COUNT(frames));
    frames[frame_count++] = frame;
}

void keep_token(struct net_device *device, void *token)
{
    (void)device;
    assert_true(token_count < ARRAY_COUNT(tokens));
    tokens[token_count++] = token;
}

void release_frames(struct net_device *net)
{
    for (size_t i = 0; i < frame_count; i++) {
        while (frames[i] != NULL) {
            struct net_rx_buffer *next = frames[i]->next;
            net->ops->rx_release(net, frames[i]);
            frames[i] = next;
        }
    }
    frame_count = 0;
}

void expect_tokens_to(uintptr_t last)
{
    uintptr_t sum = 0;
    assert_int_equal(token_count, last);
    for (size_t i = 0; i < token_count; i++)
        sum += (uintptr_t)tokens[i];
    assert_int_equal(sum, last * (last + 1) / 2);
}

void expect_silence(struct net_device *net)
{
    size_t count = frame_count;
    assert_false(net->link_up);
    assert_int_equal(net->ops->poll(net, 100), 0);
    net->ops->flush(net);
    assert_false(net->ops->arm(net));
    assert_int_equal(frame_count, count);
    release_frames(net);
}

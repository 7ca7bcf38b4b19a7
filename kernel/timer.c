// SPDX-License-Identifier: MIT
// Timers of this core in a pairing heap: to start one is a few instructions, the first is its root.
// Spec: Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap", 1986.
#include "kernel/time.h"

#include "kernel/counters.h"
#include "kernel/trace.h"

PERCORE struct timer *timer_first; // the heap's root

// Both are roots, without siblings; either may be NULL.
static struct timer *heap_meld(struct timer *a, struct timer *b)
{
    if (a == NULL)
        return b;
    if (b == NULL)
        return a;
    if (b->deadline_ns < a->deadline_ns) {
        struct timer *swap = a;
        a = b;
        b = swap;
    }
    b->previous = a; // the parent for a first child, else the sibling before
    b->sibling = a->child;
    if (a->child != NULL)
        a->child->previous = b;
    a->child = b;
    return a;
}

// Melds a list of siblings: in pairs from the left, the pairs together from the right.
static struct timer *heap_meld_siblings(struct timer *first)
{
    struct timer *pairs = NULL;
    while (first != NULL) {
        struct timer *a = first, *b = first->sibling;
        first = b != NULL ? b->sibling : NULL;
        a->sibling = a->previous = NULL;
        if (b != NULL)
            b->sibling = b->previous = NULL;
        struct timer *pair = heap_meld(a, b);
        pair->sibling = pairs; // a stack through the sibling field
        pairs = pair;
    }
    struct timer *root = NULL;
    while (pairs != NULL) {
        struct timer *next = pairs->sibling;
        pairs->sibling = NULL;
        root = heap_meld(root, pairs);
        pairs = next;
    }
    return root;
}

static void heap_remove(struct timer *timer)
{
    if (timer == timer_first) {
        timer_first = heap_meld_siblings(timer->child);
        if (timer_first != NULL)
            timer_first->previous = NULL;
    } else {
        if (timer->previous->child == timer)
            timer->previous->child = timer->sibling;
        else
            timer->previous->sibling = timer->sibling;
        if (timer->sibling != NULL)
            timer->sibling->previous = timer->previous;
        timer_first = heap_meld(timer_first, heap_meld_siblings(timer->child));
    }
    timer->child = timer->sibling = timer->previous = NULL;
    timer->pending = false;
}

void timer_start(struct timer *timer, uint64_t deadline_ns)
{
    if (timer->pending)
        heap_remove(timer);
    timer->deadline_ns = deadline_ns;
    timer->pending = true;
    timer->child = timer->sibling = timer->previous = NULL;
    timer_first = heap_meld(timer_first, timer);
}

void timer_stop(struct timer *timer)
{
    if (timer->pending)
        heap_remove(timer);
}

// What is due is set aside first: a timer that a callback starts waits for the loop's next turn, so
// that one which restarts itself in the past cannot keep the core here.
bool timer_expire(uint64_t now_ns)
{
    static PERCORE struct timer due; // heads the list of them, where timer_stop() finds them too
    struct timer *last = &due;
    while (timer_first != NULL && timer_first->deadline_ns <= now_ns) {
        struct timer *timer = timer_first;
        heap_remove(timer);
        timer->pending = true;
        timer->previous = last;
        last->sibling = timer;
        last = timer;
    }
    bool any = due.sibling != NULL;
    while (due.sibling != NULL) {
        struct timer *timer = due.sibling;
        heap_remove(timer);
        counters.timers_expired++;
        trace_event(TRACE_TIMER, (uintptr_t)timer->expired, timer->deadline_ns);
        timer->expired(timer);
    }
    return any;
}

// SPDX-License-Identifier: MIT
#include "smp/borrow.h"

#include <string.h>

#include "kernel/core.h"
#include "kernel/numa.h"
#include "kernel/pages.h"
#include "kernel/sync.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/exchange.h"

#define LEAST_PAGES (2 * PAGE_PIECE_BYTES / PAGE_BYTES) // what is asked for when less would do
#define WAIT_NS     (100 * NS_PER_MS)
#define PAUSE_ASKS  64 // so many shortages are ignored after one in which nobody had memory

struct loan {
    struct exchange_message message;
    unsigned borrower;
    size_t wanted_pages;
    struct page_run run; // the answer; no pages: none to be spared
};

// A core has one request out at a time. Other cores reach it by the address at which they see this
// core's variables, so it is used by that address here too.
static PERCORE_ZERO struct {
    struct loan loan;
    bool is_asking;
    bool got_some;                  // the last request brought memory
    uint64_t asked[CORES_MAX / 64]; // whom, for this request
    unsigned pause;
    struct wait_queue waiters;
} own;

static struct loan *own_loan(void)
{
    return (struct loan *)(uintptr_t)core_local_of(core_index(), &own.loan);
}

static bool was_asked(unsigned core)
{
    return own.asked[core / 64] >> core % 64 & 1;
}

// The core with the most free memory of those not asked yet, or core_count(); one of the own node
// rather than any other.
static unsigned richest(void)
{
    unsigned best = core_count();
    uint64_t most = 0, wanted_bytes = own_loan()->wanted_pages * PAGE_BYTES;
    for (unsigned core = 0; core < core_count(); core++) {
        uint64_t free_bytes = page_stats_of(core).free_bytes;
        if (core == core_index() || was_asked(core) || free_bytes <= wanted_bytes)
            continue; // nobody gives the last; who is not online has none
        if (numa_node_of_core(core) == numa_node_of_core(core_index()))
            free_bytes |= 1ull << 63;
        if (free_bytes > most) {
            most = free_bytes;
            best = core;
        }
    }
    return best;
}

static void finish(bool got_some)
{
    own.is_asking = false;
    own.got_some = got_some;
    own.pause = got_some ? 0 : PAUSE_ASKS;
    wait_queue_wake_all(&own.waiters);
}

static void lend(struct exchange_message *message);

static void ask_next(void)
{
    unsigned core = richest();
    if (core == core_count()) {
        finish(false);
        return;
    }
    own.asked[core / 64] |= 1ull << core % 64;
    struct loan *loan = own_loan();
    loan->message.receive = lend;
    exchange_send(core, &loan->message);
}

static void answer(struct exchange_message *message)
{
    struct loan *loan = CONTAINER_OF(message, struct loan, message);
    if (loan->run.page_count == 0) {
        ask_next();
        return;
    }
    struct page_share share = {{loan->run}, 1};
    page_pool_adopt(&share);
    finish(true);
}

static void lend(struct exchange_message *message)
{
    struct loan *loan = CONTAINER_OF(message, struct loan, message);
    if (!page_pool_lend(loan->wanted_pages, &loan->run))
        loan->run.page_count = 0;
    loan->message.receive = answer;
    exchange_send(loan->borrower, &loan->message);
}

static void ask(size_t page_count)
{
    own.is_asking = true;
    memset(own.asked, 0, sizeof(own.asked));
    struct loan *loan = own_loan();
    loan->borrower = core_index();
    loan->wanted_pages = page_count < LEAST_PAGES ? LEAST_PAGES : page_count;
    ask_next();
}

static void on_shortage(size_t page_count)
{
    if (own.is_asking || core_count() == 1)
        return;
    if (own.pause != 0)
        own.pause--;
    else
        ask(page_count);
}

bool borrow_wait(size_t size_bytes)
{
    size_t page_count = size_bytes / PAGE_BYTES + 2; // the heap's header, and what is left over
    if (core_count() == 1 || !thread_may_wait())
        return false;
    uint64_t deadline = time_now_ns() + WAIT_NS;
    for (;;) {
        bool is_mine = !own.is_asking;
        if (is_mine)
            ask(page_count);
        while (own.is_asking)
            if (wait_queue_wait_until(&own.waiters, deadline) != 0)
                return false;
        // Another's request may have been for too much.
        if (own.got_some || is_mine)
            return own.got_some;
    }
}

void borrow_start(void)
{
    page_pool_on_shortage(on_shortage);
}

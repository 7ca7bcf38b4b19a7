// SPDX-License-Identifier: MIT
#include "smp/exchange.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "kernel/apic.h"
#include "kernel/core.h"
#include "kernel/counters.h"
#include "kernel/cpu.h"
#include "kernel/idle.h"
#include "kernel/interrupts.h"
#include "kernel/pages.h"
#include "kernel/panic.h"
#include "kernel/scheduler.h"
#include "kernel/trace.h"

// One for each ordered pair of cores, in a line of its own that only the first of the pair writes.
struct CACHE_ALIGNED slot {
    struct exchange_message *first;                    // what was handed over last
    void (*receive)(struct exchange_message *message); // what to do with it; NULL: a chain, by next
    _Atomic uint8_t taken; // the last hand-over of the opposite direction that was taken
    _Atomic bool owes;     // more is queued; the other core rings back when it has taken
};

// Hand-overs are numbered, and there is one at a time: a slot is full while the number that the
// sender gave last is not the one that the receiver took last. Eight senders are looked at at once.
union numbers {
    _Atomic uint8_t of[8];
    _Atomic uint64_t all;
};

// Of each core. What it looks at for news is one line, up to 56 senders. `halting` is not in it,
// for who rings reads that next, when the receiver may already have taken the line away.
struct doorbell {
    CACHE_ALIGNED _Atomic bool halting; // the owner: it halts or is about to; interrupt it too
    uint32_t apic_id;
    CACHE_ALIGNED _Atomic uint64_t rung; // others change it, each time to what it never was before
    union numbers filled[];              // of each sender, by it alone: its last hand-over
};

static struct slot *slots; // [writer * slot_cores + the other]
static char *doorbells;
static size_t doorbell_bytes; // in whole lines
static unsigned slot_cores;

struct outbox {
    struct exchange_message *first, *last;
    uint8_t filled; // the last hand-over
};
static char *outbox_rows; // of each sender: core_count outboxes, in its own cache lines
static size_t outbox_row_bytes;
static PERCORE struct outbox *outboxes; // this core's row, one a receiver
static PERCORE unsigned owed_count;     // how many of them hold something
static PERCORE uint64_t owed_bits[CORES_MAX / 64];
static PERCORE_ZERO uint8_t taken[CORES_MAX]; // from each sender, the last hand-over
// Senders that were taken from in the last turn and did not owe then; see settle().
static PERCORE_ZERO uint16_t unsettled[CORES_MAX];
static PERCORE unsigned unsettled_count;

static struct slot *slot_between(unsigned writer, unsigned other)
{
    return &slots[writer * slot_cores + other];
}

static struct doorbell *doorbell_of(unsigned core)
{
    return (struct doorbell *)(doorbells + core * doorbell_bytes);
}

static _Atomic uint8_t *filled_by(unsigned sender, unsigned core)
{
    return &doorbell_of(core)->filled[sender / 8].of[sender % 8];
}

// Tells `core` to look. A wake-up cannot be lost. A core that halts: here the bell is rung, then
// `halting` read; in exchange_arm() `halting` is set, then the bell read; with a full barrier
// between in both, at least one sees the other's store. A core that waits in MWAIT: it watches the
// bell's line before it reads the bell, so a ring either is read or ends the wait.
// A ring of several cores at once cannot be lost: the stores have an order; whichever the receiver
// reads, it has not seen the value before, and what was stored before each of those up to then it
// sees too.
static void ring(unsigned core)
{
    struct doorbell *bell = doorbell_of(core);
    uint64_t never_before = ++counters.exchange_bells * CORES_MAX + core_index();
    atomic_store_explicit(&bell->rung, never_before, memory_order_release); // pairs with poll
    cpu_full_barrier();
    if (atomic_load_explicit(&bell->halting, memory_order_relaxed)) {
        counters.exchange_wakes++;
        apic_send(bell->apic_id, VECTOR_WAKE);
    }
}

static bool slot_is_free(unsigned core)
{
    return atomic_load_explicit(&slot_between(core, core_index())->taken, memory_order_acquire) ==
           outboxes[core].filled; // pairs with take()
}

// Fills the slot to `core`, which is free. `receive` is that of a message alone, NULL for a chain.
static void hand_over(unsigned core, struct exchange_message *first,
                      void (*receive)(struct exchange_message *message))
{
    struct slot *slot = slot_between(core_index(), core);
    slot->first = first;
    slot->receive = receive;
    atomic_store_explicit(filled_by(core_index(), core), ++outboxes[core].filled,
                          memory_order_release); // pairs with take()
    ring(core);
}

// Moves the queue for `core` into its slot if that is free. Returns: true if it is on its way.
static bool hand_queue_over(unsigned core)
{
    struct outbox *box = &outboxes[core];
    if (!slot_is_free(core))
        return false;
    struct exchange_message *first = box->first;
    bool is_alone = first == box->last;
    box->first = NULL;
    hand_over(core, first, is_alone ? first->receive : NULL);
    return true;
}

static void set_owed(unsigned core, bool owed)
{
    owed_bits[core / 64] ^= 1ull << core % 64;
    owed_count += owed ? 1 : -1u;
    atomic_store_explicit(&slot_between(core_index(), core)->owes, owed, memory_order_release);
}

void exchange_send(unsigned core, struct exchange_message *message)
{
    ASSERT(core_is_online(core));
    counters.exchange_sent++;
    trace_event(TRACE_SEND, core, (uintptr_t)message);
    struct outbox *box = &outboxes[core];
    if (box->first == NULL && slot_is_free(core)) {
        hand_over(core, message, message->receive);
        return;
    }
    bool was_empty = box->first == NULL;
    message->next = NULL;
    if (was_empty)
        box->first = message;
    else
        box->last->next = message;
    box->last = message;
    if (!was_empty)
        return;
    set_owed(core, true);
    cpu_full_barrier(); // pairs with settle()
    if (hand_queue_over(core))
        set_owed(core, false);
}

static bool send_owed(void)
{
    bool any = false;
    for (unsigned word = 0; word <= (slot_cores - 1) / 64; word++) {
        uint64_t bits = owed_bits[word];
        while (bits != 0) {
            unsigned core = word * 64 + (unsigned)__builtin_ctzll(bits);
            bits &= bits - 1;
            if (hand_queue_over(core)) {
                set_owed(core, false);
                any = true;
            }
        }
    }
    return any;
}

static void deliver(unsigned sender, struct exchange_message *message,
                    void (*receive)(struct exchange_message *message))
{
    counters.exchange_taken++;
    trace_event(TRACE_TAKE, sender, (uintptr_t)message);
    receive(message);
}

static uint8_t last_filled(unsigned sender)
{
    return atomic_load_explicit(filled_by(sender, core_index()),
                                memory_order_acquire); // pairs with hand_over()
}

// A message alone is not touched here: its line need not travel for what is in the slot.
static bool take(unsigned sender)
{
    uint8_t number = last_filled(sender);
    if (number == taken[sender])
        return false;
    const struct slot *slot = slot_between(sender, core_index());
    struct exchange_message *message = slot->first;
    void (*receive)(struct exchange_message * message) = slot->receive;
    taken[sender] = number;
    atomic_store_explicit(&slot_between(core_index(), sender)->taken, number,
                          memory_order_release); // pairs with slot_is_free()
    if (atomic_load_explicit(&slot->owes, memory_order_relaxed))
        ring(sender);
    else
        unsettled[unsettled_count++] = (uint16_t)sender;
    if (receive != NULL) {
        deliver(sender, message, receive);
        return true;
    }
    while (message != NULL) {
        struct exchange_message *next = message->next; // receive() may give the message away
        deliver(sender, message, message->receive);
        message = next;
    }
    return true;
}

// A sender that queued more while its slot was being emptied may not have seen that; nor did take()
// see that it owes. With a barrier between store and look on both sides, one of them does. It waits
// until the next turn because by then it costs nothing: the stores of the last one are long done.
// Whose slot is full again has the next take() to look.
static void settle(void)
{
    cpu_full_barrier(); // pairs with exchange_send()
    while (unsettled_count > 0) {
        unsigned sender = unsettled[--unsettled_count];
        const struct slot *slot = slot_between(sender, core_index());
        if (atomic_load_explicit(&slot->owes, memory_order_relaxed) &&
            last_filled(sender) == taken[sender])
            ring(sender);
    }
}

// Takes from every sender whose number has changed.
static bool take_all(const struct doorbell *bell)
{
    bool worked = false;
    for (unsigned first = 0; first < slot_cores; first += 8) {
        uint64_t before, news;
        memcpy(&before, &taken[first], sizeof(before));
        news = before ^ atomic_load_explicit(&bell->filled[first / 8].all, memory_order_relaxed);
        while (news != 0) {
            unsigned place = (unsigned)__builtin_ctzll(news) / 8;
            news &= ~(0xffull << 8 * place);
            worked |= take(first + place);
        }
    }
    return worked;
}

static bool exchange_poll(void *context)
{
    struct doorbell *bell = context;
    bool worked = false;
    if (unsettled_count != 0)
        settle();
    if (atomic_load_explicit(&bell->halting, memory_order_relaxed))
        atomic_store_explicit(&bell->halting, false, memory_order_relaxed);
    uint64_t rung = atomic_load_explicit(&bell->rung, memory_order_acquire); // pairs with ring()
    if (rung != scheduler_doorbell_seen) {
        scheduler_doorbell_seen = rung;
        worked = take_all(bell);
    }
    if (owed_count != 0)
        worked |= send_owed();
    return worked;
}

static bool exchange_arm(void *context)
{
    struct doorbell *bell = context;
    if (!idle_uses_mwait) {
        atomic_store_explicit(&bell->halting, true, memory_order_relaxed);
        cpu_full_barrier(); // pairs with ring()
    }
    return atomic_load_explicit(&bell->rung, memory_order_acquire) != scheduler_doorbell_seen;
}

int exchange_start(unsigned core_count)
{
    size_t slots_bytes = sizeof(struct slot) * core_count * core_count;
    doorbell_bytes =
        ALIGN_UP(offsetof(struct doorbell, filled) + ALIGN_UP(core_count, 8), CACHE_LINE_BYTES);
    outbox_row_bytes = ALIGN_UP(sizeof(struct outbox) * core_count, CACHE_LINE_BYTES);
    size_t bytes =
        ALIGN_UP(slots_bytes + (doorbell_bytes + outbox_row_bytes) * core_count, PAGE_BYTES);
    char *memory = page_alloc(bytes / PAGE_BYTES);
    if (memory == NULL)
        return -ENOMEM;
    memset(memory, 0, bytes);
    slots = (struct slot *)memory;
    doorbells = memory + slots_bytes;
    outbox_rows = doorbells + doorbell_bytes * core_count;
    slot_cores = core_count;
    return 0;
}

void exchange_start_core(uint32_t apic_id)
{
    static PERCORE struct poller poller = {
        .name = "exchange", .poll = exchange_poll, .arm = exchange_arm};
    struct doorbell *bell = doorbell_of(core_index());
    outboxes = (struct outbox *)(outbox_rows + core_index() * outbox_row_bytes);
    bell->apic_id = apic_id;
    poller.context = bell;
    scheduler_add_poller(&poller);
    scheduler_set_doorbell(&bell->rung);
}

struct exchange_stats exchange_stats_get(void)
{
    return (struct exchange_stats){.sent = counters.exchange_sent,
                                   .received = counters.exchange_taken,
                                   .wakes = counters.exchange_wakes};
}

// SPDX-License-Identifier: MIT
#include "smp/exchange.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "kernel/apic.h"
#include "kernel/core.h"
#include "kernel/counters.h"
#include "kernel/cpu.h"
#include "kernel/heap.h"
#include "kernel/interrupts.h"
#include "kernel/pages.h"
#include "kernel/panic.h"
#include "kernel/scheduler.h"
#include "kernel/trace.h"

// Sender and receiver meet in these; every field has one writer, or all its writers write the same.
struct CACHE_ALIGNED slot {
    _Atomic(struct exchange_message *) messages; // sender fills when NULL, receiver empties
    _Atomic bool owes; // sender: more is queued; receiver rings back after it has emptied the slot
};
struct doorbell {
    // Any core: something is in one of the slots to this core. The owner clears it, before it
    // looks.
    CACHE_ALIGNED _Atomic bool rung;
    // The owner: it halts or is about to; who rings must also interrupt.
    CACHE_ALIGNED _Atomic bool halting;
    uint32_t apic_id;
};

static struct slot *slots; // [receiver * slot_cores + sender]
static struct doorbell *doorbells;
static unsigned slot_cores;

struct outbox {
    struct exchange_message *first, *last;
};
static char *outbox_rows; // of each sender: core_count outboxes, in its own cache lines
static size_t outbox_row_bytes;
static PERCORE struct outbox *outboxes; // this core's row, one a receiver
static PERCORE unsigned owed_count;     // how many of them hold something
static PERCORE uint64_t owed_bits[CORES_MAX / 64];

static struct slot *slot_between(unsigned sender, unsigned receiver)
{
    return &slots[receiver * slot_cores + sender];
}

// Tells `core` to look at its slots.
// A wake-up cannot be lost: here the bell is rung, then `halting` read; in exchange_arm() `halting`
// is set, then the bell read; with a full barrier between in both, at least one sees the other's
// store.
static void ring(unsigned core)
{
    struct doorbell *bell = &doorbells[core];
    counters.exchange_bells++;
    atomic_store_explicit(&bell->rung, true, memory_order_release); // pairs with exchange_poll
    cpu_full_barrier();
    if (atomic_load_explicit(&bell->halting, memory_order_relaxed)) {
        counters.exchange_wakes++;
        apic_send(bell->apic_id, VECTOR_WAKE);
    }
}

// Moves the queue for `core` into its slot if that is empty. Returns: true if it is on its way.
static bool hand_over(unsigned core)
{
    struct slot *slot = slot_between(core_index(), core);
    if (atomic_load_explicit(&slot->messages, memory_order_acquire) != NULL)
        return false;
    atomic_store_explicit(&slot->messages, outboxes[core].first, memory_order_release);
    outboxes[core] = (struct outbox){0};
    ring(core);
    return true;
}

static void set_owed(unsigned core, bool owed)
{
    uint64_t bit = 1ull << core % 64;
    if (owed == !!(owed_bits[core / 64] & bit))
        return;
    owed_bits[core / 64] ^= bit;
    owed_count += owed ? 1 : -1u;
    atomic_store_explicit(&slot_between(core_index(), core)->owes, owed, memory_order_release);
}

void exchange_send(unsigned core, struct exchange_message *message)
{
    ASSERT(core_is_online(core));
    counters.exchange_sent++;
    trace_event(TRACE_SEND, core, (uintptr_t)message);
    message->next = NULL;
    struct outbox *box = &outboxes[core];
    bool was_empty = box->first == NULL;
    if (was_empty)
        box->first = message;
    else
        box->last->next = message;
    box->last = message;
    if (!was_empty || hand_over(core))
        return;
    set_owed(core, true);
    // The receiver may have emptied the slot before it could see `owes`: then it will not ring
    // back.
    cpu_full_barrier(); // pairs with take()
    if (hand_over(core))
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
            if (hand_over(core)) {
                set_owed(core, false);
                any = true;
            }
        }
    }
    return any;
}

static bool take(unsigned sender)
{
    struct slot *slot = slot_between(sender, core_index());
    struct exchange_message *message =
        atomic_load_explicit(&slot->messages, memory_order_acquire); // pairs with hand_over()
    if (message == NULL)
        return false;
    atomic_store_explicit(&slot->messages, NULL, memory_order_release);
    cpu_full_barrier(); // pairs with exchange_send()
    if (atomic_load_explicit(&slot->owes, memory_order_acquire))
        ring(sender);
    while (message != NULL) {
        struct exchange_message *next = message->next; // receive() may give the message away
        counters.exchange_taken++;
        trace_event(TRACE_TAKE, sender, (uintptr_t)message);
        message->receive(message);
        message = next;
    }
    return true;
}

static bool exchange_poll(void *context)
{
    struct doorbell *bell = context;
    bool worked = false;
    if (atomic_load_explicit(&bell->halting, memory_order_relaxed))
        atomic_store_explicit(&bell->halting, false, memory_order_relaxed);
    if (atomic_load_explicit(&bell->rung, memory_order_acquire)) { // pairs with ring()
        atomic_store_explicit(&bell->rung, false, memory_order_relaxed);
        cpu_full_barrier(); // what is put into a slot from now on rings again
        for (unsigned sender = 0; sender < slot_cores; sender++)
            worked |= take(sender);
    }
    if (owed_count != 0)
        worked |= send_owed();
    return worked;
}

static bool exchange_arm(void *context)
{
    struct doorbell *bell = context;
    atomic_store_explicit(&bell->halting, true, memory_order_relaxed);
    cpu_full_barrier(); // pairs with ring()
    return atomic_load_explicit(&bell->rung, memory_order_acquire);
}

int exchange_start(unsigned core_count)
{
    size_t slots_bytes = sizeof(struct slot) * core_count * core_count;
    size_t doorbells_bytes = sizeof(struct doorbell) * core_count;
    outbox_row_bytes = ALIGN_UP(sizeof(struct outbox) * core_count, CACHE_LINE_BYTES);
    size_t bytes =
        ALIGN_UP(slots_bytes + doorbells_bytes + outbox_row_bytes * core_count, PAGE_BYTES);
    char *memory = page_alloc(bytes / PAGE_BYTES);
    if (memory == NULL)
        return -ENOMEM;
    memset(memory, 0, bytes);
    slots = (struct slot *)memory;
    doorbells = (struct doorbell *)(memory + slots_bytes);
    outbox_rows = memory + slots_bytes + doorbells_bytes;
    slot_cores = core_count;
    return 0;
}

void exchange_start_core(uint32_t apic_id)
{
    static PERCORE struct poller poller = {
        .name = "exchange", .poll = exchange_poll, .arm = exchange_arm};
    outboxes = (struct outbox *)(outbox_rows + core_index() * outbox_row_bytes);
    doorbells[core_index()].apic_id = apic_id;
    poller.context = &doorbells[core_index()];
    scheduler_add_poller(&poller);
    scheduler_set_doorbell(&doorbells[core_index()].rung);
}

struct exchange_stats exchange_stats_get(void)
{
    return (struct exchange_stats){.sent = counters.exchange_sent,
                                   .received = counters.exchange_taken,
                                   .wakes = counters.exchange_wakes};
}

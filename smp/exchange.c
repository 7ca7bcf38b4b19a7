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
};

// Hand-overs are numbered, and there is one at a time: a slot is full while the number that the
// sender gave last is not the one that the receiver took last. What the sender says of it is a byte
// at the receiver, and eight senders are looked at at once.
#define NUMBER 0x7f
#define WAITS  0x80 // for the slot to be free: more is queued
union said {
    _Atomic uint8_t by[8];
    _Atomic uint64_t all;
};

// Of each core. What it looks at for news is one line, up to 56 senders. `halting` is not in it,
// for who rings reads that next, when the receiver may already have taken the line away.
struct doorbell {
    CACHE_ALIGNED _Atomic bool halting; // the owner: it halts or is about to; interrupt it too
    uint32_t apic_id;
    CACHE_ALIGNED _Atomic uint64_t rung; // others change it, each time to what it never was before
    union said said[];                   // by each sender, which alone writes its byte
};

// What a core has for each core that it talks with; only its own.
struct CACHE_ALIGNED peer {
    struct exchange_message *first, *last; // queued until the slot is free
    struct slot *slot;                     // to the peer
    const struct slot *peer_slot;          // from it
    struct doorbell *bell;                 // of the peer
    _Atomic uint8_t *said;                 // there, this core's byte
    uint8_t filled;                        // number of the last hand-over
    bool is_posted; // what is queued was not said yet: nobody will ring back for it
};

static struct slot *slots; // [writer * slot_cores + the other]
static char *doorbells;
static size_t doorbell_bytes;
static struct peer *all_peers; // [core * slot_cores + peer]
static unsigned slot_cores;

static PERCORE struct peer *peers; // this core's
PERCORE unsigned exchange_owed;    // peers with something queued
static PERCORE uint64_t owed_bits[CORES_MAX / 64];
static PERCORE_ZERO uint8_t heard[CORES_MAX]; // what each sender had said at the last look

static struct doorbell *doorbell_of(unsigned core)
{
    return (struct doorbell *)(doorbells + core * doorbell_bytes);
}

// Makes the peer look. A wake-up cannot be lost. A core that halts: here the bell is rung, then
// `halting` read; in exchange_arm() `halting` is set, then the bell read; with a full barrier
// between in both, at least one sees the other's store. A core that waits in MWAIT: it watches the
// bell's line before it reads the bell, so a ring either is read or ends the wait.
// Nor can a ring be lost when several cores ring at once: their stores have an order; whichever the
// receiver reads, it has not seen the value before, and it sees what was said before each of the
// stores up to that one.
static void ring(const struct peer *peer)
{
    struct doorbell *bell = peer->bell;
    uint64_t never_before = ++counters.exchange_bells * CORES_MAX + core_index();
    atomic_store_explicit(&bell->rung, never_before, memory_order_release); // pairs with poll
    cpu_full_barrier();
    if (atomic_load_explicit(&bell->halting, memory_order_relaxed)) {
        counters.exchange_wakes++;
        apic_send(bell->apic_id, VECTOR_WAKE);
    }
}

static void say(const struct peer *peer, uint8_t what)
{
    atomic_store_explicit(peer->said, what, memory_order_release); // pairs with hear()
    ring(peer);
}

static bool slot_is_free(const struct peer *peer)
{
    return atomic_load_explicit(&peer->peer_slot->taken, memory_order_acquire) ==
           peer->filled; // pairs with take()
}

// Fills the slot, which is free. `receive` is that of a message alone, NULL for a chain.
static void hand_over(struct peer *peer, struct exchange_message *first,
                      void (*receive)(struct exchange_message *message))
{
    peer->slot->first = first;
    peer->slot->receive = receive;
    peer->filled = (peer->filled + 1) & NUMBER;
    say(peer, peer->filled);
}

static void set_owed(unsigned core, int more)
{
    owed_bits[core / 64] ^= 1ull << core % 64;
    exchange_owed += (unsigned)more;
}

static void queue(unsigned core, struct peer *peer, struct exchange_message *message)
{
    message->next = NULL;
    peer->first = message;
    peer->last = message;
    set_owed(core, 1);
}

static void queue_behind(struct peer *peer, struct exchange_message *message)
{
    message->next = NULL;
    peer->last->next = message;
    peer->last = message;
}

// The first that waits for a full slot tells the receiver to ring back. It does that when it has
// taken, or at once if it has taken already: being rung, it looks after this was said.
static void say_waits(const struct peer *peer)
{
    say(peer, peer->filled | WAITS);
}

// Returns: true if what is queued went over.
static bool send_queue(unsigned core, struct peer *peer)
{
    bool is_posted = peer->is_posted;
    peer->is_posted = false;
    if (slot_is_free(peer)) {
        struct exchange_message *first = peer->first;
        peer->first = NULL;
        set_owed(core, -1);
        hand_over(peer, first, first == peer->last ? first->receive : NULL);
        return true;
    }
    if (is_posted)
        say_waits(peer);
    return false;
}

// Nothing is queued before it. Not a part of exchange_send(), for the way behind others to be
// short.
static __attribute__((noinline)) void send_first(unsigned core, struct peer *peer,
                                                 struct exchange_message *message)
{
    ASSERT(core_is_online_inline(core));
    if (slot_is_free(peer)) {
        hand_over(peer, message, message->receive);
        return;
    }
    queue(core, peer, message);
    say_waits(peer);
}

void exchange_send(unsigned core, struct exchange_message *message)
{
    ASSERT(core < slot_cores);
    counters.exchange_sent++;
    trace_event(TRACE_SEND, core, (uintptr_t)message);
    struct peer *peer = &peers[core];
    if (peer->first == NULL) {
        send_first(core, peer, message);
        return;
    }
    queue_behind(peer, message);
    if (peer->is_posted)
        send_queue(core, peer);
}

void exchange_post(unsigned core, struct exchange_message *message)
{
    ASSERT(core < slot_cores && core_is_online_inline(core));
    counters.exchange_sent++;
    trace_event(TRACE_SEND, core, (uintptr_t)message);
    struct peer *peer = &peers[core];
    if (peer->first != NULL) {
        queue_behind(peer, message);
        return;
    }
    queue(core, peer, message);
    peer->is_posted = true;
}

static __attribute__((noinline)) bool send_owed(void)
{
    bool any = false;
    for (unsigned word = 0; word <= (slot_cores - 1) / 64; word++) {
        uint64_t bits = owed_bits[word];
        while (bits != 0) {
            unsigned core = word * 64 + (unsigned)__builtin_ctzll(bits);
            bits &= bits - 1;
            any |= send_queue(core, &peers[core]);
        }
    }
    return any;
}

void exchange_send_posted(void)
{
    send_owed();
}

static void deliver(unsigned sender, struct exchange_message *message,
                    void (*receive)(struct exchange_message *message))
{
    counters.exchange_taken++;
    trace_event(TRACE_TAKE, sender, (uintptr_t)message);
    receive(message);
}

static __attribute__((noinline)) void deliver_chain(unsigned sender,
                                                    struct exchange_message *message)
{
    while (message != NULL) {
        struct exchange_message *next = message->next; // receive() may give the message away
        deliver(sender, message, message->receive);
        message = next;
    }
}

// Empties the slot from a sender. A message alone is not touched here: its line need not travel for
// what is in the slot.
static void take(unsigned sender, uint8_t said)
{
    const struct peer *peer = &peers[sender];
    struct exchange_message *message = peer->peer_slot->first;
    void (*receive)(struct exchange_message * message) = peer->peer_slot->receive;
    atomic_store_explicit(&peer->slot->taken, said & NUMBER,
                          memory_order_release); // pairs with slot_is_free()
    if (said & WAITS)
        ring(peer); // now, for what follows may take its time
    if (receive != NULL)
        deliver(sender, message, receive);
    else
        deliver_chain(sender, message);
}

// A sender said something since the last look.
static void hear(unsigned sender, const _Atomic uint8_t *byte)
{
    uint8_t said = atomic_load_explicit(byte, memory_order_acquire); // pairs with say()
    bool is_full = (said ^ heard[sender]) & NUMBER;
    heard[sender] = said;
    if (is_full)
        take(sender, said);
    else if (said & WAITS)
        ring(&peers[sender]);
}

// The bell was rung. Not a part of exchange_poll(), so that a look without news saves no registers.
// Returns: true, for who is rung has work.
static __attribute__((noinline)) bool hear_and_send(const struct doorbell *bell)
{
    unsigned group_count = (slot_cores + 7) / 8;
    for (unsigned group = 0; group < group_count; group++) {
        uint64_t before, now = atomic_load_explicit(&bell->said[group].all, memory_order_relaxed);
        memcpy(&before, &heard[8 * group], sizeof(before));
        for (uint64_t news = now ^ before; news != 0;) {
            unsigned place = (unsigned)__builtin_ctzll(news) / 8;
            news &= ~(0xffull << 8 * place);
            hear(8 * group + place, &bell->said[group].by[place]);
        }
    }
    if (exchange_owed != 0)
        send_owed();
    return true;
}

static bool exchange_poll(void *context)
{
    struct doorbell *bell = context;
    if (atomic_load_explicit(&bell->halting, memory_order_relaxed))
        atomic_store_explicit(&bell->halting, false, memory_order_relaxed);
    uint64_t rung = atomic_load_explicit(&bell->rung, memory_order_acquire); // pairs with ring()
    if (rung != scheduler_doorbell_seen) {
        scheduler_doorbell_seen = rung;
        return hear_and_send(bell);
    }
    return __builtin_expect(exchange_owed != 0, 0) && send_owed();
}

static inline bool arm(struct doorbell *bell)
{
    if (!idle_uses_mwait) {
        atomic_store_explicit(&bell->halting, true, memory_order_relaxed);
        cpu_full_barrier(); // pairs with ring()
    }
    return atomic_load_explicit(&bell->rung, memory_order_acquire) != scheduler_doorbell_seen;
}

static __attribute__((noinline)) bool send_and_arm(struct doorbell *bell)
{
    send_owed();
    return arm(bell);
}

static bool exchange_arm(void *context)
{
    return __builtin_expect(exchange_owed == 0, 1) ? arm(context) : send_and_arm(context);
}

int exchange_start(unsigned core_count)
{
    size_t pair_count = (size_t)core_count * core_count;
    doorbell_bytes =
        ALIGN_UP(offsetof(struct doorbell, said) + ALIGN_UP(core_count, 8), CACHE_LINE_BYTES);
    size_t bytes = ALIGN_UP((sizeof(struct slot) + sizeof(struct peer)) * pair_count +
                                doorbell_bytes * core_count,
                            PAGE_BYTES);
    char *memory = page_alloc(bytes / PAGE_BYTES);
    if (memory == NULL)
        return -ENOMEM;
    memset(memory, 0, bytes);
    slots = (struct slot *)memory;
    all_peers = (struct peer *)(slots + pair_count);
    doorbells = (char *)(all_peers + pair_count);
    slot_cores = core_count;
    return 0;
}

void exchange_start_core(uint32_t apic_id)
{
    static PERCORE struct poller poller = {
        .name = "exchange", .poll = exchange_poll, .arm = exchange_arm};
    unsigned self = core_index();
    peers = &all_peers[self * slot_cores];
    for (unsigned core = 0; core < slot_cores; core++) {
        peers[core] = (struct peer){
            .slot = &slots[self * slot_cores + core],
            .peer_slot = &slots[core * slot_cores + self],
            .bell = doorbell_of(core),
            .said = &doorbell_of(core)->said[self / 8].by[self % 8],
        };
    }
    struct doorbell *bell = doorbell_of(self);
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

// SPDX-License-Identifier: MIT
#include "kernel/interrupts.h"
#include "kernel/idle.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "apps/selftest/cases.h"
#include "apps/selftest/check.h"
#include "apps/selftest/run.h"
#include "kernel/apic.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/scheduler.h"
#include "kernel/thread.h"
#include "kernel/time.h"

#define RFLAGS_INTERRUPTS 0x200ull
#define TIMEOUT_MS        60000
#define SENDS             100
#define UNUSED_VECTOR     250 // never given out here: those come from the bottom

struct mark {
    _Atomic unsigned count; // pairs with the loads of who waits; only the handler's core writes it
    const void *stack;
};

static INTERRUPT_CONTEXT void mark(void *context)
{
    struct mark *target = context;
    unsigned count = atomic_load_explicit(&target->count, memory_order_relaxed);
    target->stack = __builtin_frame_address(0);
    atomic_store_explicit(&target->count, count + 1, memory_order_release);
}

// Every case uses these.
static PERCORE struct mark own_marks[2];
static PERCORE int own_vectors[2];

static void allocate_vectors(void)
{
    for (int i = 0; i < 2; i++)
        if (own_vectors[i] == 0)
            own_vectors[i] = interrupt_allocate(mark, &own_marks[i]);
}

static bool is_marked(void *context)
{
    return atomic_load_explicit(&((struct mark *)context)->count, memory_order_acquire) != 0;
}

static void check_vectors(void *argument)
{
    (void)argument;
    allocate_vectors();
    for (int i = 0; i < 2; i++)
        CHECK(own_vectors[i] >= VECTOR_FIRST_FREE && own_vectors[i] < VECTOR_WAKE);
    CHECK(own_vectors[0] != own_vectors[1]);
    struct msi_message message;
    int error = interrupt_msi_message(own_vectors[0], &message);
    if (apic_id() >= 0xff) {
        CHECK_EQUAL(error, -ERANGE);
    } else if (CHECK_EQUAL(error, 0)) {
        CHECK_EQUAL(message.address & ~0xff000ull, 0xfee00000);
        CHECK_EQUAL(message.data & 0xff, own_vectors[0]);
    }
    uint64_t flags;
    __asm__ volatile("pushfq; popq %0" : "=r"(flags));
    CHECK(flags & RFLAGS_INTERRUPTS);
}

void case_interrupt_vectors(void)
{
    run_on_all(check_vectors, NULL);
}

static void interrupt_self(void *argument)
{
    (void)argument;
    allocate_vectors();
    memset(own_marks, 0, sizeof(own_marks));
    uint64_t handled = interrupt_stats_of(core_index()).handled;
    for (unsigned sends = 1; sends <= SENDS; sends++) {
        atomic_store_explicit(&own_marks[1].count, 0, memory_order_relaxed);
        apic_send(apic_id(), (uint8_t)own_vectors[1]);
        if (!CHECK(run_until(is_marked, &own_marks[1], TIMEOUT_MS)))
            return;
        CHECK_EQUAL(own_marks[1].count, 1);
    }
    CHECK_EQUAL(own_marks[0].count, 0); // the other vector's handler
    CHECK(interrupt_stats_of(core_index()).handled >= handled + SENDS);
    char here;
    intptr_t distance = (const char *)own_marks[1].stack - &here;
    CHECK(distance < -4096 || distance > 4096); // a stack of its own
}

void case_interrupt_to_self(void)
{
    run_on_all(interrupt_self, NULL);
}

struct target {
    unsigned core;
    uint32_t apic_id;
    int vector;
    struct mark *mark; // its address is a core-local one: looked at through core_local_of()
};

static void become_target(void *argument)
{
    struct target *target = argument;
    allocate_vectors();
    memset(own_marks, 0, sizeof(own_marks));
    *target = (struct target){core_index(), apic_id(), own_vectors[0], &own_marks[0]};
}

static bool reached(void *context)
{
    const struct target *target = context;
    const struct mark *seen = core_local_of(target->core, target->mark);
    return is_marked((void *)seen);
}

static void interrupt_target(void *argument)
{
    struct target *target = argument;
    apic_send(target->apic_id, (uint8_t)target->vector);
    CHECK(run_until(reached, target, TIMEOUT_MS));
}

// From core 0 to all and from the last core to all; the handler runs there and only there.
void case_interrupt_to_others(void)
{
    unsigned senders[] = {0, run_last_core()};
    for (unsigned i = 0; i < ARRAY_COUNT(senders); i++) {
        for (unsigned core = 0; core < core_count(); core++) {
            if (!core_is_online(core))
                continue;
            struct target target, sender;
            run_on(senders[i], become_target, &sender);
            run_on(core, become_target, &target);
            run_on(senders[i], interrupt_target, &target);
            if (senders[i] != core)
                CHECK(!reached(&sender));
        }
    }
}

static bool has_unexpected(void *context)
{
    return interrupt_stats_of(core_index()).unexpected > *(const uint64_t *)context;
}

// An interrupt nobody asked for is counted, and the next one still comes.
static void unexpected(void *argument)
{
    (void)argument;
    uint64_t before = interrupt_stats_of(core_index()).unexpected;
    apic_send(apic_id(), UNUSED_VECTOR);
    CHECK(run_until(has_unexpected, &before, TIMEOUT_MS));
    CHECK_EQUAL(interrupt_stats_of(core_index()).unexpected, before + 1);
    interrupt_self(NULL);
}

void case_interrupt_unexpected(void)
{
    run_on_all(unexpected, NULL);
}

static void give_back(void *argument)
{
    (void)argument;
    allocate_vectors();
    static PERCORE struct mark late;
    for (unsigned i = 0; i < 1000; i++) { // far more than there are
        int vector = interrupt_allocate(mark, &late);
        if (!CHECK(vector >= VECTOR_FIRST_FREE && vector < VECTOR_WAKE))
            return;
        CHECK(vector != own_vectors[0] && vector != own_vectors[1]);
        interrupt_free(vector);
        if (i != 0)
            continue;
        uint64_t before = interrupt_stats_of(core_index()).unexpected;
        apic_send(apic_id(), (uint8_t)vector);
        CHECK(run_until(has_unexpected, &before, TIMEOUT_MS));
    }
    CHECK_EQUAL(late.count, 0);
    // All of them, until there are none.
    static PERCORE_ZERO uint8_t taken[256];
    unsigned count = 0;
    for (int vector; (vector = interrupt_allocate(mark, &late)) >= 0;)
        taken[count++] = (uint8_t)vector;
    CHECK(count > 100 && count <= VECTOR_WAKE - VECTOR_FIRST_FREE);
    while (count > 0)
        interrupt_free(taken[--count]);
}

void case_interrupt_vectors_return(void)
{
    run_on_all(give_back, NULL);
}

static void halt_and_wake(void *argument)
{
    (void)argument;
    struct scheduler_stats before = scheduler_stats_of(core_index());
    uint64_t handled = interrupt_stats_of(core_index()).handled;
    for (unsigned i = 0; i < 10; i++)
        thread_sleep_until(time_now_ns() + 3 * NS_PER_MS);
    struct scheduler_stats after = scheduler_stats_of(core_index());
    // Nothing to do but sleep: the core halted, and time passed while it did.
    CHECK(after.halts > before.halts);
    CHECK(after.halted_ns > before.halted_ns);
    CHECK(interrupt_stats_of(core_index()).handled > handled);
    // A core that looked at the clock instead of halting would have gone round far more often. An
    // emulator may make MWAIT end for no reason.
    CHECK(idle_uses_mwait || after.loops - before.loops < 10000);
}

void case_interrupt_ends_halt(void)
{
    run_on_all(halt_and_wake, NULL);
}

// SPDX-License-Identifier: MIT
#include "kernel/watchdog.h"

#include <stdatomic.h>

#include "kernel/apic.h"
#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/nmi.h"
#include "kernel/options.h"
#include "kernel/scheduler.h"
#include "kernel/snapshot.h"
#include "kernel/time.h"

#define HOG_S_DEFAULT    5
#define HOG_S_MAX        86400
#define LOOKS            4 // in a row that see no progress, over the limit's time
#define STUCK_LOOK_MS    100
#define STUCK_PRECISION  64 // part of the time that a core was stuck
#define CONSOLE_RETRY_NS (10 * NS_PER_MS)

OPTION_NUMBER(hog, 0, HOG_S_MAX, "seconds a thread may keep its core untold; 0: for ever");

// What a look saw. Times in ms; differences count, so that wrapping does no harm.
struct watched {
    uint32_t progress;
    uint32_t since_ms; // at the first look that saw this much
    uint16_t looks;    // after that one
    bool told;         // the console knows
};

static _Atomic uint32_t interval_ms; // between looks; 0: nobody looks
static unsigned guard;               // the core that looks after core 0; 0: none. Read-only then
static struct watched watched[CORES_MAX]; // core 0's
static PERCORE struct watched guarded;    // the guard's, of core 0
static _Atomic bool shaken;               // the guard sets it, core 0 clears it

PERCORE struct watchdog_core watchdog_core = {.next_look_ns = TIME_NEVER};
struct watchdog_asleep watchdog_asleep;

static uint32_t interval(void)
{
    return atomic_load_explicit(&interval_ms, memory_order_acquire); // pairs with watchdog_start
}

static uint32_t now_ms(void)
{
    return (uint32_t)(time_now_ns() / NS_PER_MS);
}

static bool is_halted(unsigned core)
{
    const struct watchdog_core *of = core_local_of(core, &watchdog_core);
    return atomic_load_explicit(&of->halted, memory_order_relaxed);
}

// Returns: true if the core has done something since the last look, or should.
static bool look_at(unsigned core, struct watched *seen)
{
    struct scheduler_stats stats = scheduler_stats_of(core);
    uint32_t progress = (uint32_t)(stats.loops + stats.switches), now = now_ms();
    bool is_first = watchdog_core.next_look_ns == TIME_NEVER; // after a time without any
    bool halted = is_halted(core);
    if (progress == seen->progress && !is_first && !halted) {
        if (seen->looks < LOOKS + 1)
            seen->looks++;
        return true;
    }
    bool active = progress != seen->progress || !halted;
    if (seen->told) {
        uint32_t stuck_ms = now - seen->since_ms;
        log_warn("watchdog: core %u runs again after %u.%u s", core, stuck_ms / 1000,
                 stuck_ms / 100 % 10);
    }
    *seen = (struct watched){.progress = progress, .since_ms = now};
    return active;
}

static bool is_stuck(const struct watched *seen)
{
    return seen->looks >= LOOKS && now_ms() - seen->since_ms >= LOOKS * interval();
}

static void tell(unsigned core, const struct watched *seen, const struct interrupt_frame *frame)
{
    static struct snapshot here;
    const struct snapshot *snapshot = &here;
    unsigned stuck_s = (now_ms() - seen->since_ms) / 1000;
    if (core == core_index()) {
        snapshot_take(&here, frame);
    } else {
        snapshot_ask(core);
        snapshot = snapshot_wait(core);
    }
    if (snapshot == NULL) {
        log_warn("watchdog: core %u has not gone round its loop for %u s, and does not answer",
                 core, stuck_s);
        return;
    }
    log_warn("watchdog: core %u: thread \"%s\" has not let go for %u s%s; it is at", core,
             snapshot->thread, stuck_s, snapshot->interrupts_on ? "" : ", with interrupts off");
    snapshot_write_trace(&snapshot->trace, console_write);
}

// Plans the next look of this core at those before `end`. With all of them halted there is none,
// unless one wakes in between: a core that wakes says so and then reads `asleep`, here it is the
// other way round.
static void plan(bool active, unsigned end, _Atomic bool *asleep, uint32_t wait_ms)
{
    bool wanted = wait_ms != 0;
    if (!active) {
        atomic_store_explicit(asleep, wanted, memory_order_relaxed);
        cpu_full_barrier(); // pairs with watchdog_awake
        for (unsigned core = 0; core < end; core++)
            active |= core_is_online(core) && !is_halted(core);
    }
    active &= wanted;
    atomic_store_explicit(asleep, wanted && !active, memory_order_relaxed);
    watchdog_core.next_look_ns = active ? time_now_ns() + wait_ms * NS_PER_MS : TIME_NEVER;
}

static void look(const struct interrupt_frame *frame)
{
    uint32_t wait_ms = interval();
    bool active = false;
    for (unsigned core = 0; core < core_count(); core++) {
        struct watched *seen = &watched[core];
        if (!core_is_online(core) || !look_at(core, seen))
            continue;
        active = true;
        if (!seen->told && is_stuck(seen)) {
            seen->told = true;
            tell(core, seen, frame);
        }
        uint32_t soon_ms = (now_ms() - seen->since_ms) / STUCK_PRECISION;
        if (soon_ms < STUCK_LOOK_MS)
            soon_ms = STUCK_LOOK_MS;
        if (seen->told && soon_ms < wait_ms)
            wait_ms = soon_ms;
    }
    plan(active, core_count(), &watchdog_asleep.core_0, wait_ms);
}

// A core 0 that is merely busy looks at itself first.
static void look_as_guard(void)
{
    bool active = look_at(0, &guarded);
    if (active && guarded.looks > LOOKS && is_stuck(&guarded)) {
        atomic_store_explicit(&shaken, true, memory_order_release); // pairs with watchdog_shaken
        apic_send_nmi(apic_id_of(0));
    }
    plan(active, 1, &watchdog_asleep.guard, interval());
}

bool watchdog_shaken(const struct interrupt_frame *frame)
{
    if (core_index() != 0 || !atomic_load_explicit(&shaken, memory_order_acquire))
        return false;
    atomic_store_explicit(&shaken, false, memory_order_relaxed);
    if (console_is_busy() || interval() == 0)
        return true; // it comes again
    if (nmi_is_untold())
        nmi_tell(frame);
    if (!watched[0].told) // the guard has seen more than this core did
        watched[0] = *(const struct watched *)core_local_of(guard, &guarded);
    look(frame); // the timer's interrupt, due long since, comes when the core hears again
    return true;
}

static void look_in_turn(const struct interrupt_frame *frame)
{
    struct watchdog_core *self = &watchdog_core;
    uint64_t now_ns = time_now_ns();
    if (interval() == 0)
        self->next_look_ns = TIME_NEVER;
    bool is_due =
        interval() != 0 && (self->next_look_ns == TIME_NEVER || now_ns >= self->next_look_ns);
    self->has_looked = is_due;
    if (core_index() == 0 && console_is_busy() && (is_due || nmi_is_untold())) {
        self->next_look_ns = now_ns + CONSOLE_RETRY_NS;
    } else {
        if (core_index() == 0 && nmi_is_untold())
            nmi_tell(frame);
        if (is_due && core_index() == 0)
            look(frame);
        else if (is_due)
            look_as_guard();
    }
    time_arm_interrupt(self->next_look_ns);
}

INTERRUPT_CONTEXT void watchdog_timer_interrupt(void)
{
    if (core_index() == 0 || core_index() == guard)
        interrupt_call(look_in_turn);
}

void watchdog_call(void)
{
    if (atomic_load_explicit(&watchdog_asleep.core_0, memory_order_relaxed))
        apic_send(apic_id_of(0), VECTOR_TIMER);
    if (core_index() == 0 && atomic_load_explicit(&watchdog_asleep.guard, memory_order_relaxed))
        apic_send(apic_id_of(guard), VECTOR_TIMER);
}

void watchdog_start(void)
{
    uint64_t hog_s = option_get_number("hog", HOG_S_DEFAULT, 0, HOG_S_MAX);
    for (unsigned core = 1; core < core_count() && guard == 0; core++)
        guard = core_is_online(core) ? core : 0;
    // Pairs with interval().
    atomic_store_explicit(&interval_ms, (uint32_t)hog_s * 1000 / LOOKS, memory_order_release);
    // Who wakes next calls them.
    atomic_store_explicit(&watchdog_asleep.core_0, hog_s != 0, memory_order_relaxed);
    atomic_store_explicit(&watchdog_asleep.guard, hog_s != 0 && guard != 0, memory_order_relaxed);
}

void watchdog_stop(void)
{
    atomic_store_explicit(&interval_ms, 0, memory_order_relaxed);
}

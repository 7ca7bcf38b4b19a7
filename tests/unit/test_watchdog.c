// SPDX-License-Identifier: MIT
// Three cores played by one thread, which is core 0 or core 1 as it takes their interrupts; time is
// what the test says. Core-local variables are of this thread, so each core's are swapped in.
#include "host.h"

#include <string.h>

#include "kernel/apic.h"
#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/nmi.h"
#include "kernel/options.h"
#include "kernel/scheduler.h"
#include "kernel/snapshot.h"
#include "kernel/time.h"
#include "kernel/watchdog.h"

#define CORES  3
#define HOG_S  4
#define STEP_S 1 // between looks: a quarter

PERCORE unsigned core_this_index;
unsigned core_slot_count = CORES;

static uint64_t now_ns, armed_ns[CORES];
static struct scheduler_stats stats[CORES];
static struct watchdog_core cores[CORES];
static char console[4096];
static bool console_busy, answers, interrupts_on;
static unsigned calls[CORES], shakes, asked, told_nmi;
static bool nmi_untold;
static struct snapshot snapshot;
static struct interrupt_frame frame;

// This thread's is the copy of the core that it plays.
static void play(unsigned core)
{
    cores[core_this_index] = watchdog_core;
    core_this_index = core;
    watchdog_core = cores[core];
}

bool core_is_online(unsigned core)
{
    return core < CORES;
}
const void *core_local_of(unsigned core, const void *variable)
{
    if (variable == &watchdog_core && core != core_this_index)
        return &cores[core];
    return variable; // the guard's: nobody else has it
}
struct scheduler_stats scheduler_stats_of(unsigned core)
{
    return stats[core];
}
uint64_t time_now_ns(void)
{
    return now_ns;
}
void time_arm_interrupt(uint64_t deadline_ns)
{
    armed_ns[core_this_index] = deadline_ns;
}
uint64_t option_get_number(const char *key, uint64_t fallback, uint64_t min, uint64_t max)
{
    assert_string_equal(key, "hog");
    assert_true(fallback == 5 && min == 0 && max > 3600);
    return HOG_S;
}
uint32_t apic_id_of(unsigned core)
{
    return core + 10;
}
void apic_send(uint32_t id, uint8_t vector)
{
    assert_int_equal(vector, VECTOR_TIMER);
    calls[id - 10]++;
}
void apic_send_nmi(uint32_t id)
{
    assert_int_equal(id, 10);
    shakes++;
}
void interrupt_call(void (*function)(const struct interrupt_frame *frame))
{
    function(&frame);
}
bool console_is_busy(void)
{
    return console_busy;
}
void console_write(const char *text, size_t size_bytes)
{
    assert_false(console_busy);
    strncat(console, text, size_bytes);
}
bool nmi_is_untold(void)
{
    return nmi_untold;
}
void nmi_tell(const struct interrupt_frame *at)
{
    assert_ptr_equal(at, &frame);
    assert_false(console_busy);
    nmi_untold = false;
    told_nmi++;
}
void snapshot_take(struct snapshot *out, const struct interrupt_frame *at)
{
    assert_ptr_equal(at, &frame);
    *out = (struct snapshot){.thread = "own", .interrupts_on = interrupts_on};
}
void snapshot_ask(uint32_t core)
{
    assert_true(core < CORES && core != core_this_index);
    asked++;
}
const struct snapshot *snapshot_wait(unsigned core)
{
    assert_true(core < CORES);
    snapshot = (struct snapshot){.thread = "other", .interrupts_on = interrupts_on};
    return answers ? &snapshot : NULL;
}
void snapshot_write_trace(const struct backtrace *trace,
                          void (*write)(const char *text, size_t size_bytes))
{
    assert_non_null(trace);
    write("trace\n", 6);
}

static void halt_core(unsigned core)
{
    play(core);
    watchdog_halts();
    play(0);
}

static void wake_core(unsigned core)
{
    play(core);
    watchdog_awake();
    play(0);
}

static void timer_interrupt(unsigned core)
{
    play(core);
    watchdog_timer_interrupt();
    play(0);
}

// Lets time pass; whose timer is armed gets its interrupt, but for core 0 when it is deaf.
static void pass(unsigned seconds, bool core_0_hears)
{
    for (uint64_t end_ns = now_ns + seconds * NS_PER_S; now_ns < end_ns;) {
        now_ns += 50 * NS_PER_MS;
        for (unsigned core = 0; core < CORES; core++)
            if (armed_ns[core] <= now_ns && (core != 0 || core_0_hears))
                timer_interrupt(core);
        for (unsigned core = 0; core < CORES; core++) {
            bool called = calls[core] > 0 && (core != 0 || core_0_hears);
            calls[core] = called ? 0 : calls[core];
            if (called)
                timer_interrupt(core);
        }
        if (shakes > 0) {
            shakes = 0;
            assert_true(watchdog_shaken(&frame));
        }
    }
}

static int setup(void **state)
{
    (void)state;
    static uint64_t boots;
    now_ns = ++boots * 1000 * NS_PER_S;
    memset(stats, 0, sizeof(stats));
    memset(console, 0, sizeof(console));
    memset(calls, 0, sizeof(calls));
    host_log_clear();
    console_busy = nmi_untold = false;
    answers = interrupts_on = true;
    shakes = asked = told_nmi = 0;
    for (unsigned core = 0; core < CORES; core++) {
        armed_ns[core] = TIME_NEVER;
        cores[core] = (struct watchdog_core){.next_look_ns = TIME_NEVER};
        stats[core].loops = boots * 1000;
    }
    watchdog_core = cores[0];
    core_this_index = 0;
    watchdog_start();
    for (unsigned core = 0; core < CORES; core++)
        halt_core(core);
    // All halted: whoever looks finds nothing, twice, and stops.
    timer_interrupt(0);
    timer_interrupt(1);
    pass(10, true);
    host_log_clear(); // what the test before left
    memset(console, 0, sizeof(console));
    return 0;
}

static void nothing_ticks_when_all_halt(void **state)
{
    (void)state;
    for (unsigned core = 0; core < CORES; core++)
        assert_true(armed_ns[core] == TIME_NEVER);
    assert_string_equal(host_log, "");
}

static void a_core_that_wakes_calls(void **state)
{
    (void)state;
    wake_core(2);
    assert_int_equal(calls[0], 1);
    assert_int_equal(calls[1], 0); // looks after core 0 only
    pass(1, true);
    assert_true(armed_ns[0] != TIME_NEVER && armed_ns[1] == TIME_NEVER);
    wake_core(2); // it is looked at already
    assert_int_equal(calls[0], 0);
    wake_core(0);
    assert_int_equal(calls[1], 1);
    halt_core(0);
    halt_core(2);
    pass(5, true);
    nothing_ticks_when_all_halt(state);
}

static void another_core_is_told_once(void **state)
{
    (void)state;
    wake_core(2);
    pass(HOG_S - STEP_S, true);
    assert_string_equal(host_log, "");
    pass(3 * STEP_S, true);
    assert_true(host_log_has("core 2: thread \"other\" has not let go for 4 s; it is at"));
    assert_string_equal(console, "trace\n");
    pass(20, true);
    assert_int_equal(asked, 1);
    stats[2].loops++;
    pass(2, true);
    assert_true(host_log_has("watchdog: core 2 runs again after 2"));
    assert_int_equal(asked, 1);
}

static void progress_of_any_kind_counts(void **state)
{
    (void)state;
    wake_core(2);
    for (unsigned i = 0; i < 20; i++) {
        pass(1, true);
        stats[2].loops += i % 2;
        stats[2].switches += i % 2 == 0;
    }
    assert_string_equal(host_log, "");
}

static void a_long_halt_is_nothing(void **state)
{
    (void)state;
    wake_core(2); // somebody works
    for (unsigned i = 0; i < 60; i++) {
        pass(1, true);
        stats[2].loops++;
    }
    wake_core(0); // halted for a minute
    pass(1, true);
    assert_string_equal(host_log, "");
}

static void core_0_tells_of_itself(void **state)
{
    (void)state;
    wake_core(0);
    pass(HOG_S + 2 * STEP_S, true);
    assert_true(host_log_has("core 0: thread \"own\" has not let go for 4 s; it is at"));
    assert_int_equal(asked, 0);
}

static void a_deaf_core_0_is_shaken(void **state)
{
    (void)state;
    wake_core(0);
    pass(1, true);
    interrupts_on = false;
    pass(HOG_S + 3 * STEP_S, false);
    assert_true(host_log_has("core 0: thread \"own\" has not let go for"));
    assert_true(host_log_has("with interrupts off"));
    // And those that it would look at.
    wake_core(2);
    pass(3 * HOG_S, false);
    assert_true(host_log_has("core 2: thread \"other\""));
    stats[0].loops++;
    pass(1, true);
    assert_true(host_log_has("core 0 runs again after"));
}

static void no_answer_is_told(void **state)
{
    (void)state;
    answers = false;
    wake_core(2);
    pass(HOG_S + 2 * STEP_S, true);
    assert_true(host_log_has("core 2 has not gone round its loop for 4 s, and does not answer"));
}

static void nothing_is_written_into_a_write(void **state)
{
    (void)state;
    wake_core(2);
    console_busy = true;
    nmi_untold = true;
    pass(HOG_S * 3, true);
    assert_string_equal(host_log, "");
    console_busy = false;
    pass(HOG_S + 2 * STEP_S, true);
    assert_true(host_log_has("core 2: thread"));
    assert_int_equal(told_nmi, 1);
}

static void it_ends(void **state)
{
    (void)state;
    wake_core(0);
    pass(1, true);
    watchdog_stop();
    pass(HOG_S * 3, true);
    assert_string_equal(host_log, "");
    assert_true(armed_ns[0] == TIME_NEVER && armed_ns[1] == TIME_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_ticks_when_all_halt, setup),
        cmocka_unit_test_setup(a_core_that_wakes_calls, setup),
        cmocka_unit_test_setup(another_core_is_told_once, setup),
        cmocka_unit_test_setup(progress_of_any_kind_counts, setup),
        cmocka_unit_test_setup(a_long_halt_is_nothing, setup),
        cmocka_unit_test_setup(core_0_tells_of_itself, setup),
        cmocka_unit_test_setup(a_deaf_core_0_is_shaken, setup),
        cmocka_unit_test_setup(no_answer_is_told, setup),
        cmocka_unit_test_setup(nothing_is_written_into_a_write, setup),
        cmocka_unit_test_setup(it_ends, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

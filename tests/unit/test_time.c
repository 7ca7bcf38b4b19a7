// SPDX-License-Identifier: MIT
// The clock on machines made up here: each look at a counter takes time, and all counters show the
// same time. So what is measured can be compared with what is true.
#include "host.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/apic.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/mmio.h"
#include "kernel/options.h"
#include "kernel/time.h"

#define FS_PER_S       1000000000000000ull
#define PM_HZ          3579545ull
#define HPET_PERIOD_FS 69841279ull // as in a PC: 14.31818 MHz
#define APIC_HZ        62500000ull
#define WALL_S         1800000000ull
#define KVM_TIME_NS    987654321ull

static struct {
    unsigned __int128 now_fs; // since power came on
    uint64_t tsc_hz, look_fs;
    uint64_t pm_start, hpet_start; // what the counters show at 0 fs
    bool has_hpet, hpet_enabled, has_deadline, is_kvm, is_kvm_silent;
    uint32_t cpuid_15[3]; // a, b, c
    const char *clock;
    unsigned looks;
    uint64_t timer_set_fs, deadline_tsc;
    uint32_t timer_count;
    unsigned timer_writes;
} machine;

static struct acpi_facts facts;

static uint64_t ticks(uint64_t hz)
{
    return (uint64_t)(machine.now_fs * hz / FS_PER_S);
}

static void look(void)
{
    // Uneven, and now and then much longer: a hypervisor had something else to do.
    machine.looks++;
    machine.now_fs += machine.look_fs * (machine.looks % 3 + 1);
    if (machine.looks % 41 == 0)
        machine.now_fs += 50 * machine.look_fs;
}

uint64_t cpu_read_tsc(void)
{
    machine.now_fs += machine.look_fs / 50;
    return ticks(machine.tsc_hz);
}

uint32_t cpu_in32(uint16_t port)
{
    assert_int_equal(port, 0x608);
    look();
    uint32_t count = (uint32_t)(machine.pm_start + ticks(PM_HZ));
    return facts.pm_timer_is_32bit ? count : (count & 0xffffff) | 0xab000000; // the rest is noise
}

static char hpet_registers[1024];

void *mmio_map(uint64_t phys, size_t size_bytes)
{
    assert_int_equal(phys, 0xfed00000);
    assert_int_equal(size_bytes, sizeof(hpet_registers));
    return machine.has_hpet ? hpet_registers : NULL;
}

uint32_t mmio_read32(const volatile void *address)
{
    switch ((const volatile char *)address - hpet_registers) {
    case 0x04:
        return HPET_PERIOD_FS;
    case 0x10:
        return machine.hpet_enabled;
    case 0xf0:
        look();
        assert_true(machine.hpet_enabled);
        return (uint32_t)(machine.hpet_start + (uint64_t)(machine.now_fs / HPET_PERIOD_FS));
    default:
        fail();
        return 0;
    }
}

void mmio_write32(volatile void *address, uint32_t value)
{
    assert_ptr_equal(address, hpet_registers + 0x10);
    machine.hpet_enabled = value & 1;
}

void cpu_id(uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    (void)subleaf;
    *a = *b = *c = *d = 0;
    if (leaf == 0) {
        *a = 0x16;
    } else if (leaf == 1) {
        *c = machine.is_kvm ? 1u << 31 : 0;
    } else if (leaf == 0x15) {
        *a = machine.cpuid_15[0], *b = machine.cpuid_15[1], *c = machine.cpuid_15[2];
    } else if (leaf == 0x40000000) {
        *a = 0x40000001;
        memcpy(b, "Micr", 4); // another one shows itself first
    } else if (leaf == 0x40000100) {
        memcpy(b, "KVMK", 4), memcpy(c, "VMKV", 4), memcpy(d, "M\0\0", 4);
    } else if (leaf == 0x40000101) {
        *a = 1u << 3;
    }
}

// As KVM writes them.
void cpu_write_msr(uint32_t msr, uint64_t value)
{
    assert_true(machine.is_kvm);
    if (value == 0 || machine.is_kvm_silent)
        return;
    if (msr == 0x4b564d00) {
        uint32_t wall[3] = {2, WALL_S, 500};
        memcpy((void *)value, wall, sizeof(wall));
        return;
    }
    assert_int_equal(msr, 0x4b564d01);
    assert_true(value & 1);
    // ns = (ticks << shift) * multiplier / 2^32 with the multiplier in its upper half.
    int shift = 0;
    unsigned __int128 multiplier = ((unsigned __int128)NS_PER_S << 32) / machine.tsc_hz;
    for (; multiplier >> 32 != 0; shift++)
        multiplier >>= 1;
    for (; !(multiplier >> 31); shift--)
        multiplier = ((unsigned __int128)NS_PER_S << (32 - shift + 1)) / machine.tsc_hz;
    struct {
        uint32_t version, padding;
        uint64_t tsc, time_ns;
        uint32_t multiplier;
        int8_t shift;
        uint8_t rest[3];
    } time = {4, 0, cpu_read_tsc(), KVM_TIME_NS, (uint32_t)multiplier, (int8_t)shift, {0}};
    memcpy((void *)(value & ~1ull), &time, sizeof(time));
}

const char *option_get(const char *key)
{
    assert_string_equal(key, "clock");
    return machine.clock;
}

// Core 0 is this one; core 1's variable is made up.
static uint64_t base_of_core_1;

const void *core_local_of(unsigned core, const void *variable)
{
    return core == 0 ? variable : core == 1 ? &base_of_core_1 : NULL;
}

bool apic_has_tsc_deadline(void)
{
    return machine.has_deadline;
}

void apic_timer_set(uint32_t count)
{
    machine.timer_count = count;
    machine.timer_set_fs = (uint64_t)machine.now_fs;
    machine.timer_writes++;
}

uint32_t apic_timer_left(void)
{
    look();
    uint64_t gone = (uint64_t)((machine.now_fs - machine.timer_set_fs) * APIC_HZ / FS_PER_S);
    return gone < machine.timer_count ? machine.timer_count - (uint32_t)gone : 0;
}

void apic_timer_set_tsc(uint64_t tsc)
{
    machine.deadline_tsc = tsc;
    machine.timer_writes++;
}

// kernel/time.c keeps what it found: each machine gets a process of its own.
static void in_a_process(void (*body)(void))
{
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    print_error("does not hold: %s; clock %s, %llu Hz of %llu\n%s\n", what,
                machine.clock != NULL ? machine.clock : "any", (unsigned long long)time_tsc_hz(),
                (unsigned long long)machine.tsc_hz, host_log);
    _exit(1);
}
#define CHECK(condition) check(condition, #condition)

static void power_on(uint64_t tsc_hz)
{
    memset(&machine, 0, sizeof(machine));
    memset(&facts, 0, sizeof(facts));
    machine.tsc_hz = tsc_hz;
    machine.look_fs = FS_PER_S / 1000000; // a microsecond
    machine.now_fs = (unsigned __int128)FS_PER_S * 3;
    machine.has_deadline = true;
    facts.pm_timer_port = 0x608;
    facts.pm_timer_is_32bit = true;
}

static void boot(void)
{
    time_start(&facts, ticks(machine.tsc_hz));
    time_start_timer();
    machine.now_fs += FS_PER_S / 10000;
    time_calibrate(&facts);
}

static bool is_near(uint64_t a, uint64_t b, uint64_t parts)
{
    uint64_t difference = a > b ? a - b : b - a;
    return difference <= b / parts;
}

static const uint64_t speeds[] = {24000000, 999999999, 2400000000, 5900000000};

static uint64_t speed;

static void pm_timer_at_speed(void)
{
    power_on(speed);
    machine.clock = "pm";
    machine.pm_start = 0xffffff00 - ticks(PM_HZ); // it wraps soon after the boot has begun
    boot();
    CHECK(is_near(time_tsc_hz(), speed, 1000));
    CHECK(host_log_has("the ACPI timer says"));
}

static void pm_timer(void)
{
    for (unsigned i = 0; i < ARRAY_COUNT(speeds); i++) {
        speed = speeds[i];
        in_a_process(pm_timer_at_speed);
    }
}

static void pm_timer_24(void)
{
    power_on(speeds[2]);
    facts.pm_timer_is_32bit = false;
    machine.pm_start = 0xffff80 - ticks(PM_HZ);
    boot();
    CHECK(is_near(time_tsc_hz(), speeds[2], 1000));
    CHECK(!host_log_has("says")); // nobody asked
}

static void hpet(void)
{
    power_on(speeds[2]);
    machine.has_hpet = true;
    facts.hpet_phys = 0xfed00000;
    facts.pm_timer_port = 0;
    machine.hpet_start = 0xfffff000 - (uint64_t)(machine.now_fs / HPET_PERIOD_FS);
    boot();
    CHECK(machine.hpet_enabled);
    CHECK(is_near(time_tsc_hz(), speeds[2], 1000));
}

static void hpet_by_wish(void)
{
    power_on(speeds[1]);
    machine.has_hpet = true;
    machine.clock = "hpet";
    facts.hpet_phys = 0xfed00000;
    boot();
    CHECK(is_near(time_tsc_hz(), speeds[1], 1000));
    CHECK(host_log_has("the HPET says"));
}

static void wish_is_not_there(void)
{
    power_on(speeds[1]);
    machine.clock = "hpet";
    boot();
    CHECK(is_near(time_tsc_hz(), speeds[1], 1000));
    CHECK(host_log_has("no clock=hpet"));
}

static void cpuid(void)
{
    power_on(2400000000);
    machine.cpuid_15[0] = 2, machine.cpuid_15[1] = 200, machine.cpuid_15[2] = 24000000;
    boot();
    CHECK(time_tsc_hz() == 2400000000);
    CHECK(machine.looks == 0);
}

static void kvm(void)
{
    for (unsigned i = 0; i < ARRAY_COUNT(speeds); i++) {
        power_on(speeds[i]);
        machine.is_kvm = true;
        uint64_t entry_tsc = ticks(machine.tsc_hz);
        boot();
        CHECK(is_near(time_tsc_hz(), speeds[i], 1000000));
        CHECK(machine.looks == 0);
        struct boot_info info = {.wall_clock_s = 1};
        clock_start(&info);
        // The made-up KVM's time stood at KVM_TIME_NS when it was asked, right after the entry.
        int64_t asked_ns = (int64_t)(WALL_S * NS_PER_S + 500 + KVM_TIME_NS);
        int64_t entry_ns = clock_wall_offset_ns() + (int64_t)time_from_tsc(entry_tsc);
        CHECK(asked_ns - entry_ns >= 0 && asked_ns - entry_ns < 10000);
    }
}

static void kvm_is_silent(void)
{
    power_on(speeds[2]);
    machine.is_kvm = machine.is_kvm_silent = true;
    boot();
    CHECK(is_near(time_tsc_hz(), speeds[2], 1000));
    struct boot_info info = {.wall_clock_s = WALL_S};
    clock_start(&info);
    CHECK(clock_wall_offset_ns() == (int64_t)(WALL_S * NS_PER_S));
    clock_set_wall(77);
    CHECK(clock_wall_ns() >= 77 && clock_wall_ns() < (int64_t)NS_PER_S);
    info.wall_clock_s = 0;
    clock_start(&info);
    CHECK(host_log_has("it is 1970"));
}

static void nothing_to_measure_by(void)
{
    power_on(speeds[2]);
    facts.pm_timer_port = 0;
    if (!host_panicked()) {
        boot();
        CHECK(false);
    }
    CHECK(strstr(host_panic_text, "no ACPI timer, no HPET") != NULL);
}

static void deadlines(void)
{
    power_on(2400000000);
    boot();
    machine.timer_writes = 0;
    for (uint64_t ns = 1; ns < 1ull << 57; ns = ns * 5 + 1) {
        time_arm_interrupt(ns);
        // Not long after the deadline; before it by no more than what a far one can be rounded.
        uint64_t rings_ns = time_from_tsc(machine.deadline_tsc), now_ns = time_now_ns();
        uint64_t due_ns = ns > now_ns ? ns : now_ns;
        CHECK(rings_ns + (ns >> 31) + 1000 >= due_ns && rings_ns <= due_ns + 1000);
        unsigned writes = machine.timer_writes;
        time_arm_interrupt(ns); // armed already
        CHECK(machine.timer_writes == writes);
        time_interrupt_came();
        time_arm_interrupt(ns);
        CHECK(machine.timer_writes == writes + 1);
    }
    time_arm_interrupt(TIME_NEVER);
    CHECK(machine.deadline_tsc == 0);
}

// A sleep "for ever" is no reason to ring now, however fast the counter.
static void deadlines_beyond_the_counter(void)
{
    static const uint64_t hz[] = {1000000000, 2000000000, 2400000000, 4000000000, 99000000000};
    const uint64_t year_ns = 366 * 86400 * NS_PER_S;
    for (unsigned i = 0; i < ARRAY_COUNT(hz); i++) {
        power_on(hz[i]);
        boot();
        for (uint64_t far_ns = 1ull << 58; far_ns >> 63 == 0; far_ns += far_ns / 7) {
            uint64_t wait_ns[] = {far_ns, (uint64_t)INT64_MAX, TIME_NEVER - 1 - far_ns / 9};
            for (unsigned k = 0; k < ARRAY_COUNT(wait_ns); k++) {
                time_arm_interrupt(time_now_ns() + wait_ns[k]);
                CHECK(time_from_tsc(machine.deadline_tsc) > time_now_ns() + year_ns);
            }
        }
    }
}

static void one_shot(void)
{
    power_on(2400000000);
    machine.has_deadline = false;
    boot();
    CHECK(machine.timer_count == 0);
    for (uint64_t wait_ns = 100; wait_ns < 1ull << 60; wait_ns = wait_ns * 3 + 1) {
        uint64_t now_ns = time_now_ns();
        time_arm_interrupt(now_ns + wait_ns);
        uint64_t rings_ns = (uint64_t)((unsigned __int128)machine.timer_count * NS_PER_S / APIC_HZ);
        if (machine.timer_count == UINT32_MAX) // the timer's end: then it is armed again
            CHECK(rings_ns <= wait_ns);
        else
            CHECK(rings_ns + 100 >= wait_ns - wait_ns / 500 &&
                  rings_ns <= wait_ns + wait_ns / 500 + 100);
    }
    time_arm_interrupt(0); // past: at once, and not never
    CHECK(machine.timer_count >= 1 && machine.timer_count < 100);
    time_arm_interrupt(TIME_NEVER);
    CHECK(machine.timer_count == 0);
}

static void never_back(void)
{
    power_on(2400000000);
    boot();
    uint64_t last_ns = 0;
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t now_ns = time_now_ns();
        CHECK(now_ns >= last_ns);
        last_ns = now_ns;
    }
    CHECK(time_from_tsc(0) == 0); // a counter that is behind
}

// Counters that differ: each core's shows the same time by its own.
static void counters_apart(void)
{
    static const int64_t ahead[] = {0, 1, -1, 123456789, -123456789, 1ll << 50, -(1ll << 50)};
    power_on(2400000000);
    uint64_t entry = ticks(machine.tsc_hz), seen = entry + 777777777;
    boot();
    uint64_t seen_ns = time_from_tsc(seen);
    for (unsigned i = 0; i < ARRAY_COUNT(ahead); i++) {
        base_of_core_1 = entry + (uint64_t)ahead[i];
        CHECK(time_from_tsc_of(1, seen + (uint64_t)ahead[i]) == seen_ns);
        time_start_core(ahead[i]); // now this is that core
        CHECK(time_from_tsc(seen + (uint64_t)ahead[i]) == seen_ns);
        CHECK(time_from_tsc_of(0, seen + (uint64_t)ahead[i]) == seen_ns);
        CHECK(time_from_tsc_of(1, seen + (uint64_t)ahead[i]) == seen_ns);
        time_start_core(0);
    }
}

static uint64_t calendar(int year, int month, int day, int hour, int minute, int second, int zone)
{
    return clock_from_calendar(
        &(struct clock_calendar){year, month, day, hour, minute, second, zone});
}

// Against the host's library, every day; and what is none.
static void calendars(void)
{
    time_t noon = 1577880000; // 2020-01-01 12:00
    for (struct tm tm; gmtime_r(&noon, &tm)->tm_year < 300; noon += 86400)
        CHECK(calendar(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, 12, 0, 0, 0) ==
              (uint64_t)noon);
    CHECK(calendar(2026, 3, 1, 0, 30, 15, -60) == calendar(2026, 2, 28, 23, 30, 15, 0));
    CHECK(calendar(2026, 2, 28, 20, 0, 0, 300) == calendar(2026, 3, 1, 1, 0, 0, 0));
    CHECK(calendar(2024, 2, 29, 0, 0, 0, 0) != 0 && calendar(2025, 2, 29, 0, 0, 0, 0) == 0);
    CHECK(calendar(2100, 2, 29, 0, 0, 0, 0) == 0 && calendar(2025, 4, 31, 0, 0, 0, 0) == 0);
    CHECK(calendar(2019, 1, 1, 0, 0, 0, 0) == 0 && calendar(2200, 1, 1, 0, 0, 0, 0) == 0);
    CHECK(calendar(2025, 0, 1, 0, 0, 0, 0) == 0 && calendar(2025, 13, 1, 0, 0, 0, 0) == 0);
    CHECK(calendar(2025, 1, 0, 0, 0, 0, 0) == 0 && calendar(2025, 1, 32, 0, 0, 0, 0) == 0);
    CHECK(calendar(2025, 1, 1, 24, 0, 0, 0) == 0 && calendar(2025, 1, 1, 0, 60, 0, 0) == 0);
    CHECK(calendar(2025, 1, 1, 0, 0, 61, 0) == 0 && calendar(2025, 1, 1, 0, 0, 0, 1441) == 0);
    CHECK(calendar(2025, 12, 31, 23, 59, 60, 0) == calendar(2026, 1, 1, 0, 0, 0, 0));
}

#define CASE(name)                                                                                 \
    static void case_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        in_a_process(name);                                                                        \
    }
#define CASES(DO)                                                                                  \
    DO(pm_timer)                                                                                   \
    DO(pm_timer_24)                                                                                \
    DO(hpet)                                                                                       \
    DO(hpet_by_wish)                                                                               \
    DO(wish_is_not_there)                                                                          \
    DO(cpuid)                                                                                      \
    DO(kvm)                                                                                        \
    DO(kvm_is_silent)                                                                              \
    DO(nothing_to_measure_by)                                                                      \
    DO(deadlines)                                                                                  \
    DO(deadlines_beyond_the_counter)                                                               \
    DO(one_shot)                                                                                   \
    DO(never_back)                                                                                 \
    DO(counters_apart)                                                                             \
    DO(calendars)
CASES(CASE)

int main(void)
{
#define ROW(name) cmocka_unit_test(case_##name),
    const struct CMUnitTest tests[] = {CASES(ROW)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

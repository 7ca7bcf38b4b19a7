// SPDX-License-Identifier: MIT
// Spec: Intel SDM volume 2 (CPUID 15h, 16h), volume 3 18.17 (time stamp counter); IA-PC HPET 1.0a;
// ACPI 6.5, 4.8.3.3 (power management timer).
#include "kernel/time.h"

#include <string.h>

#include "kernel/apic.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/kvm_clock.h"
#include "kernel/log.h"
#include "kernel/mmio.h"
#include "kernel/options.h"
#include "kernel/panic.h"

OPTION_CHOICE(clock, "cpuid|hpet|kvm|pm", "what says how fast the clock runs");

#define CALIBRATION_MIN_NS       (2 * NS_PER_MS)
#define TIMER_CALIBRATION_MIN_NS (1 * NS_PER_MS)
#define WAIT_MAX_NS              (1ull << 57) // 4 years; more would not fit the fastest counter
#define PM_TIMER_HZ              3579545
#define HPET_PERIOD              0x04 // upper half of the capabilities: femtoseconds a tick
#define HPET_CONFIG              0x10
#define HPET_COUNTER             0xf0

// Read-only once calibrated. ns = (tsc - base) * multiplier / 2^32
static uint64_t entry_tsc, multiplier, tsc_hz;
// What this core's counter showed when core 0's showed entry_tsc.
static PERCORE uint64_t base_tsc;
static uint64_t tsc_multiplier;   // counts of it = ns * tsc_multiplier / 2^32
static struct kvm_clock kvm;      // tsc_hz 0: not on KVM
static const char *wish;          // option clock, NULL: the best there is
static uint64_t timer_multiplier; // APIC timer ticks = ns * timer_multiplier / 2^32

// The counter that the time stamp counter is measured against.
static struct {
    uint64_t (*read)(void);
    uint64_t mask;
    uint64_t femtoseconds; // a tick
    uint64_t start_count, start_tsc;
} reference;
static uint16_t pm_timer_port;
static volatile char *hpet;
static uint64_t timer_start_tsc;

static PERCORE uint64_t armed_ns = TIME_NEVER; // what the interrupt timer is set to

static uint64_t pm_timer_read(void)
{
    return cpu_in32(pm_timer_port);
}

static uint64_t hpet_read(void)
{
    return mmio_read32(hpet + HPET_COUNTER);
}

// A pair of readings as close together as can be had: the best of a few.
COLD static uint64_t reference_sample(uint64_t *tsc)
{
    uint64_t best = UINT64_MAX, count = 0;
    for (int i = 0; i < 5; i++) {
        uint64_t before = cpu_read_tsc();
        uint64_t now = reference.read();
        uint64_t after = cpu_read_tsc();
        if (after - before < best) {
            best = after - before;
            count = now;
            *tsc = before + (after - before) / 2;
        }
    }
    return count;
}

COLD static void reference_start(uint64_t (*read)(void), uint64_t mask, uint64_t femtoseconds)
{
    reference.read = read;
    reference.mask = mask;
    reference.femtoseconds = femtoseconds;
    reference.start_count = reference_sample(&reference.start_tsc);
}

// For a machine whose ACPI has no timer. Its registers are memory, so it cannot start early.
COLD static bool hpet_start(const struct acpi_facts *facts)
{
    if (facts->hpet_phys == 0)
        return false;
    hpet = mmio_map(facts->hpet_phys, 1024);
    uint32_t period = hpet != NULL ? mmio_read32(hpet + HPET_PERIOD) : 0;
    if (period < 100000 || period > 100000000) // the specification's limits, in femtoseconds
        return false;
    mmio_write32(hpet + HPET_CONFIG, mmio_read32(hpet + HPET_CONFIG) | 1);
    reference_start(hpet_read, 0xffffffff, period);
    return true;
}

static bool is_tsc_hz(uint64_t hz)
{
    return hz >= 1000000 && hz < 100 * NS_PER_S;
}

// Returns: 0 if neither the CPU nor a hypervisor says it.
COLD static uint64_t tsc_hz_from_cpuid(void)
{
    uint32_t max, a, b, c, d;
    cpu_id(0, 0, &max, &b, &c, &d);
    if (max >= 0x15) {
        cpu_id(0x15, 0, &a, &b, &c, &d); // ratio b / a of the crystal's c Hz
        if (a != 0 && b != 0 && c != 0) {
            return (uint64_t)c * b / a;
        }
        if (a != 0 && b != 0 && max >= 0x16) {
            cpu_id(0x16, 0, &a, &b, &c, &d); // base frequency in MHz, which the counter runs at
            return (uint64_t)(a & 0xffff) * 1000000;
        }
    }
    cpu_id(1, 0, &a, &b, &c, &d);
    if (c >> 31 & 1) {
        cpu_id(0x40000000, 0, &max, &b, &c, &d);
        if (max >= 0x40000010 && max < 0x40010000) {
            cpu_id(0x40000010, 0, &a, &b, &c, &d);
            return (uint64_t)a * 1000;
        }
    }
    return 0;
}

COLD static void clock_set(uint64_t hz, const char *by)
{
    tsc_hz = hz;
    multiplier = (uint64_t)(((unsigned __int128)NS_PER_S << 32) / hz);
    tsc_multiplier = (uint64_t)(((unsigned __int128)hz << 32) / NS_PER_S);
    if (wish != NULL)
        log_info("time: %s says %llu.%03llu MHz", by, (unsigned long long)hz / 1000000,
                 (unsigned long long)hz / 1000 % 1000);
}

COLD static uint64_t tsc_hz_from_cpu(void)
{
    uint64_t hz = tsc_hz_from_cpuid();
    return is_tsc_hz(hz) ? hz : 0;
}

static bool is_wished(const char *name)
{
    return wish == NULL || strcmp(wish, name) == 0;
}

COLD static void find_clock(const struct acpi_facts *facts)
{
    uint64_t cpu_hz;
    if (kvm.tsc_hz != 0 && is_wished("kvm")) {
        clock_set(kvm.tsc_hz, "KVM");
    } else if (is_wished("cpuid") && (cpu_hz = tsc_hz_from_cpu()) != 0) {
        clock_set(cpu_hz, "CPUID");
    } else if (is_wished("pm") && facts->pm_timer_port != 0) {
        pm_timer_port = facts->pm_timer_port;
        reference_start(pm_timer_read, facts->pm_timer_is_32bit ? 0xffffffff : 0xffffff,
                        1000000000000000ull / PM_TIMER_HZ);
    }
}

COLD void time_start(const struct acpi_facts *facts, uint64_t tsc_at_entry)
{
    entry_tsc = tsc_at_entry;
    time_start_core(0);
    wish = option_get("clock");
    if (!kvm_clock_read(&kvm) || !is_tsc_hz(kvm.tsc_hz))
        kvm.tsc_hz = 0;
    find_clock(facts);
}

COLD void time_start_core(int64_t tsc_ahead)
{
    base_tsc = entry_tsc + (uint64_t)tsc_ahead;
}

COLD bool time_wall_at_start(uint64_t *wall_ns)
{
    if (kvm.tsc_hz == 0 || kvm.wall_ns == 0)
        return false;
    *wall_ns = kvm.wall_ns - time_from_tsc(kvm.tsc);
    return true;
}

void time_start_timer(void)
{
    if (apic_has_tsc_deadline())
        return;
    timer_start_tsc = cpu_read_tsc();
    apic_timer_set(UINT32_MAX); // nobody hears it: interrupts are off
}

COLD static void measure_clock(void)
{
    uint64_t count, tsc, elapsed_ns;
    do {
        cpu_pause();
        count = reference_sample(&tsc);
        elapsed_ns =
            ((count - reference.start_count) & reference.mask) * reference.femtoseconds / 1000000;
    } while (elapsed_ns < CALIBRATION_MIN_NS);
    clock_set((uint64_t)((unsigned __int128)(tsc - reference.start_tsc) * NS_PER_S / elapsed_ns),
              hpet != NULL ? "the HPET" : "the ACPI timer");
}

COLD static void measure_timer(void)
{
    uint64_t start_ns = time_from_tsc(timer_start_tsc), elapsed_ns;
    uint32_t left;
    do {
        cpu_pause();
        left = apic_timer_left();
        elapsed_ns = time_now_ns() - start_ns;
    } while (elapsed_ns < TIMER_CALIBRATION_MIN_NS);
    timer_multiplier = ((uint64_t)(UINT32_MAX - left) << 32) / elapsed_ns;
    apic_timer_set(0);
}

COLD static bool has_clock(const struct acpi_facts *facts)
{
    return tsc_hz != 0 || reference.read != NULL || (is_wished("hpet") && hpet_start(facts));
}

COLD void time_calibrate(const struct acpi_facts *facts)
{
    bool found = has_clock(facts);
    if (!found && wish != NULL) {
        log_warn("time: this machine has no clock=%s, or it does not say: any other is used", wish);
        wish = NULL;
        find_clock(facts);
        found = has_clock(facts);
    }
    if (!found)
        panic("time: no ACPI timer, no HPET, and neither the CPU nor a hypervisor says how fast "
              "the time stamp counter runs");
    if (tsc_hz == 0)
        measure_clock();
    if (!apic_has_tsc_deadline())
        measure_timer();
}

uint64_t time_tsc_hz(void)
{
    return tsc_hz;
}

INTERRUPT_CONTEXT uint64_t time_of_counts(uint64_t counts)
{
    return (uint64_t)((unsigned __int128)counts * multiplier >> 32);
}

static inline __attribute__((always_inline)) INTERRUPT_CONTEXT uint64_t from_tsc(uint64_t tsc)
{
    // A core whose counter is a little behind must not turn time back to before boot.
    if (__builtin_expect((int64_t)(tsc - base_tsc) < 0, 0))
        return 0;
    return (uint64_t)((unsigned __int128)(tsc - base_tsc) * multiplier >> 32);
}

INTERRUPT_CONTEXT uint64_t time_from_tsc(uint64_t tsc)
{
    return from_tsc(tsc);
}

uint64_t time_from_tsc_of(unsigned core, uint64_t tsc)
{
    const uint64_t *base = core_local_of(core, &base_tsc);
    return time_from_tsc(base == NULL ? tsc : tsc - *base + base_tsc);
}

INTERRUPT_CONTEXT uint64_t time_now_ns(void)
{
    return from_tsc(cpu_read_tsc());
}

// What wants the interrupt timer of this core; the earlier one gets it.
static PERCORE uint64_t halt_until_ns, sample_at_ns = TIME_NEVER;

// The time to wait, in counts of a counter that makes counts_per_ns / 2^32 of them a nanosecond. No
// division: libgcc does those of 128 bits, and this runs in interrupts too.
static INTERRUPT_CONTEXT uint64_t counts_until(uint64_t deadline_ns, uint64_t counts_per_ns)
{
    uint64_t now_ns = time_now_ns();
    uint64_t wait_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    if (wait_ns > WAIT_MAX_NS)
        wait_ns = WAIT_MAX_NS;
    return (uint64_t)((unsigned __int128)wait_ns * counts_per_ns >> 32) + 1;
}

INTERRUPT_CONTEXT void time_interrupt_came(void)
{
    armed_ns = TIME_NEVER;
}

static INTERRUPT_CONTEXT void arm_timer(uint64_t deadline_ns)
{
    if (deadline_ns == armed_ns)
        return; // a write can cost a way into the hypervisor and back
    armed_ns = deadline_ns;
    bool never = deadline_ns == TIME_NEVER;
    if (apic_has_tsc_deadline()) {
        apic_timer_set_tsc(never ? 0 : cpu_read_tsc() + counts_until(deadline_ns, tsc_multiplier));
        return;
    }
    uint64_t ticks = never ? 0 : counts_until(deadline_ns, timer_multiplier);
    apic_timer_set(ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX);
}

void time_arm_interrupt(uint64_t deadline_ns)
{
    halt_until_ns = deadline_ns;
    arm_timer(deadline_ns < sample_at_ns ? deadline_ns : sample_at_ns);
}

INTERRUPT_CONTEXT void time_arm_sample(uint64_t deadline_ns)
{
    sample_at_ns = deadline_ns;
    bool halt_is_over = halt_until_ns <= time_now_ns();
    arm_timer(halt_is_over || deadline_ns < halt_until_ns ? deadline_ns : halt_until_ns);
}

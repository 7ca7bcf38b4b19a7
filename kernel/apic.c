// SPDX-License-Identifier: MIT
#include "kernel/apic.h"

#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/interrupts.h"
#include "kernel/mmio.h"
#include "kernel/panic.h"

#define MSR_APIC_BASE     0x1b
#define MSR_TSC_DEADLINE  0x6e0
#define MSR_X2APIC_BASE   0x800
#define APIC_BASE_ENABLE  (1u << 11)
#define APIC_BASE_ADDRESS 0x000ffffffffff000ull
#define APIC_BASE_X2APIC  (1u << 10)

// Register numbers: MSR_X2APIC_BASE + n, or memory at 16 * n.
enum {
    REGISTER_ID = 0x02,
    REGISTER_TASK_PRIORITY = 0x08,
    REGISTER_END_OF_INTERRUPT = 0x0b,
    REGISTER_SPURIOUS = 0x0f,
    REGISTER_LVT_CMCI = 0x2f,
    REGISTER_COMMAND = 0x30,
    REGISTER_COMMAND_HIGH = 0x31, // xAPIC only
    REGISTER_LVT_TIMER = 0x32,
    REGISTER_LVT_THERMAL = 0x33,
    REGISTER_LVT_PERFORMANCE = 0x34,
    REGISTER_LVT_LINT0 = 0x35,
    REGISTER_LVT_LINT1 = 0x36,
    REGISTER_LVT_ERROR = 0x37,
    REGISTER_TIMER_COUNT = 0x38,
    REGISTER_TIMER_LEFT = 0x39,
    REGISTER_TIMER_DIVIDE = 0x3e,
};
#define LVT_MASKED           (1u << 16)
#define LVT_TSC_DEADLINE     (2u << 17)
#define LVT_NMI              (4u << 8)
#define SPURIOUS_APIC_ENABLE (1u << 8)
#define COMMAND_NMI          (4u << 8)
#define COMMAND_INIT         (5u << 8)
#define COMMAND_STARTUP      (6u << 8)
#define COMMAND_ASSERT       (1u << 14)
#define COMMAND_OTHERS       (3u << 18)
#define COMMAND_PENDING      (1u << 12)
#define TIMER_DIVIDE_BY_16   3

// Read-only once core 0 has booted.
static bool is_x2apic, has_tsc_deadline;
static volatile char *registers;

static PERCORE uint32_t own_id; // written once

static INTERRUPT_CONTEXT uint32_t apic_read(unsigned number)
{
    if (is_x2apic)
        return (uint32_t)cpu_read_msr(MSR_X2APIC_BASE + number);
    return mmio_read32(registers + 16 * number);
}

static INTERRUPT_CONTEXT void apic_write(unsigned number, uint32_t value)
{
    if (is_x2apic)
        cpu_write_msr(MSR_X2APIC_BASE + number, value);
    else
        mmio_write32(registers + 16 * number, value);
}

static INTERRUPT_CONTEXT void apic_command(uint32_t destination, uint32_t command)
{
    if (is_x2apic) {
        // The write of this MSR is not ordered after earlier stores; what was stored for the other
        // core must be there when its interrupt is.
        cpu_full_barrier();
        cpu_write_msr(MSR_X2APIC_BASE + REGISTER_COMMAND, (uint64_t)destination << 32 | command);
        return;
    }
    for (int i = 0; i < 100000 && (apic_read(REGISTER_COMMAND) & COMMAND_PENDING); i++)
        cpu_pause();
    apic_write(REGISTER_COMMAND_HIGH, destination << 24);
    apic_write(REGISTER_COMMAND, command);
}

void apic_reset_others(void)
{
    uint64_t base = cpu_read_msr(MSR_APIC_BASE);
    if (!(base & APIC_BASE_ENABLE))
        return;
    is_x2apic = base & APIC_BASE_X2APIC;
    registers = (volatile char *)(base & APIC_BASE_ADDRESS); // where firmware's tables have it
    apic_command(0, COMMAND_OTHERS | COMMAND_ASSERT | COMMAND_INIT);
}

void apic_start(uint64_t registers_phys)
{
    uint64_t base = cpu_read_msr(MSR_APIC_BASE);
    is_x2apic = (base & APIC_BASE_ENABLE) && (base & APIC_BASE_X2APIC);
    if (!is_x2apic) {
        if (registers_phys == 0) // no ACPI table said
            registers_phys = base & APIC_BASE_ADDRESS;
        registers = mmio_map(registers_phys, 4096);
        if (registers == NULL)
            panic("apic: no memory to map the registers at %#llx",
                  (unsigned long long)registers_phys);
    }
    uint32_t a, b, c, d;
    cpu_id(1, 0, &a, &b, &c, &d);
    has_tsc_deadline = c >> 24 & 1;
    // The two 8259 interrupt controllers: all masked, nothing of theirs is ours.
    cpu_out8(0x21, 0xff);
    cpu_out8(0xa1, 0xff);
    apic_start_core();
}

void apic_start_core(void)
{
    uint64_t base = cpu_read_msr(MSR_APIC_BASE) | APIC_BASE_ENABLE;
    cpu_write_msr(MSR_APIC_BASE, base);
    if (is_x2apic) // only through plain enabled mode: SDM 11.12.5
        cpu_write_msr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
    own_id = apic_id();
    apic_write(REGISTER_TASK_PRIORITY, 0);
    apic_write(REGISTER_LVT_LINT0, LVT_MASKED);
    apic_write(REGISTER_LVT_LINT1, LVT_NMI);
    apic_write(REGISTER_LVT_THERMAL, LVT_MASKED);
    apic_write(REGISTER_LVT_PERFORMANCE, LVT_MASKED);
    apic_write(REGISTER_LVT_ERROR, LVT_MASKED);
    apic_write(REGISTER_SPURIOUS, SPURIOUS_APIC_ENABLE | VECTOR_SPURIOUS);
    apic_write(REGISTER_TIMER_DIVIDE, TIMER_DIVIDE_BY_16);
    apic_write(REGISTER_LVT_TIMER, VECTOR_TIMER | (has_tsc_deadline ? LVT_TSC_DEADLINE : 0));
    // Nothing that firmware or a previous life of the core left in service may block us.
    for (int i = 0; i < 8; i++)
        apic_write(REGISTER_END_OF_INTERRUPT, 0);
}

bool apic_is_x2apic(void)
{
    return is_x2apic;
}

bool apic_reaches(uint32_t id)
{
    return is_x2apic || id < 0xff;
}

uint32_t apic_id(void)
{
    uint32_t id = apic_read(REGISTER_ID);
    return is_x2apic ? id : id >> 24;
}

uint32_t apic_id_of(unsigned core)
{
    return *(const uint32_t *)core_local_of(core, &own_id);
}

INTERRUPT_CONTEXT void apic_end_of_interrupt(void)
{
    apic_write(REGISTER_END_OF_INTERRUPT, 0);
}

void apic_send(uint32_t destination, uint8_t vector)
{
    apic_command(destination, COMMAND_ASSERT | vector);
}

void apic_send_nmi(uint32_t destination)
{
    apic_command(destination, COMMAND_ASSERT | COMMAND_NMI);
}

void apic_send_nmi_to_others(void)
{
    apic_command(0, COMMAND_OTHERS | COMMAND_ASSERT | COMMAND_NMI);
}

void apic_send_startup(uint32_t destination, uint64_t page_phys)
{
    apic_command(destination, COMMAND_ASSERT | COMMAND_STARTUP | (uint32_t)(page_phys >> 12));
}

INTERRUPT_CONTEXT void apic_timer_set(uint32_t count)
{
    apic_write(REGISTER_TIMER_COUNT, count);
}

uint32_t apic_timer_left(void)
{
    return apic_read(REGISTER_TIMER_LEFT);
}

INTERRUPT_CONTEXT bool apic_has_tsc_deadline(void)
{
    return has_tsc_deadline;
}

INTERRUPT_CONTEXT void apic_timer_set_tsc(uint64_t tsc)
{
    cpu_write_msr(MSR_TSC_DEADLINE, tsc);
}

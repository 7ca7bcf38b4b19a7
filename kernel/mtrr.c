// SPDX-License-Identifier: MIT
#include "kernel/mtrr.h"

#include "kernel/compiler.h"
#include "kernel/cpu.h"

#define CPUID_MTRR         (1u << 12)
#define MSR_CAPABILITIES   0xfe
#define MSR_VARIABLE       0x200 // base and mask of each range, one after the other
#define MSR_DEFAULT_TYPE   0x2ff
#define CAPABILITIES_COUNT 0xff
#define CAPABILITIES_FIXED (1ull << 8)
#define DEFAULT_ENABLED    (1ull << 11)
#define CR0_CACHE_DISABLE  (1ull << 30)
#define CR0_NOT_WRITE      (1ull << 29)
#define VARIABLE_MAX       64 // registers: twice the ranges; no CPU has more than ten

static const uint32_t fixed_registers[] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
                                           0x26b, 0x26c, 0x26d, 0x26e, 0x26f};

// Written by core 0 before other cores start, read-only afterwards.
static struct {
    bool exists;
    unsigned fixed_count, variable_count;
    uint64_t default_type;
    uint64_t fixed[ARRAY_COUNT(fixed_registers)];
    uint64_t variable[VARIABLE_MAX];
} noted;

void mtrr_note(void)
{
    uint32_t a, b, c, d;
    cpu_id(1, 0, &a, &b, &c, &d);
    noted.exists = d & CPUID_MTRR;
    if (!noted.exists)
        return;
    uint64_t capabilities = cpu_read_msr(MSR_CAPABILITIES);
    noted.fixed_count = capabilities & CAPABILITIES_FIXED ? ARRAY_COUNT(fixed_registers) : 0;
    noted.variable_count = 2 * (unsigned)(capabilities & CAPABILITIES_COUNT);
    if (noted.variable_count > VARIABLE_MAX)
        noted.variable_count = VARIABLE_MAX;
    noted.default_type = cpu_read_msr(MSR_DEFAULT_TYPE);
    for (unsigned i = 0; i < noted.fixed_count; i++)
        noted.fixed[i] = cpu_read_msr(fixed_registers[i]);
    for (unsigned i = 0; i < noted.variable_count; i++)
        noted.variable[i] = cpu_read_msr(MSR_VARIABLE + i);
}

static bool is_alike(void)
{
    if (cpu_read_msr(MSR_DEFAULT_TYPE) != noted.default_type)
        return false;
    for (unsigned i = 0; i < noted.fixed_count; i++)
        if (cpu_read_msr(fixed_registers[i]) != noted.fixed[i])
            return false;
    for (unsigned i = 0; i < noted.variable_count; i++)
        if (cpu_read_msr(MSR_VARIABLE + i) != noted.variable[i])
            return false;
    return true;
}

static void flush_tlb(void)
{
    cpu_write_cr3(cpu_read_cr3()); // no page is global: paging_start()
}

// Spec: SDM volume 3, 12.11.7.2, for one core. The others need not stand still: this one has
// nothing in its caches that they share but what core 0 wrote for it.
void mtrr_take_over(void)
{
    if (!noted.exists || is_alike())
        return;
    uint64_t cr0 = cpu_read_cr0();
    cpu_write_cr0((cr0 | CR0_CACHE_DISABLE) & ~CR0_NOT_WRITE);
    cpu_write_back_caches();
    flush_tlb();
    cpu_write_msr(MSR_DEFAULT_TYPE, noted.default_type & ~DEFAULT_ENABLED);
    for (unsigned i = 0; i < noted.fixed_count; i++)
        cpu_write_msr(fixed_registers[i], noted.fixed[i]);
    for (unsigned i = 0; i < noted.variable_count; i++)
        cpu_write_msr(MSR_VARIABLE + i, noted.variable[i]);
    cpu_write_msr(MSR_DEFAULT_TYPE, noted.default_type);
    cpu_write_back_caches();
    flush_tlb();
    cpu_write_cr0(cr0);
}

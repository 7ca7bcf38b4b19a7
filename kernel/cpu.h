// SPDX-License-Identifier: MIT
// One-instruction wrappers for what C cannot say. Host tests put a fake of this header first on
// their include path (tests/unit/shadow/), so no other file of kernel/ has privileged instructions.
#pragma once

#include "kernel/compiler.h"

static inline void cpu_out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}
static inline void cpu_out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}
static inline void cpu_out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}
static inline uint8_t cpu_in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline uint16_t cpu_in16(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline uint32_t cpu_in32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint64_t cpu_read_msr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}
static inline void cpu_write_msr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline uint64_t cpu_read_cr0(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}
static inline void cpu_write_cr0(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr0" ::"r"(value) : "memory");
}
static inline uint64_t cpu_read_cr2(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}
static inline uint64_t cpu_read_cr3(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}
static inline void cpu_write_cr3(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr3" ::"r"(value) : "memory");
}
static inline uint64_t cpu_read_cr4(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}
static inline void cpu_write_cr4(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr4" ::"r"(value) : "memory");
}
// Only with CR4.OSXSAVE set.
static inline uint64_t cpu_read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
static inline void cpu_write_xcr0(uint64_t value)
{
    __asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}
static inline void cpu_reset_fpu(uint32_t mxcsr)
{
    __asm__ volatile("fninit; ldmxcsr %0" ::"m"(mxcsr));
}
static inline void cpu_invalidate_page(const void *address)
{
    __asm__ volatile("invlpg (%0)" ::"r"(address) : "memory");
}

static inline void cpu_id(uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b, uint32_t *c,
                          uint32_t *d)
{
    __asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(subleaf));
}

static inline uint64_t cpu_read_tsc(void)
{
    uint64_t low, high; // it clears the upper halves
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return high << 32 | low;
}

// The same, once all earlier loads are done. Spec: Intel SDM volume 2, RDTSC.
static inline uint64_t cpu_read_tsc_ordered(void)
{
    __asm__ volatile("lfence" ::: "memory");
    return cpu_read_tsc();
}

static inline void cpu_pause(void)
{
    __asm__ volatile("pause" ::: "memory");
}
static inline void cpu_interrupts_off(void)
{
    __asm__ volatile("cli" ::: "memory");
}
static inline void cpu_interrupts_on(void)
{
    __asm__ volatile("sti" ::: "memory");
}
// Halts with interrupts on: none slips in between, for sti takes effect after the next instruction.
static inline void cpu_halt_interruptible(void)
{
    __asm__ volatile("sti; hlt" ::: "memory");
}
// Watches the cache line of `address`: a store to it by another core ends the next MWAIT, or lets
// it pass. Spec: Intel SDM volume 3, 9.10.4; MONITOR is ordered as a load.
static inline void cpu_monitor(const volatile void *address)
{
    __asm__ volatile("monitor" ::"a"(address), "c"(0), "d"(0) : "memory");
}
// MWAIT in the lightest state, with interrupts on as cpu_halt_interruptible() has them.
static inline void cpu_mwait_interruptible(void)
{
    __asm__ volatile("sti; mwait" ::"a"(0), "c"(0) : "memory");
}
static inline void cpu_halt(void)
{
    __asm__ volatile("hlt" ::: "memory");
}
// An exception without any handler: the CPU shuts down, which the machine answers with a reset.
static inline void cpu_triple_fault(void)
{
    static const uint8_t no_table[10];
    __asm__ volatile("lidt %0; ud2" ::"m"(no_table));
}

// Writes all modified cache lines of this core back and empties its caches.
static inline void cpu_write_back_caches(void)
{
    __asm__ volatile("wbinvd" ::: "memory");
}

// Orders every earlier store before every later load, as seen by other cores and devices. mfence,
// because the compiler's seq_cst fence is a LOCK-prefixed instruction.
static inline void cpu_full_barrier(void)
{
    __asm__ volatile("mfence" ::: "memory");
}

// Random numbers of the CPU. The caller has checked CPUID; false: none ready after a few tries.
bool cpu_rdrand64(uint64_t *out);
bool cpu_rdseed64(uint64_t *out);
bool cpu_has_rdrand(void);
bool cpu_has_rdseed(void);

// SPDX-License-Identifier: MIT
// kernel/cpu.h for host tests (-iquote tests/unit/shadow): the same names without privileged
// instructions. A test defines those that its subject uses.
#pragma once

#include <sched.h>

#include "kernel/compiler.h"

void cpu_out8(uint16_t port, uint8_t value);
void cpu_out16(uint16_t port, uint16_t value);
void cpu_out32(uint16_t port, uint32_t value);
uint8_t cpu_in8(uint16_t port);
uint16_t cpu_in16(uint16_t port);
uint32_t cpu_in32(uint16_t port);

void cpu_id(uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d);
uint64_t cpu_read_tsc(void);
static inline uint64_t cpu_read_tsc_ordered(void)
{
    return cpu_read_tsc();
}
void cpu_write_msr(uint32_t msr, uint64_t value);

void cpu_monitor(const volatile void *address);
void cpu_mwait_interruptible(void);
void cpu_halt_interruptible(void);
uint64_t cpu_read_cr0(void);
void cpu_write_cr0(uint64_t value);
uint64_t cpu_read_cr4(void);
void cpu_write_cr4(uint64_t value);
void cpu_write_xcr0(uint64_t value);
void cpu_reset_fpu(uint32_t mxcsr);
uint64_t cpu_read_cr3(void);
void cpu_write_cr3(uint64_t value);

bool cpu_rdrand64(uint64_t *out);
bool cpu_rdseed64(uint64_t *out);
bool cpu_has_rdrand(void);
bool cpu_has_rdseed(void);

void cpu_interrupts_off(void);
void cpu_interrupts_on(void);

static inline void cpu_pause(void)
{
    sched_yield(); // whoever is waited for may need this CPU
}
static inline void cpu_full_barrier(void)
{
    __asm__ volatile("mfence" ::: "memory");
}

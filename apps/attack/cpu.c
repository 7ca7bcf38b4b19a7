// SPDX-License-Identifier: MIT
// What the CPU itself refuses, and a core that never comes back.
#include "kernel/cpu.h"
#include "apps/attack/attacks.h"

#define SELECTOR_NONE 0x78 // behind the descriptor table

NOINLINE void attack_breakpoint(void)
{
    __asm__ volatile("int3");
}

NOINLINE void attack_divide(void)
{
    volatile int zero = 0, one = 1;
    __asm__ volatile("cltd; idivl %1" : : "a"(one), "r"(zero) : "edx", "cc");
}

NOINLINE void attack_opcode(void)
{
    __asm__ volatile("ud2");
}

NOINLINE void attack_protection(void)
{
    __asm__ volatile("movl %0, %%es" ::"r"(SELECTOR_NONE));
}

// The table of interrupts ends with the double fault: the protection fault after it has no entry,
// nor has the one that this is.
NOINLINE void attack_double_fault(void)
{
    struct PACKED {
        uint16_t limit;
        uint64_t base;
    } table;
    __asm__ volatile("sidt %0" : "=m"(table));
    table.limit = 9 * 16 - 1;
    cpu_interrupts_off();
    __asm__ volatile("lidt %0\n\t"
                     "movl %1, %%es" ::"m"(table),
                     "r"(SELECTOR_NONE));
}

NOINLINE void attack_busy(void)
{
    for (;;)
        cpu_pause();
}

NOINLINE void attack_halt(void)
{
    cpu_interrupts_off();
    for (;;)
        cpu_halt();
}

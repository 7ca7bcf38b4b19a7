// SPDX-License-Identifier: MIT
// Attacks on stacks.
#include <stdlib.h>

#include "apps/attack/attacks.h"
#include "kernel/apic.h"
#include "kernel/cpu.h"
#include "kernel/interrupts.h"
#include "kernel/panic.h"

#define RET           0xc3               // the instruction
#define GUARD_IN_FILE 0x595e9fbd94fda700 // panic.c

static INTERRUPT_CONTEXT NOINLINE int recurse(int depth)
{
    volatile char frame[3000]; // few frames fill a stack: the backtrace has them all
    frame[0] = (char)depth;
    HIDE(depth);
    return depth != 0 ? recurse(depth + 1) + frame[0] : 0;
}

NOINLINE void attack_stack_recursion(void)
{
    recurse(1);
    NOT_LAST();
}

// Far over the guard page, into whatever lies below it: the compiler touches each page on the way.
NOINLINE void attack_stack_large_frame(void)
{
    size_t size_bytes = 4 << 20;
    HIDE(size_bytes);
    volatile char frame[size_bytes];
    frame[0] = 1;
    (void)frame[0];
}

static INTERRUPT_CONTEXT NOINLINE void recurse_in_handler(void *context)
{
    (void)context;
    recurse(1);
    NOT_LAST();
}

NOINLINE void attack_stack_interrupt(void)
{
    int vector = interrupt_allocate(recurse_in_handler, NULL);
    volatile bool for_ever = vector > 0;
    if (for_ever)
        apic_send(apic_id(), (uint8_t)vector);
    while (for_ever)
        cpu_pause();
}

// Only a little too far: the frame's guard word, not the frames above.
NOINLINE void attack_stack_buffer(void)
{
    char buffer[24];
    size_t size_bytes = sizeof(buffer) + 8;
    char *start = buffer;
    HIDE(start);
    HIDE(size_bytes);
    for (size_t i = 0; i < size_bytes; i++)
        ((volatile char *)start)[i] = 'A';
}

// The guard word as it is in the file, by who has read the file: it is another one since the boot.
NOINLINE void attack_stack_known_guard(void)
{
    uintptr_t buffer[4];
    volatile uintptr_t *word = buffer;
    HIDE(word);
    while (*word != __stack_chk_guard)
        word++;
    *word = GUARD_IN_FILE;
}

// A write that goes past the guard word: what it returns to cannot be executed.
NOINLINE void attack_return_address(void)
{
    unsigned char *code = malloc(16);
    if (code == NULL)
        return;
    code[0] = RET;
    ((void *volatile *)__builtin_frame_address(0))[1] = code;
}

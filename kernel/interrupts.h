// SPDX-License-Identifier: MIT
// Interrupt vectors of this core. A handler runs with interrupts off, on the interrupt stack and
// without vector registers: it only marks what happened, and the core's loop does the work.
// Every exception ends in panic_exception().
#pragma once

#include "kernel/compiler.h"
#include "kernel/stack.h"

// Fixed vectors; the others, from VECTOR_FIRST_FREE on, are given out.
enum {
    VECTOR_NMI = 2,
    VECTOR_DOUBLE_FAULT = 8,
    VECTOR_PAGE_FAULT = 14,
    VECTOR_FIRST_FREE = 32,
    VECTOR_WAKE = 0xfd,     // another core has something for this one
    VECTOR_TIMER = 0xfe,    // local APIC timer
    VECTOR_SPURIOUS = 0xff, // no end of interrupt
};

// What was interrupted. The order is that of vectors.asm.
struct interrupt_frame {
    uint64_t r15, r14, r13, r12, rbx; // of exceptions and NMIs alone
    uint64_t rbp, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
    uint64_t vector, error_code; // of the vector only the lower 8 bits count
    uint64_t rip, cs, rflags, rsp, ss;
};

#define RFLAGS_INTERRUPTS 0x200ull // interrupts are on

// Where interrupt_dispatch() returns to (vectors.asm): the frame of that caller is what was
// interrupted.
extern const char vector_return[];

// Loads this core's descriptor tables. Context: interrupts off; each core once.
void interrupt_start_core(const struct core_stacks *stacks);

// Gives out a free vector of this core. Define handlers with INTERRUPT_CONTEXT.
// Returns: the vector (32..252), or -ENOSPC.
int interrupt_allocate(void (*handler)(void *context), void *context) MUST_CHECK;
// Takes it back. The device must not raise it any more: if it does, that is unexpected.
void interrupt_free(int vector);
// The handler of one of the fixed vectors.
void interrupt_set_handler(int vector, void (*handler)(void *context), void *context);

// What a device must write, and where, to raise `vector` on this core (message signalled
// interrupt). Spec: Intel SDM volume 3, 11.11. Returns: 0, or -ERANGE where no device reaches this
// core: its APIC id has more than the 8 bits of a message.
struct msi_message {
    uint64_t address;
    uint32_t data;
};
int interrupt_msi_message(int vector, struct msi_message *message) MUST_CHECK;

// In a handler: calls a function that may use vector registers; the interrupted thread's are kept.
void interrupt_call(void (*function)(const struct interrupt_frame *frame));

// Vectors came to this core that nobody waits for. Names them on the console, each once.
// Context: a thread.
extern PERCORE bool interrupt_is_untold;
void interrupt_tell_unexpected(void);

struct interrupt_stats {
    uint64_t handled, unexpected, spurious;
};
struct interrupt_stats interrupt_stats_of(unsigned core);

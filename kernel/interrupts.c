// SPDX-License-Identifier: MIT
// Spec: Intel SDM volume 3, chapters 6 (interrupts) and 8.7 (64-bit TSS).
#include "kernel/interrupts.h"

#include <errno.h>

#include "kernel/apic.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/nmi.h"
#include "kernel/panic.h"
#include "kernel/stack.h"
#include "kernel/trace.h"

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS  0x18
#define MSI_EVERYONE  0xff // the highest number that a message has room for

struct PACKED idt_entry {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
struct PACKED tss {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, io_map_base;
};
struct PACKED table_register {
    uint16_t limit;
    uint64_t base;
};
_Static_assert(sizeof(struct idt_entry) == 16, "SDM 6.14.1");
_Static_assert(sizeof(struct tss) == 104, "SDM 8.7");

extern char vector_entries[256][8];
void interrupt_dispatch(struct interrupt_frame *frame);

struct handler {
    void (*call)(void *context);
    void *context;
};

static struct idt_entry idt[256]; // the same on all cores
static PERCORE uint64_t gdt[5];
static PERCORE struct tss tss;
static PERCORE_ZERO struct handler handlers[256];
static PERCORE struct interrupt_stats stats;
static PERCORE const struct interrupt_frame *current_frame;

// Vectors that came though nobody waits for them, a bit each.
static PERCORE uint64_t unexpected[256 / 64], told[256 / 64];
PERCORE bool interrupt_is_untold;

static enum interrupt_stack vector_stack(int vector)
{
    switch (vector) {
    case VECTOR_DOUBLE_FAULT:
        return INTERRUPT_STACK_DOUBLE_FAULT;
    case VECTOR_NMI:
        return INTERRUPT_STACK_NMI;
    default:
        return vector < VECTOR_FIRST_FREE ? INTERRUPT_STACK_FAULT : INTERRUPT_STACK_DEVICE;
    }
}

static void idt_fill(void)
{
    for (int vector = 0; vector < 256; vector++) {
        uint64_t entry = (uintptr_t)vector_entries[vector];
        idt[vector] = (struct idt_entry){
            .offset_low = (uint16_t)entry,
            .selector = SELECTOR_CODE,
            .ist = (uint8_t)(vector_stack(vector) + 1), // 0 is none
            .type = 0x8e, // present interrupt gate: interrupts off on entry
            .offset_middle = (uint16_t)(entry >> 16),
            .offset_high = (uint32_t)(entry >> 32),
        };
    }
}

static void gdt_load(void)
{
    uint64_t base = (uintptr_t)&tss, limit = sizeof(tss) - 1;
    gdt[SELECTOR_CODE / 8] = 0x00af9b000000ffff; // 64-bit code, ring 0
    gdt[SELECTOR_DATA / 8] = 0x00cf93000000ffff;
    gdt[SELECTOR_TSS / 8] =
        limit | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
    struct table_register gdtr = {sizeof(gdt) - 1, (uintptr_t)gdt};
    struct table_register idtr = {sizeof(idt) - 1, (uintptr_t)idt};
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %2\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movl %3, %%eax\n\t"
                     "movl %%eax, %%ds\n\t"
                     "movl %%eax, %%es\n\t"
                     "movl %%eax, %%ss\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "movl %%eax, %%fs\n\t"
                     "movl %%eax, %%gs\n\t"
                     "ltr %w4\n\t"
                     "lidt %1"
                     :
                     : "m"(gdtr), "m"(idtr), "i"(SELECTOR_CODE), "i"(SELECTOR_DATA),
                       "r"((uint16_t)SELECTOR_TSS)
                     : "rax", "memory");
}

void interrupt_start_core(const struct core_stacks *stacks)
{
    if (idt[0].type == 0) // core 0 comes first, alone
        idt_fill();
    for (int i = 0; i < INTERRUPT_STACK_COUNT; i++)
        tss.ist[i] = stacks->interrupt_tops[i];
    tss.io_map_base = sizeof(tss);
    gdt_load();
}

void interrupt_set_handler(int vector, void (*handler)(void *context), void *context)
{
    // What is not marked INTERRUPT_CONTEXT destroys what threads compute.
    ASSERT((uintptr_t)handler >= (uintptr_t)interrupt_text_start &&
           (uintptr_t)handler < (uintptr_t)interrupt_text_end);
    handlers[vector] = (struct handler){handler, context};
}

int interrupt_allocate(void (*handler)(void *context), void *context)
{
    for (int vector = VECTOR_FIRST_FREE; vector < VECTOR_WAKE; vector++) {
        if (handlers[vector].call == NULL) {
            interrupt_set_handler(vector, handler, context);
            return vector;
        }
    }
    return -ENOSPC;
}

void interrupt_free(int vector)
{
    ASSERT(vector >= VECTOR_FIRST_FREE && vector < VECTOR_WAKE && handlers[vector].call != NULL);
    handlers[vector].call = NULL;
}

int interrupt_msi_message(int vector, struct msi_message *message)
{
    uint32_t id = apic_id();
    if (id >= MSI_EVERYONE)
        return -ERANGE;
    // Physical destination, fixed delivery, edge triggered.
    *message = (struct msi_message){.address = 0xfee00000ull | (uint64_t)id << 12,
                                    .data = (uint32_t)vector};
    return 0;
}

static INTERRUPT_CONTEXT void note_unexpected(unsigned vector)
{
    uint64_t bit = 1ull << vector % 64;
    unexpected[vector / 64] |= bit;
    if (!(told[vector / 64] & bit))
        interrupt_is_untold = true;
}

void interrupt_tell_unexpected(void)
{
    interrupt_is_untold = false; // first, for more may come
    for (unsigned vector = VECTOR_FIRST_FREE; vector < 256; vector++) {
        uint64_t bit = 1ull << vector % 64;
        if (!(unexpected[vector / 64] & ~told[vector / 64] & bit))
            continue;
        told[vector / 64] |= bit;
        log_warn("interrupts: core %u: %s interrupt, vector %u: more of them are only counted",
                 core_index(), vector == VECTOR_SPURIOUS ? "spurious" : "unexpected", vector);
    }
}

// Not protected, for the compiler forgets where the guard is in a function with a target of its
// own. The vector registers' upper halves that fxsave does not know are not touched by code for
// this CPU's base level. Spec: Intel SDM volume 1, 10.5 (FXSAVE), 14.1 (legacy SSE and the upper
// halves).
INTERRUPT_CONTEXT __attribute__((no_stack_protector)) void interrupt_call(
    void (*function)(const struct interrupt_frame *frame))
{
    char state[512] __attribute__((aligned(16)));
    static const uint32_t mxcsr = 0x1f80; // all exceptions masked
    __asm__ volatile("fxsave64 %0\n\t"
                     "fninit\n\t"
                     "ldmxcsr %1"
                     : "=m"(state)
                     : "m"(mxcsr));
    function(current_frame);
    __asm__ volatile("fxrstor64 %0" ::"m"(state));
}

// An NMI can come in another handler, whose frame is the current one again afterwards.
static INTERRUPT_CONTEXT void dispatch_nmi(const struct interrupt_frame *frame)
{
    const struct interrupt_frame *interrupted = current_frame;
    current_frame = frame;
    interrupt_call(nmi_handle);
    current_frame = interrupted;
}

INTERRUPT_CONTEXT void interrupt_dispatch(struct interrupt_frame *frame)
{
    unsigned vector = (unsigned)frame->vector & 255;
    trace_event(TRACE_INTERRUPT, vector, 0);
    if (__builtin_expect(vector < VECTOR_FIRST_FREE, 0)) {
        if (vector != VECTOR_NMI)
            panic_exception(frame);
        dispatch_nmi(frame);
        return;
    }
    current_frame = frame;
    if (vector == VECTOR_SPURIOUS) {
        stats.spurious++;
        note_unexpected(vector);
        return; // no end of interrupt
    }
    struct handler *handler = &handlers[vector];
    if (handler->call != NULL) {
        stats.handled++;
        handler->call(handler->context);
    } else {
        stats.unexpected++;
        note_unexpected(vector);
    }
    apic_end_of_interrupt();
}

struct interrupt_stats interrupt_stats_of(unsigned core)
{
    const struct interrupt_stats *of = core_local_of(core, &stats);
    return of == NULL ? (struct interrupt_stats){0} : *of;
}

// SPDX-License-Identifier: MIT
// What a core finds on its way up: the page below 1 MiB that a start-up interrupt names holds the
// code of trampoline.asm and, at its end, this.
#pragma once

#include "kernel/compiler.h"
#include "kernel/pages.h"
#include "kernel/stack.h"

// How far a core has come. Only the core itself writes it, but for the first.
enum core_progress {
    CORE_AWAITED,
    CORE_ARRIVED, // in bringup_core_main(), on its way to either of the next two
    CORE_UP,
    CORE_PARKED, // it came too late and halts for ever
};

// One core that is to start; found by its APIC id. Offsets are known to trampoline.asm.
struct core_start {
    uint32_t apic_id;
    uint32_t index;
    uint64_t root; // CR3
    struct core_stacks stacks;
    struct page_share memory;  // for its pool
    _Atomic uint32_t progress; // enum core_progress
    _Atomic bool is_left_out;  // core 0: nobody waits for it any more
};
_Static_assert(offsetof(struct core_start, root) == 8, "trampoline.asm");
_Static_assert(offsetof(struct core_start, stacks.loop_top) == 16, "trampoline.asm");

struct PACKED trampoline_parameters {
    uint32_t cr3, cr4;
    uint32_t cr0, efer;
    uint64_t pat;
    uint64_t starts;                   // struct core_start[start_count]
    uint64_t entry;                    // trampoline_enter, in the image
    uint32_t start_count, start_bytes; // bytes of one
    uint32_t far_offset;               // where 64-bit code starts, linear
    uint16_t far_selector;
    uint16_t gdt_limit;
    uint32_t gdt_base;
    uint64_t gdt[2];
};
#define TRAMPOLINE_PARAMETERS 0x800 // offset in the page
_Static_assert(offsetof(struct trampoline_parameters, pat) == 16, "trampoline.asm");
_Static_assert(offsetof(struct trampoline_parameters, starts) == 24, "trampoline.asm");
_Static_assert(offsetof(struct trampoline_parameters, entry) == 32, "trampoline.asm");
_Static_assert(offsetof(struct trampoline_parameters, start_count) == 40, "trampoline.asm");
_Static_assert(offsetof(struct trampoline_parameters, far_offset) == 48, "trampoline.asm");
_Static_assert(offsetof(struct trampoline_parameters, gdt_limit) == 54, "trampoline.asm");

extern char trampoline_start[], trampoline_long[], trampoline_end[];
void trampoline_enter(void);
_Noreturn void bringup_core_main(struct core_start *start);

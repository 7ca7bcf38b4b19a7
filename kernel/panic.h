// SPDX-License-Identifier: MIT
// The end of the machine: stops the other cores, reports on every console, then does what option
// `on_panic` says (halt or reset; under test QEMU ends with a failing status).
#pragma once

#include "kernel/compiler.h"

struct interrupt_frame;

// Reports "who: what: number" with this core, thread and backtrace. Never returns.
// Context: any, also an interrupt handler.
_Noreturn void panic(const char *format, ...) PRINTF_LIKE(1, 2);
// The report of a CPU exception.
_Noreturn void panic_exception(const struct interrupt_frame *frame);
// Halts for good if another core reports already. Context: an NMI, by which that core stops ours.
void panic_stop_if_told(const struct interrupt_frame *frame);

// What the compiler's stack protector compares frames with. Changed once, by kernel_main().
extern uintptr_t __stack_chk_guard;

// The caller's bug, not an expected failure. The condition must have no side effect.
#define ASSERT(condition)                                                                          \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition);                  \
    } while (0)

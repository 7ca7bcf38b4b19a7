// SPDX-License-Identifier: MIT
// The floating-point and vector units: what a core must be told before code may use them, and the
// control words that a thread starts with.
// Spec: System V ABI for x86-64, 3.2.1 (registers at process entry, those a callee keeps), 3.4.1.
#pragma once

#include "kernel/compiler.h"

// All exceptions masked, rounding to nearest; x87 with 64-bit mantissas.
#define FPU_MXCSR_DEFAULT       0x1f80u
#define FPU_X87_CONTROL_DEFAULT 0x037fu

// Turns on all that the core has of x87, MMX, SSE, AVX and AVX-512, and sets the control words. AMX
// stays off: its state is eight KiB that nothing here would keep.
// Context: each core, once, before it computes.
void fpu_start_core(void);

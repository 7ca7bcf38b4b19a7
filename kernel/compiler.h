// SPDX-License-Identifier: MIT
// What the compiler is told: attributes, alignment, and the section that makes a variable
// core-local.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_argument)                                                  \
    __attribute__((format(printf, format_index, first_argument)))
#define PACKED           __attribute__((packed))
#define CACHE_LINE_BYTES 64
#define CACHE_ALIGNED    __attribute__((aligned(CACHE_LINE_BYTES)))

// A function that runs once or hardly ever: made for size.
#define COLD __attribute__((cold))

// A variable of which every core has its own copy at the same virtual address (smp/percore.h).
// A pointer to one means something only on the core that took it. On the host each test thread
// stands in for a core.
// PERCORE_ZERO: the same for what starts as zeros and is large: it takes no room in the file.
#ifdef TORIL_HOST
#define PERCORE      _Thread_local
#define PERCORE_ZERO _Thread_local
#else
#define PERCORE      __attribute__((section(".percore")))
#define PERCORE_ZERO __attribute__((section(".bss.percore")))
#endif

// For code that runs in an interrupt handler: the interrupted thread's vector registers are not
// saved, so the compiler must not touch them. In a section of its own, so that tests/lint/ can look
// whether any of it does or calls what may, and interrupts.c whether a handler is marked so. gcc
// forgets with the target where the stack protector's guard word is.
#define INTERRUPT_CONTEXT                                                                          \
    __attribute__((target("general-regs-only"), no_stack_protector, section(".text.interrupt")))

#define ARRAY_COUNT(array)                  (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define ALIGN_UP(value, alignment)          (((value) + (alignment)-1) & ~((uint64_t)(alignment)-1))
#define ALIGN_DOWN(value, alignment)        ((value) & ~((uint64_t)(alignment)-1))

// SPDX-License-Identifier: MIT
// The attacks: each runs in a function that its report should name, in a thread of its own, and
// none should come back.
#pragma once

#include "kernel/compiler.h"

#define NOINLINE __attribute__((noinline, noclone))
// What the compiler cannot know keeps it from seeing the fault coming.
#define HIDE(value) __asm__ volatile("" : "+r"(value))
// After a call: it is not the last thing, so its caller stays in the backtrace.
#define NOT_LAST() __asm__ volatile("" ::: "memory")

// Name, and what it tries, for the list.
#define ATTACKS(X)                                                                                 \
    X(write_text, "write the image's code")                                                        \
    X(write_rodata, "write a constant")                                                            \
    X(write_pointers, "write a constant that holds an address")                                    \
    X(write_symbols, "write behind the image's data")                                              \
    X(write_past_image, "write behind the image")                                                  \
    X(write_page_table, "write the page tables")                                                   \
    X(write_null, "write through a null pointer")                                                  \
    X(read_null, "read through a null pointer")                                                    \
    X(read_nowhere, "read where nothing is")                                                       \
    X(read_noncanonical, "read an address that is none")                                           \
    X(execute_heap, "run code on the heap")                                                        \
    X(execute_stack, "run code on the stack")                                                      \
    X(execute_data, "run code in the image's data")                                                \
    X(jump_null, "call a null pointer")                                                            \
    X(jump_nowhere, "call where nothing is")                                                       \
    X(jump_noncanonical, "call an address that is none")                                           \
    X(stack_recursion, "run off the stack, call by call")                                          \
    X(stack_large_frame, "run off the stack in one frame larger than it")                          \
    X(stack_interrupt, "run off the stack of interrupts")                                          \
    X(stack_buffer, "overflow a buffer on the stack")                                              \
    X(stack_known_guard, "the same, with the guard word that the file has")                        \
    X(return_address, "return to code on the heap")                                                \
    X(heap_overflow, "write past the end of a heap block")                                         \
    X(heap_use_after_free, "write a heap block that was freed")                                    \
    X(double_free, "free a heap block twice")                                                      \
    X(wild_free, "free what is no heap block")                                                     \
    X(breakpoint, "int3 without a debugger")                                                       \
    X(divide, "divide by zero")                                                                    \
    X(opcode, "run an instruction that is none")                                                   \
    X(protection, "load a segment that is none")                                                   \
    X(double_fault, "a fault whose handler cannot be entered")                                     \
    X(busy, "never give the core back")                                                            \
    X(halt, "halt the core with interrupts off")

#define ATTACK_DECLARE(name, what) void attack_##name(void);
ATTACKS(ATTACK_DECLARE)
#undef ATTACK_DECLARE

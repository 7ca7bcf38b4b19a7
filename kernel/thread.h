// SPDX-License-Identifier: MIT
// Cooperative threads of one core. A thread runs until it waits, sleeps, yields or exits; no other
// thread of the core runs meanwhile. smp/remote.h creates threads on other cores.
// Rules: never from an interrupt handler; a thread is woken only on its own core.
#pragma once

#include "kernel/compiler.h"

#define THREAD_NAME_BYTES 24 // with the final NUL; longer names are cut

struct thread;

// Creates a thread that runs entry(argument) and ends when entry returns. `name` is copied.
// Returns: the thread, or NULL when out of memory.
struct thread *thread_create(const char *name, void (*entry)(void *argument),
                             void *argument) MUST_CHECK;
// The same with a stack of at least `stack_bytes`; otherwise option stack_kib counts.
struct thread *thread_create_with_stack(const char *name, void (*entry)(void *argument),
                                        void *argument, size_t stack_bytes) MUST_CHECK;
struct thread *thread_self(void);
const char *thread_name(const struct thread *thread);

// Lets the core's loop and every other ready thread run once.
void thread_yield(void);
// Blocks: until the deadline (time_now_ns() scale).
void thread_sleep_until(uint64_t deadline_ns);
// Blocks: until thread_wake() or the deadline. A wake that came before is not lost: it ends the
// next wait at once. Returns: true if woken, false if the deadline passed.
bool thread_wait_until(uint64_t deadline_ns);
// Makes a waiting thread of this core ready.
void thread_wake(struct thread *thread);
_Noreturn void thread_exit(void);

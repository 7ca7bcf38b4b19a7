// SPDX-License-Identifier: MIT
// Cooperative threads of one core. A thread runs until it waits, sleeps, yields or exits; no other
// thread of the core runs meanwhile. smp/remote.h creates threads on other cores, kernel/sync.h and
// kernel/channel.h have what threads wait for each other with.
// Rules: never from an interrupt handler; a thread is woken, joined and detached on its own core
// only.
#pragma once

#include "kernel/compiler.h"

#define THREAD_NAME_BYTES 24 // with the final NUL; longer names are cut, but for literals

struct thread;

// A background thread runs only when no normal one is ready.
enum thread_priority { THREAD_NORMAL, THREAD_BACKGROUND, THREAD_PRIORITIES };

struct thread_options {
    size_t stack_bytes; // at least; 0: what option stack_kib says
    enum thread_priority priority;
    bool joinable; // what is left of it after its end stays until thread_join() or thread_detach()
};

// Creates a thread that runs entry(argument) and ends when entry returns. `name` is copied, unless
// it is one of the image's literals. The thread runs when the caller lets go for the first time,
// after those that are ready already.
// Returns: the thread, or NULL when out of memory: then nothing is left of it.
struct thread *thread_create(const char *name, void (*entry)(void *argument),
                             void *argument) MUST_CHECK;
// The same with a stack of at least `stack_bytes`; otherwise option stack_kib counts.
struct thread *thread_create_with_stack(const char *name, void (*entry)(void *argument),
                                        void *argument, size_t stack_bytes) MUST_CHECK;
struct thread *thread_create_with_options(const char *name, void (*entry)(void *argument),
                                          void *argument,
                                          const struct thread_options *options) MUST_CHECK;
// The loop of the core is one, too, and what runs before it.
struct thread *thread_self(void);
const char *thread_name(const struct thread *thread);
// Where the running thread's errno is.
int *thread_errno(void);

// What the layer of C programs keeps for one thread. end() is called by the thread itself when it
// ends, and may wait.
struct thread_specific {
    void (*end)(struct thread_specific *specific);
};
// Where the running thread's is kept; NULL at first.
struct thread_specific **thread_specific(void);

// false in a core's loop (timers, pollers, messages) and before it runs: nothing there may block.
bool thread_may_wait(void);

// Lets every other ready thread of the same priority, or a higher one, run once. The core's loop
// has its turn among them if its last one is longer ago than a few microseconds.
void thread_yield(void);
// Blocks: until the deadline (time_now_ns() scale).
void thread_sleep_until(uint64_t deadline_ns);
// Blocks: until thread_wake() or the deadline. A wake that came before is not lost: it ends the
// next wait at once. Returns: true if woken, false if the deadline passed.
bool thread_wait_until(uint64_t deadline_ns);
// Makes a thread of this core ready if it is in thread_wait_until(); nothing else is ended by it.
void thread_wake(struct thread *thread);

// Ends this thread. `result` is for thread_join(); NULL when entry returns instead.
_Noreturn void thread_exit(void *result);
// Waits for the end of a joinable thread and frees what is left of it. One thread at a time may
// wait. Blocks: until then, or the deadline. Returns: 0 with the thread's result in *result, if
// `result` is not NULL; -ETIMEDOUT, and the thread is as it was.
int thread_join(struct thread *thread, void **result, uint64_t deadline_ns) MUST_CHECK;
// Nobody will join this joinable thread: it is freed when it ends.
void thread_detach(struct thread *thread);

// Of the running thread, from the next time on that it lets go.
void thread_set_priority(enum thread_priority priority);
enum thread_priority thread_get_priority(const struct thread *thread);

// How much of its stack a thread of this core has used at most so far, in whole pages, and how much
// there is. Costs a look at the page tables; 0 for the loop.
size_t thread_stack_used_bytes(const struct thread *thread);
size_t thread_stack_bytes(const struct thread *thread);

// SPDX-License-Identifier: MIT
// What lies below kernel/thread.c and kernel/scheduler.c.
#include "fake_switch.h"
#include "seeded.h"

#include <sanitizer/common_interface_defs.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/idle.h"
#include "kernel/image.h"
#include "kernel/interrupts.h"
#include "kernel/options.h"
#include "kernel/stack_use.h"
#include "kernel/thread_internal.h"
#include "kernel/watchdog.h"

#define STACK_BYTES (64u << 10) // whatever is asked for: sanitizers need much
#define STEP_NS_MAX 300         // what the clock goes on between two looks

unsigned fake_switch_stacks_left;
bool fake_switch_over;
// Names are no literals here: all are copied.
char rodata_start[1], rodata_end[1];

bool idle_uses_mwait; // the core halts
void cpu_monitor(const volatile void *address)
{
    (void)address;
    abort();
}
void cpu_mwait_interruptible(void)
{
    abort();
}

static jmp_buf nothing_left;
static uint64_t now_ns, deadline_ns;
static unsigned stacks_used;

// ---- the switch ---------------------------------------------------------------------------------

// Of each thread: at the lower end of its stack. The loop's is the test's own.
struct context {
    ucontext_t registers;
    const void *bottom; // what the sanitizer is told of the stack
    size_t size_bytes;
    void *shadow;
    bool started;
};
static struct context loop_context;
static struct context *came_from;

static struct context *context_of(struct thread *thread)
{
    return thread->stack.top == 0 ? &loop_context : (struct context *)thread->stack.bottom;
}

static void arrive(void *shadow)
{
    const void *bottom;
    size_t size_bytes;
    __sanitizer_finish_switch_fiber(shadow, &bottom, &size_bytes);
    came_from->bottom = bottom;
    came_from->size_bytes = size_bytes;
}

void switch_first(void)
{
    arrive(NULL);
    thread_entry();
}

// Alone, for what getcontext() may come back to.
static __attribute__((noinline)) void registers_note(ucontext_t *registers)
{
    getcontext(registers);
}

static void context_make(struct thread *thread)
{
    struct context *context = context_of(thread);
    context->started = true;
    context->bottom = context + 1;
    context->size_bytes = (size_t)((char *)thread->stack_pointer - (char *)(context + 1));
    registers_note(&context->registers);
    context->registers.uc_stack.ss_sp = context + 1;
    context->registers.uc_stack.ss_size = context->size_bytes;
    makecontext(&context->registers, switch_first, 0);
}

void switch_threads(struct thread *old, struct thread *next)
{
    struct context *from = context_of(old), *to = context_of(next);
    if (!to->started)
        context_make(next);
    came_from = from;
    bool has_ended = old->state == THREAD_ENDED;
    __sanitizer_start_switch_fiber(has_ended ? NULL : &from->shadow, to->bottom, to->size_bytes);
    swapcontext(&from->registers, &to->registers);
    arrive(from->shadow);
}

// ---- stacks -------------------------------------------------------------------------------------

static void *free_list[4096]; // freed ones are kept, for their threads still run on them
static unsigned free_count;

struct stack stack_allocate(size_t size_bytes)
{
    assert_true(size_bytes > 0 && size_bytes <= STACK_BYTES_MAX);
    if (fake_switch_stacks_left == 0)
        return (struct stack){0};
    fake_switch_stacks_left--;
    stacks_used++;
    char *memory = free_count > 0 ? free_list[--free_count] : malloc(STACK_BYTES);
    memset(memory, 0x5a, STACK_BYTES); // nothing may be taken for zero
    ((struct context *)memory)->started = false;
    return (struct stack){(uintptr_t)memory, (uintptr_t)memory + STACK_BYTES};
}

void stack_free(struct stack stack)
{
    assert_true(free_count < sizeof(free_list) / sizeof(free_list[0]));
    free_list[free_count++] = (void *)stack.bottom;
    fake_switch_stacks_left++;
    stacks_used--;
}

size_t stack_use_bytes(struct stack stack)
{
    (void)stack;
    return 0;
}

// ---- the clock, and the halt --------------------------------------------------------------------

uint64_t cpu_read_tsc(void)
{
    now_ns += random_below(STEP_NS_MAX);
    return now_ns;
}

uint64_t time_now_ns(void)
{
    return cpu_read_tsc();
}

uint64_t time_from_tsc(uint64_t tsc)
{
    return tsc;
}

uint64_t time_of_counts(uint64_t counts)
{
    return counts;
}

uint64_t time_tsc_hz(void)
{
    return NS_PER_S;
}

void time_arm_interrupt(uint64_t when_ns)
{
    deadline_ns = when_ns;
}

void cpu_interrupts_off(void)
{
}

void cpu_interrupts_on(void)
{
}

void cpu_halt_interruptible(void)
{
    if (deadline_ns == TIME_NEVER || fake_switch_over)
        longjmp(nothing_left, 1);
    if (deadline_ns > now_ns)
        now_ns = deadline_ns;
}

// ---- the rest -----------------------------------------------------------------------------------

// Nobody looks after this core.
PERCORE struct watchdog_core watchdog_core = {.next_look_ns = TIME_NEVER};
struct watchdog_asleep watchdog_asleep;
PERCORE bool interrupt_is_untold;
void watchdog_call(void)
{
    fail();
}
void watchdog_timer_interrupt(void)
{
}
void time_interrupt_came(void)
{
}
void interrupt_tell_unexpected(void)
{
    fail();
}

void interrupt_set_handler(int vector, void (*handler)(void *context), void *context)
{
    (void)vector, (void)handler, (void)context;
}

__attribute__((weak)) uint64_t option_get_number(const char *key, uint64_t fallback, uint64_t min,
                                                 uint64_t max)
{
    (void)key, (void)min, (void)max;
    return fallback;
}

const void *core_local_of(unsigned core, const void *variable)
{
    return core == 0 ? variable : NULL;
}

void fake_switch_run(uint64_t seed, void (*entry)(void *argument), void *argument)
{
    random_state = seed;
    fake_switch_over = false;
    fake_switch_stacks_left = 1000;
    stacks_used = free_count = 0;
    loop_context.started = true;
    assert_non_null(thread_create("test", entry, argument));
    if (setjmp(nothing_left) == 0)
        scheduler_run();
    // A thread that is left was never woken.
    assert_int_equal(scheduler_stats_of(0).threads, 0);
    assert_null(thread_all);
    assert_int_equal(stacks_used, 0);
    assert_ptr_equal(thread_current, scheduler_first);
    while (free_count > 0)
        free(free_list[--free_count]);
}

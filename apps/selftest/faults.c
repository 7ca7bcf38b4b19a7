// SPDX-License-Identifier: MIT
// Faults on purpose. Each is committed in a function that its report should name, below commit().
#include "apps/selftest/faults.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/apic.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/interrupts.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "smp/remote.h"

#define NOINLINE   __attribute__((noinline, noclone))
#define STATUS_BAD 2
#define TIMEOUT_S  20
#define RET        0xc3 // the instruction

// What the compiler cannot know keeps it from seeing the fault coming.
#define HIDE(value) __asm__ volatile("" : "+r"(value))
// A function that keeps nothing on the stack has no frame, and its caller is not in the backtrace.
// A volatile variable makes one, too.
#define FRAME()                                                                                    \
    volatile int frame = 0;                                                                        \
    (void)frame
// After a call: it is not the last thing, so its caller stays in the backtrace.
#define NOT_LAST() __asm__ volatile("" ::: "memory")

static NOINLINE void fault_page(void)
{
    const volatile char *volatile address = (const char *)(PAGING_MMIO_BASE + (1ull << 38));
    (void)*address;
}

static NOINLINE void fault_null(void)
{
    const volatile char *volatile address = (const char *)8;
    (void)*address;
}

static NOINLINE void fault_call_null(void)
{
    void (*function)(void) = NULL;
    HIDE(function);
    function();
    NOT_LAST();
}

static NOINLINE int fault_stack(int depth)
{
    volatile char frame[256];
    frame[0] = (char)depth;
    HIDE(depth);
    return depth != 0 ? fault_stack(depth + 1) + frame[0] : 0;
}

static NOINLINE void fault_stack_begin(void)
{
    fault_stack(1);
    NOT_LAST();
}

static NOINLINE void fault_text(void)
{
    volatile char *volatile code = (char *)(uintptr_t)fault_text;
    *code = (char)RET;
}

static NOINLINE void fault_rodata(void)
{
    static const char constant[] = "constant";
    volatile char *volatile address = (char *)(uintptr_t)constant;
    *address = 'C';
}

static NOINLINE void call_bytes(const unsigned char *code)
{
    void (*function)(void) = (void (*)(void))(uintptr_t)code;
    HIDE(function);
    function();
    NOT_LAST();
}

static NOINLINE void fault_data(void)
{
    static unsigned char code[16] = {RET};
    call_bytes(code);
    NOT_LAST();
}

static NOINLINE void fault_heap_exec(void)
{
    unsigned char *code = malloc(16);
    if (code != NULL) {
        code[0] = RET;
        call_bytes(code);
    }
    free(code);
}

static NOINLINE void fault_stack_exec(void)
{
    unsigned char code[16] = {RET};
    call_bytes(code);
    NOT_LAST();
}

static NOINLINE void fault_divide(void)
{
    volatile int zero = 0, one = 1;
    __asm__ volatile("cltd; idivl %1" : : "a"(one), "r"(zero) : "edx", "cc");
}

static NOINLINE void fault_opcode(void)
{
    FRAME();
    __asm__ volatile("ud2");
}

static NOINLINE void fault_gp(void)
{
    const volatile char *volatile address = (const char *)0x0123456789abcdef; // bits 63..47 differ
    (void)*address;
}

static NOINLINE void fault_int3(void)
{
    FRAME();
    __asm__ volatile("int3");
}

static NOINLINE void fault_assert(void)
{
    volatile int one = 1;
    ASSERT(one == 2);
}

static NOINLINE void fault_panic(void)
{
    panic("selftest: panic on purpose: %d", 42);
}

// Only a little too far: the frame's guard word, not the frames above.
static NOINLINE void fault_canary(void)
{
    char buffer[24];
    size_t size_bytes = sizeof(buffer) + 8;
    char *start = buffer;
    HIDE(start);
    HIDE(size_bytes);
    for (size_t i = 0; i < size_bytes; i++)
        ((volatile char *)start)[i] = 'A';
}

// Every other core is busy for ever, in a function that the report should name too.
static _Atomic bool spins[CORES_MAX];

static NOINLINE void fault_spin(void *argument)
{
    FRAME();
    (void)argument;
    // The loop's turn: what this core still owes others leaves now or never.
    thread_sleep_until(time_now_ns() + 10 * NS_PER_MS);
    atomic_store_explicit(&spins[core_index()], true,
                          memory_order_release); // pairs with fault_busy
    for (;;)
        cpu_pause();
}

static NOINLINE void fault_busy(void)
{
    for (unsigned core = 0; core < core_count(); core++) {
        if (core == core_index() || !core_is_online(core))
            continue;
        if (thread_create_on(core, "spinner", fault_spin, NULL) != 0)
            panic("selftest: no memory for a thread on core %u", core);
        while (!atomic_load_explicit(&spins[core], memory_order_acquire))
            thread_yield();
    }
    panic("selftest: panic with all others busy");
}

static INTERRUPT_CONTEXT void fault_in_handler(void *context)
{
    (void)context;
    panic("selftest: panic in an interrupt");
}

static NOINLINE void fault_interrupt(void)
{
    FRAME();
    int vector = interrupt_allocate(fault_in_handler, NULL);
    volatile bool for_ever = vector > 0;
    if (for_ever)
        apic_send(apic_id(), (uint8_t)vector);
    while (for_ever)
        cpu_pause();
}

static NOINLINE void fault_exit(void)
{
    exit(3);
}

static NOINLINE void fault_abort(void)
{
    abort();
}

static const struct {
    const char *kind;
    void (*commit)(void);
} faults[] = {
    {"page", fault_page},         {"null", fault_null},           {"call-null", fault_call_null},
    {"stack", fault_stack_begin}, {"text", fault_text},           {"rodata", fault_rodata},
    {"data", fault_data},         {"heap-exec", fault_heap_exec}, {"stack-exec", fault_stack_exec},
    {"divide", fault_divide},     {"opcode", fault_opcode},       {"gp", fault_gp},
    {"int3", fault_int3},         {"assert", fault_assert},       {"panic", fault_panic},
    {"canary", fault_canary},     {"exit", fault_exit},           {"abort", fault_abort},
    {"busy", fault_busy},         {"interrupt", fault_interrupt},
};

static NOINLINE void fault_thread(void *commit)
{
    printf("selftest: core %u says this before its fault\n", core_index());
    fflush(stdout);
    ((void (*)(void))(uintptr_t)commit)();
    NOT_LAST();
}

int fault_commit(const char *kind, unsigned core)
{
    size_t i = 0;
    while (i < ARRAY_COUNT(faults) && strcmp(faults[i].kind, kind) != 0)
        i++;
    if (i == ARRAY_COUNT(faults)) {
        printf("selftest: there is no fault \"%s\"; the kinds are:", kind);
        for (i = 0; i < ARRAY_COUNT(faults); i++)
            printf(" %s", faults[i].kind);
        printf("\n");
        return STATUS_BAD;
    }
    printf("selftest: fault %s on core %u\n", kind, core);
    fflush(stdout);
    int error = thread_create_on(core, "fault", fault_thread, (void *)(uintptr_t)faults[i].commit);
    if (error != 0) {
        printf("selftest: no thread on core %u: %s\n", core, strerror(-error));
        return STATUS_BAD;
    }
    thread_sleep_until(time_now_ns() + TIMEOUT_S * NS_PER_S);
    printf("selftest: fault %s had no effect\n", kind);
    return 1;
}

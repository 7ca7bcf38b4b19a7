// SPDX-License-Identifier: MIT
// One path for everything that ends the machine: panic(), a failed assertion, any CPU exception on
// any core. Nothing here allocates, waits for another core, or trusts the thread it reports on.
// Spec: Intel SDM volume 3, 6.15 (exceptions), 4.7 (page-fault error codes).
#include "kernel/panic.h"

#include <stdarg.h>
#include <stdio.h>

#include "kernel/backtrace.h"
#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/interrupts.h"
#include "kernel/paging.h"
#include "kernel/power.h"
#include "kernel/snapshot.h"
#include "kernel/stack.h"
#include "kernel/symbols.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/trace.h"

#define TRACE_EVENTS_LAST 16 // of each core

static const char *const exception_names[VECTOR_FIRST_FREE] = {
    [0] = "divide error",
    [1] = "debug exception",
    [2] = "non-maskable interrupt",
    [3] = "breakpoint",
    [4] = "overflow",
    [5] = "bound range exceeded",
    [6] = "invalid opcode",
    [7] = "device not available",
    [8] = "double fault",
    [10] = "invalid TSS",
    [11] = "segment not present",
    [12] = "stack-segment fault",
    [13] = "general protection fault",
    [14] = "page fault",
    [16] = "x87 floating-point error",
    [17] = "alignment check",
    [18] = "machine check",
    [19] = "SIMD floating-point exception",
    [20] = "virtualization exception",
    [21] = "control protection exception",
};

// Nonzero once a core reports: 1 + its index. Taken with the one locked instruction of the kernel,
// because exactly one of several cores that fail together must report.
static uint32_t reporting_core;

static void report(const char *format, ...) PRINTF_LIKE(1, 2);
static void report(const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length > 0)
        console_write_panic(line,
                            (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

static _Noreturn void stop_here(void)
{
    for (;;) {
        cpu_interrupts_off();
        cpu_halt();
    }
}

// Returns on the one core that is to report.
static void panic_begin(void)
{
    cpu_interrupts_off();
    uint32_t self = core_index() + 1, expected = 0;
    if (!__atomic_compare_exchange_n(&reporting_core, &expected, self, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        if (expected != self)
            stop_here(); // the other one's NMI is on its way
        // The report itself failed: say so by the shortest way and end.
        static const char text[] = "\ntoril: another fault while reporting; giving up\n";
        static bool said;
        if (!said) {
            said = true;
            console_write_panic(text, sizeof(text) - 1);
        }
        power_end_panic();
    }
    snapshot_ask(SNAPSHOT_ALL); // they stop
}

static void report_place(void)
{
    uint64_t uptime_us = time_now_ns() / NS_PER_US;
    report("core %u of %u, thread \"%s\", %llu.%06llu s after start\n", core_index(), core_count(),
           thread_name(thread_self()), (unsigned long long)(uptime_us / 1000000),
           (unsigned long long)(uptime_us % 1000000));
}

static void report_address(const char *prefix, uint64_t address, enum backtrace_kind kind)
{
    struct backtrace place = {.count = 1, .places[0] = {address, kind}};
    char line[BACKTRACE_LINE_BYTES];
    backtrace_format(&place, 0, line);
    report("%s%s\n", prefix, line);
}

static void report_registers(const struct interrupt_frame *f)
{
    struct {
        const char *name;
        uint64_t value;
    } registers[] = {
        {"rip", f->rip}, {"rsp", f->rsp}, {"rbp", f->rbp},         {"rflags", f->rflags},
        {"rax", f->rax}, {"rbx", f->rbx}, {"rcx", f->rcx},         {"rdx", f->rdx},
        {"rsi", f->rsi}, {"rdi", f->rdi}, {"r8", f->r8},           {"r9", f->r9},
        {"r10", f->r10}, {"r11", f->r11}, {"r12", f->r12},         {"r13", f->r13},
        {"r14", f->r14}, {"r15", f->r15}, {"cr2", cpu_read_cr2()}, {"cr3", cpu_read_cr3()},
    };
    for (size_t i = 0; i < ARRAY_COUNT(registers); i++)
        report("%6s %016llx%s", registers[i].name, (unsigned long long)registers[i].value,
               i % 3 == 2 || i + 1 == ARRAY_COUNT(registers) ? "\n" : "  ");
}

static const char *image_part(uintptr_t address)
{
    if (address >= (uintptr_t)text_start && address < (uintptr_t)text_end)
        return "code";
    if (address >= (uintptr_t)relro_end && address < (uintptr_t)data_end)
        return "data";
    if (address >= (uintptr_t)percore_start && address < (uintptr_t)percore_end)
        return "core-local data";
    return "constants";
}

static void report_page_fault(const struct interrupt_frame *frame)
{
    uint64_t address = cpu_read_cr2(), code = frame->error_code;
    const char *access = code & 16 ? "execute" : code & 2 ? "write" : "read";
    const char *why = code & 8   ? "a reserved bit is set in a page table"
                      : code & 1 ? "its rights forbid it"
                                 : "nothing is mapped there";
    report("tried to %s %016llx: %s\n", access, (unsigned long long)address, why);
    if (address < 4096)
        report("a null pointer was used\n");
    else if (!(code & 1) && stack_is_guard(address))
        report(
            "stack overflow: the thread's stack is full (option stack_kib makes stacks larger)\n");
    else if (paging_is_table(address))
        report("that is a page table\n");
    else if (address - (uintptr_t)image_end < 4096)
        report("that is right behind the image\n");
    else if (address >= (uintptr_t)image_start && address < (uintptr_t)image_end)
        report("that is in the image's %s\n", image_part(address));
}

static void report_other_cores(void)
{
    unsigned others = 0;
    for (unsigned core = 0; core < core_count(); core++)
        others += core != core_index() && core_is_online(core);
    if (others == 0)
        return;
    report("other cores:\n");
    snapshot_write_all(console_write_panic);
}

// ---- the ends -----------------------------------------------------------------------------------

static _Noreturn void end_report(const char *cause)
{
    report_other_cores();
    trace_dump(TRACE_EVENTS_LAST, console_write_panic);
    report("toril: stopped by a %s\n", cause);
    power_end_panic();
}

void panic_stop_if_told(const struct interrupt_frame *frame)
{
    if (__atomic_load_n(&reporting_core, __ATOMIC_ACQUIRE) == 0)
        return;
    snapshot_answer_for_good(frame);
    stop_here();
}

void panic_exception(const struct interrupt_frame *frame)
{
    panic_begin();
    const char *name = exception_names[frame->vector];
    report("\ntoril: fault: %s (vector %llu, error code 0x%llx)\n",
           name != NULL ? name : "reserved exception", (unsigned long long)frame->vector,
           (unsigned long long)frame->error_code);
    report_place();
    if (frame->vector == VECTOR_PAGE_FAULT)
        report_page_fault(frame);
    if (frame->vector == VECTOR_DOUBLE_FAULT && stack_is_guard(frame->rsp) &&
        !paging_is_mapped(frame->rsp - 8)) // where the next thing pushed would go
        report("stack overflow: the stack pointer is below the thread's stack\n");
    report_registers(frame);
    // A call to nowhere: the return address on the stack says who called.
    uint64_t rip = frame->rip;
    if (symbols_find(rip, &(uintptr_t){0}) == NULL && paging_is_mapped(frame->rsp) &&
        paging_is_mapped(frame->rsp + 7)) {
        uint64_t caller = *(const uint64_t *)frame->rsp;
        if (symbols_find(caller, &(uintptr_t){0}) != NULL)
            report_address("called from: ", caller, BACKTRACE_RETURN);
    }
    report("backtrace:\n");
    static struct backtrace trace;
    backtrace_take(&trace, rip, frame->rbp, frame->rsp);
    snapshot_write_trace(&trace, console_write_panic);
    end_report("fault");
}

void panic(const char *format, ...)
{
    panic_begin();
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    report("\ntoril: panic: %s\n", text);
    report_place();
    report("backtrace:\n");
    static struct backtrace trace;
    uint64_t frame = (uintptr_t)__builtin_frame_address(0);
    backtrace_take_callers(&trace, frame);
    snapshot_write_trace(&trace, console_write_panic);
    end_report("panic");
}

// Written into every protected frame.
uintptr_t __stack_chk_guard = 0x595e9fbd94fda700;

// What -fstack-protector-strong calls when the guard word of a frame was overwritten.
void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
    panic("stack: a buffer on the stack was overrun");
}

// SPDX-License-Identifier: MIT
// A kernel of stubs for posix_program.c, on the few system calls of Linux that it needs itself.
#include "tests/unit/posix_kernel.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/numa.h"
#include "kernel/pages.h"
#include "kernel/panic.h"
#include "kernel/power.h"
#include "kernel/random.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "net/net.h"
#include "smp/borrow.h"

uintptr_t __stack_chk_guard = 0x5afe5afe5afe5a00;
_Noreturn void __stack_chk_fail(void);

size_t test_output_bytes;
int test_console_writes, test_heap_blocks, test_pages_out, test_constructed, test_panic_armed;
int test_random_strong = 1;
char test_log[1024], test_panic_text[256];
uint64_t test_last_sleep_ns;
void (*test_other_thread)(void);
jmp_buf test_panic_jump;

static char output[4096];
static int checks, failures;

static long linux_call(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}

static void say(const char *text)
{
    linux_call(SYS_write, 2, (long)text, (long)strlen(text));
}

static _Noreturn void end(int status)
{
    for (;;)
        linux_call(SYS_exit_group, status, 0, 0);
}

// The first instruction of the process: its stack is aligned, no call made it.
__asm__(".globl _start\n_start:\n    xor %ebp, %ebp\n    call test_run\n    ud2\n");

void test_check(int holds, const char *text, int line)
{
    char message[256];
    checks++;
    if (holds)
        return;
    failures++;
    snprintf(message, sizeof(message), "posix_program.c:%d: does not hold: %s\n", line, text);
    say(message);
}

_Noreturn void power_end(int status)
{
    char message[128];
    test_ended(status);
    snprintf(message, sizeof(message), "[==========] posix: %d checks, %d failed.\n", checks,
             failures);
    say(message);
    end(failures != 0 || checks == 0);
}

unsigned core_this_index;

// Who wished the machine to end, and what the program wants to have called then.
const char *test_stop_wish;
void (*test_stop_handler)(void);

void stop_request(const char *who)
{
    test_stop_wish = who;
}

void stop_set_handler(void (*handler)(void))
{
    test_stop_handler = handler;
}

_Noreturn void panic(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(test_panic_text, sizeof(test_panic_text), format, arguments);
    va_end(arguments);
    if (test_panic_armed) {
        test_panic_armed = 0;
        longjmp(test_panic_jump, 1);
    }
    say("panic: ");
    say(test_panic_text);
    say("\n");
    end(1);
}

_Noreturn void __stack_chk_fail(void)
{
    panic("stack: overrun");
}

void console_write(const char *text, size_t size_bytes)
{
    test_console_writes++;
    if (size_bytes <= sizeof(output) - test_output_bytes)
        memcpy(output + test_output_bytes, text, size_bytes);
    test_output_bytes += size_bytes;
}

void test_output_clear(void)
{
    test_output_bytes = 0;
    test_console_writes = 0;
}

int test_output_is(const char *text)
{
    return test_output_bytes == strlen(text) && memcmp(output, text, test_output_bytes) == 0;
}

const char *net_hostname(void)
{
    return "ring-0";
}

void log_warn(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(test_log, sizeof(test_log), format, arguments);
    va_end(arguments);
}

void test_log_clear(void)
{
    test_log[0] = '\0';
}

// A heap that never reuses: a block's size stands before it.
static char arena[8u << 20] __attribute__((aligned(4096)));
static size_t arena_used;

void *heap_alloc_aligned(size_t size_bytes, size_t alignment_bytes)
{
    size_t start = ALIGN_UP(arena_used + 16, alignment_bytes < 16 ? 16 : alignment_bytes);
    if (start > sizeof(arena) || size_bytes > sizeof(arena) - start)
        return NULL;
    arena_used = start + size_bytes;
    memcpy(arena + start - sizeof(size_t), &size_bytes, sizeof(size_t));
    test_heap_blocks++;
    memset(arena + start, 0xA5, size_bytes);
    return arena + start;
}

void *heap_alloc(size_t size_bytes)
{
    return heap_alloc_aligned(size_bytes, 16);
}

void *heap_alloc_or(size_t size_bytes, void *(*otherwise)(size_t size_bytes))
{
    void *block = heap_alloc(size_bytes);
    return block == NULL ? otherwise(size_bytes) : block;
}

bool borrow_wait(size_t size_bytes)
{
    (void)size_bytes;
    return false;
}

void *heap_alloc_zeroed(size_t size_bytes)
{
    void *block = heap_alloc(size_bytes);
    return block ? memset(block, 0, size_bytes) : NULL;
}

size_t heap_usable_bytes(const void *block)
{
    size_t size_bytes;
    memcpy(&size_bytes, (const char *)block - sizeof(size_t), sizeof(size_t));
    return size_bytes;
}

void heap_free(void *block)
{
    if (block)
        test_heap_blocks--;
}

void *page_alloc(size_t count)
{
    if (count > sizeof(arena) / PAGE_BYTES)
        return NULL;
    void *pages = heap_alloc_aligned(count * PAGE_BYTES, PAGE_BYTES);
    if (!pages)
        return NULL;
    test_heap_blocks--;
    test_pages_out += (int)count;
    return pages;
}

void page_free(void *pages, size_t count)
{
    (void)pages;
    test_pages_out -= (int)count;
}

uint64_t time_now_ns(void)
{
    struct timespec now;
    linux_call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

_Atomic int64_t clock_offset_ns;
void clock_set_wall(int64_t wall_ns)
{
    clock_offset_ns = wall_ns - (int64_t)time_now_ns();
}

void thread_sleep_until(uint64_t deadline_ns)
{
    test_last_sleep_ns = deadline_ns;
    while (time_now_ns() < deadline_ns)
        linux_call(SYS_sched_yield, 0, 0, 0);
}

static int woken;

struct thread *thread_self(void)
{
    return (struct thread *)&woken;
}

int *thread_errno(void)
{
    static int value;
    return &value;
}

struct thread_specific **thread_specific(void)
{
    static struct thread_specific *specific;
    return &specific;
}

_Noreturn void thread_exit(void *result)
{
    (void)result;
    panic("the only thread ended");
}

size_t thread_stack_bytes(const struct thread *thread)
{
    (void)thread;
    return 64u << 10;
}

unsigned core_slot_count = 3;

bool core_is_online(unsigned core)
{
    return core == 0 || core == 2;
}

unsigned numa_node_of_core(unsigned core)
{
    return core;
}

struct page_stats page_stats_of(unsigned core)
{
    (void)core;
    return (struct page_stats){.total_bytes = 1000 * 4096, .free_bytes = 100 * 4096};
}

void thread_yield(void)
{
}

void thread_wake(struct thread *thread)
{
    *(int *)thread = 1;
}

bool thread_wait_until(uint64_t deadline_ns)
{
    void (*other)(void) = test_other_thread;
    test_other_thread = NULL;
    if (other)
        other();
    else if (deadline_ns == TIME_NEVER)
        panic("the program waits for ever");
    else
        thread_sleep_until(deadline_ns);
    bool was_woken = woken;
    woken = 0;
    return was_woken;
}

void random_bytes(void *buffer, size_t size_bytes)
{
    memset(buffer, 0x42, size_bytes);
}

bool random_is_strong(void)
{
    return test_random_strong;
}

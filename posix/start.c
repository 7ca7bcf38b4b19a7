// SPDX-License-Identifier: MIT
// The only file that sees musl's internal headers (POSIX_START_CFLAGS): it fills what musl's own
// start would have found on a process' first stack.
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internals.h" // of musl

#include "kernel/compiler.h"
#include "kernel/pages.h"
#include "kernel/paging.h"
#include "kernel/thread.h"
#include "posix/start.h"

int main(int argc, char **argv, char **envp);

// What musl keeps of a thread: the locale, thread-specific data. Filled by relocation alone,
// so that the C library's plain functions work from the first instruction on.
static PERCORE struct pthread main_thread = {
    .self = &main_thread,
    .prev = &main_thread,
    .next = &main_thread,
    .tid = 1,
    .detach_state = DT_JOINABLE,
    .robust_list.head = &main_thread.robust_list.head,
    .locale = &libc.global_locale,
};

// All threads of a core share it, but for the number by which musl knows who owns a mutex: that
// comes from where the thread's stack is among those of its core. The loop, which owns none, has 1.
hidden uintptr_t posix_thread_pointer(void)
{
    uintptr_t at = (uintptr_t)thread_self();
    bool is_loop = at < PAGING_STACK_BASE;
    main_thread.tid = is_loop ? 1 : (int)(2 + at % PAGING_STACK_CORE_SPAN / PAGE_BYTES);
    return (uintptr_t)&main_thread;
}

// What a process would find behind its environment. getauxval() reads it without asking if it is.
static PERCORE size_t auxiliary_vector[] = {AT_PAGESZ, PAGE_BYTES, AT_SECURE, 0, AT_NULL, 0};
static PERCORE char *empty_environment[] = {NULL};

typedef void (*initializer)(void);
extern weak hidden const initializer __init_array_start[], __init_array_end[];

void posix_start_core(void)
{
    libc.auxv = auxiliary_vector;
    if (!__environ)
        __environ = empty_environment;
    if (!__progname)
        __progname = __progname_full = (char *)"";
}

static struct thread *runs_main; // read-only once main runs

struct thread *posix_main_thread(void)
{
    return runs_main;
}

_Noreturn void posix_run_main(int argc, char **argv, char **envp)
{
    runs_main = thread_self();
    __environ = envp ? envp : empty_environment;
    if (argc > 0 && argv[0]) {
        const char *slash = strrchr(argv[0], '/');
        __progname_full = argv[0];
        __progname = slash ? (char *)slash + 1 : argv[0];
    }
    for (const initializer *next = __init_array_start; next < __init_array_end; next++)
        (*next)();
    exit(main(argc, argv, __environ));
}

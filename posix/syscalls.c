// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "kernel/compiler.h"
#include "kernel/log.h"
#include "posix/calls.h"

#define NUMBERS_MAX 512 // Linux' x86-64 numbers end below

// Generated from musl's list of numbers. No pointers: nothing to relocate.
static const struct {
    uint16_t number;
    char name[30];
} call_names[] = {
#include <bits/syscall_names.h>
};

// Shared by all cores, so that the machine and not each core says it once. Two cores at the same
// moment may both say it.
static atomic_bool unknown_logged[NUMBERS_MAX];

static const char *name_of(long number)
{
    for (size_t i = 0; i < ARRAY_COUNT(call_names); i++)
        if (call_names[i].number == number)
            return call_names[i].name;
    return "?";
}

static long refuse(long number)
{
    size_t slot = number >= 0 && number < NUMBERS_MAX - 1 ? (size_t)number : NUMBERS_MAX - 1;
    if (!atomic_load_explicit(&unknown_logged[slot], memory_order_relaxed)) {
        atomic_store_explicit(&unknown_logged[slot], true, memory_order_relaxed);
        log_warn("posix: system call %s (%ld) is not served, it fails with ENOSYS", name_of(number),
                 number);
    }
    return -ENOSYS;
}

long posix_syscall(long number, long a1, long a2, long a3, long a4, long a5, long a6)
{
    switch (number) {
        POSIX_CALLS(POSIX_CASE)
    }
    return refuse(number);
}

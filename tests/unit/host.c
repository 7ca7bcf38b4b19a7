// SPDX-License-Identifier: MIT
#include "host.h"

#include <stdio.h>
#include <string.h>

#include "kernel/core.h"
#include "kernel/counters.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

#include <stdlib.h>

char host_log[65536];
jmp_buf host_panic_jump;
bool host_panic_armed;
char host_panic_text[512];

static void log_append(const char *prefix, const char *format, va_list arguments)
{
    size_t used = strlen(host_log);
    if (used > sizeof(host_log) - LOG_LINE_MAX - 2)
        return;
    used += (size_t)snprintf(host_log + used, sizeof(host_log) - used, "%s", prefix);
    vsnprintf(host_log + used, LOG_LINE_MAX, format, arguments);
    strcat(host_log, "\n");
}

bool log_debug_on;

void log_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_append("error: ", format, arguments);
    va_end(arguments);
}

void log_error_once(bool *said, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (!*said)
        log_append("error: ", format, arguments);
    *said = true;
    va_end(arguments);
}

void log_warn(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_append("warning: ", format, arguments);
    va_end(arguments);
}

void log_info(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_append("", format, arguments);
    va_end(arguments);
}

void log_debug_line(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_append("debug: ", format, arguments);
    va_end(arguments);
}

void host_log_clear(void)
{
    host_log[0] = '\0';
}

bool host_log_has(const char *text)
{
    return strstr(host_log, text) != NULL;
}

void *exact_copy(const void *data, size_t size_bytes)
{
    void *copy = malloc(size_bytes ? size_bytes : 1);
    assert_non_null(copy);
    memcpy(copy, data, size_bytes);
    return copy;
}

void panic(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(host_panic_text, sizeof(host_panic_text), format, arguments);
    va_end(arguments);
    if (host_panic_armed) {
        host_panic_armed = false;
        longjmp(host_panic_jump, 1);
    }
    print_error("panic: %s\n%s", host_panic_text, host_log);
    abort();
}

// Weak, for a test of one of them has the real one.
__attribute__((weak)) PERCORE struct trace_ring trace_ring;
__attribute__((weak)) PERCORE struct counters counters;
__attribute__((weak)) PERCORE unsigned core_this_index;
__attribute__((weak)) const void *core_local_of(unsigned core, const void *variable)
{
    (void)core;
    return variable;
}

// Weak, where a test has neither options nor threads.
__attribute__((weak)) const char *option_get(const char *name)
{
    (void)name;
    return NULL;
}
__attribute__((weak)) struct thread *thread_self(void)
{
    return NULL;
}
__attribute__((weak)) const char *thread_name(const struct thread *thread)
{
    return thread == NULL ? "host" : "another";
}

// Weak, so that a test of the heap itself brings its own.
__attribute__((weak)) void *heap_alloc(size_t size_bytes)
{
    return malloc(size_bytes);
}
__attribute__((weak)) void *heap_alloc_zeroed(size_t size_bytes)
{
    return calloc(1, size_bytes);
}
__attribute__((weak)) void *heap_alloc_aligned(size_t size_bytes, size_t alignment_bytes)
{
    void *block = NULL;
    return posix_memalign(&block,
                          alignment_bytes < sizeof(void *) ? sizeof(void *) : alignment_bytes,
                          size_bytes)
               ? NULL
               : block;
}
__attribute__((weak)) void heap_free(void *block)
{
    free(block);
}

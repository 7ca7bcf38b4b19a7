// SPDX-License-Identifier: MIT
#include "kernel/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/time.h"

static void write_line(const char *mark, const char *format, va_list arguments)
{
    char line[LOG_LINE_MAX];
    uint64_t now_ms = time_now_ns() / NS_PER_MS;
    int start = snprintf(line, sizeof(line), "[%5llu.%03u] %s", (unsigned long long)now_ms / 1000,
                         (unsigned)(now_ms % 1000), mark);
    size_t used = (size_t)start;
    int added = vsnprintf(line + used, sizeof(line) - used, format, arguments);
    if (added > 0)
        used += (size_t)added;
    if (used > sizeof(line) - 1) {
        used = sizeof(line) - 1;
        memcpy(line + used - 3, "...", 3);
    }
    line[used++] = '\n'; // over the terminating NUL
    console_write(line, used);
}

void log_info(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line("", format, arguments);
    va_end(arguments);
}

void log_warn(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line("warning: ", format, arguments);
    va_end(arguments);
}

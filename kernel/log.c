// SPDX-License-Identifier: MIT
#include "kernel/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/time.h"

bool log_debug_on;
bool (*log_shows)(const char *format, enum log_level level);

static void write_line(bool *said, enum log_level level, const char *format, va_list arguments)
{
    static const char *const marks[LOG_LEVELS] = {"error: ", "warning: ", "", "debug: "};
    if (log_shows != NULL && !log_shows(format, level))
        return;
    char line[LOG_LINE_MAX];
    uint64_t now_ms = time_now_ns() / NS_PER_MS;
    int start = snprintf(line, sizeof(line), "[%5llu.%03u] %s", (unsigned long long)now_ms / 1000,
                         (unsigned)(now_ms % 1000), marks[level]);
    size_t used = (size_t)start;
    int added = vsnprintf(line + used, sizeof(line) - used, format, arguments);
    if (added > 0)
        used += (size_t)added;
    if (used > sizeof(line) - 1) {
        used = sizeof(line) - 1;
        memcpy(line + used - 3, "...", 3);
    }
    line[used++] = '\n'; // over the terminating NUL
    console_write_once(said, line, used);
}

void log_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(NULL, LOG_ERROR, format, arguments);
    va_end(arguments);
}

void log_error_once(bool *said, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(said, LOG_ERROR, format, arguments);
    va_end(arguments);
}

void log_warn(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(NULL, LOG_WARN, format, arguments);
    va_end(arguments);
}

void log_info(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(NULL, LOG_INFO, format, arguments);
    va_end(arguments);
}

void log_debug_line(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(NULL, LOG_DEBUG, format, arguments);
    va_end(arguments);
}

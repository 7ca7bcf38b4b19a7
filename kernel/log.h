// SPDX-License-Identifier: MIT
// Lines of the boot log and of what the machine notices later. A line begins with its module, the
// one who speaks: log_info("virtio: net at 00:02.0: ..."). The newline is added here. Which lines
// are shown is said by option `log` (kernel/log_levels.h); without it all but debug lines.
// Context: a thread of any core, not an interrupt handler.
#pragma once

#include "kernel/compiler.h"

#define LOG_LINE_MAX 512 // bytes of one line with its newline; what is longer is cut

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_LEVELS };

// Marked "error:": something does not work from now on.
void log_error(const char *format, ...) PRINTF_LIKE(1, 2);
// The same, but only the first with this `said`: for what several cores may notice at once. It is
// core 0's, false at first, and stays.
void log_error_once(bool *said, const char *format, ...) PRINTF_LIKE(2, 3);
// Marked "warning:": something a user should act on.
void log_warn(const char *format, ...) PRINTF_LIKE(1, 2);
void log_info(const char *format, ...) PRINTF_LIKE(1, 2);
// For who looks for a mistake. A load and a branch while no module's debug lines are on; the
// arguments are not evaluated then.
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (__builtin_expect(log_debug_on, 0))                                                     \
            log_debug_line(__VA_ARGS__);                                                           \
    } while (0)
void log_debug_line(const char *format, ...) PRINTF_LIKE(1, 2);

// Read-only once core 0 has read the options.
extern bool log_debug_on;
// Says whether a line is shown; NULL: all but debug lines are.
extern bool (*log_shows)(const char *format, enum log_level level);

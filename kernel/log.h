// SPDX-License-Identifier: MIT
// Lines of the boot log and of what the machine notices later. A line begins with who speaks:
// log_info("virtio: net at 00:02.0: ..."). The newline is added here.
// Context: a thread of any core, not an interrupt handler.
#pragma once

#include "kernel/compiler.h"

#define LOG_LINE_MAX 512 // bytes of one line with its newline; what is longer is cut

void log_info(const char *format, ...) PRINTF_LIKE(1, 2);
// The same, marked "warning:": something a user should act on.
void log_warn(const char *format, ...) PRINTF_LIKE(1, 2);

// SPDX-License-Identifier: MIT
// The debug port of QEMU and Bochs (isa-debugcon): one I/O port that swallows characters.
#pragma once

#include "kernel/console.h"

// Returns: the console, or NULL when the machine has none.
struct console_device *debugport_find(void);

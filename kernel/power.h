// SPDX-License-Identifier: MIT
// How the machine ends: options `exit` (poweroff, reset, halt, debug) after the app's main and
// `on_panic` (halt, reset, debug) after a panic. "debug" is QEMU's isa-debug-exit device.
#pragma once

#include "kernel/compiler.h"

// The app ended with `status`: says so on every console, then does what option `exit` says.
// Context: a thread of any core.
_Noreturn void power_end(int status);
// The last act of a panic. Context: any, interrupts off, the other cores stopped.
_Noreturn void power_end_panic(void);

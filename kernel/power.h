// SPDX-License-Identifier: MIT
// How the machine ends: options `exit` (poweroff, reset, halt, debug) after the app's main and
// `on_panic` (halt, reset, debug) after a panic. "debug" is QEMU's isa-debug-exit device.
#pragma once

#include "kernel/boot_info.h"
#include "kernel/compiler.h"

void power_start(const struct boot_info *info);
// How a function gets to run on core 0, for the firmware's calls; smp/ sets it. Does not return
// before the function does.
void power_set_run_on_core_0(void (*run)(void (*function)(void *argument), void *argument));

// Runs a function on core 0, in its loop if this is another one. Context: a thread.
void power_run_on_core_0(void (*function)(void *argument), void *argument);

// The app ended with `status`: says so on every console, then does what option `exit` says.
// Context: a thread of any core.
_Noreturn void power_end(int status);
// The last act of a panic. Context: any, interrupts off, the other cores stopped.
_Noreturn void power_end_panic(void);

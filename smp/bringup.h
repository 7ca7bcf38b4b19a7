// SPDX-License-Identifier: MIT
// Starts all cores that the firmware names, together: start-up to all, then one wait.
// Spec: Intel SDM volume 3, 9.4.4.
#pragma once

#include "kernel/acpi.h"
#include "kernel/boot_info.h"
#include "kernel/compiler.h"

// Gives every core its page tables, core-local pages, stack and share of the memory, and sends the
// interrupts that start it. Only core 0's part is done when this returns; the others come up
// meanwhile. Context: core 0, interrupts off, after apic_reset_others(). `start_core` is called
// on each of the others before any thread runs there.
void bringup_begin(const struct acpi_facts *facts, const struct boot_info *info,
                   void (*start_core)(void));
// Waits until all are up; names those that do not come in time and leaves them out: they are parked
// if they come later.
// Context: core 0, the clock runs.
void bringup_finish(void);

// SPDX-License-Identifier: MIT
// The power button of a PC, as ACPI's fixed hardware has it: a hypervisor's or cloud's "shut down"
// presses it. It arrives as an interrupt, so waiting for it costs nothing, and becomes a
// stop_request().
// Spec: ACPI 6.5, 4.8.2.2.1.1 (the button), 4.8.3.1 (its registers) and 16.3.1 (leaving legacy
// mode).
#pragma once

#include "kernel/acpi.h"
#include "kernel/compiler.h"

// Starts listening; says on the console when it cannot. Context: a thread of core 0 while booting.
void power_button_start(const struct acpi_facts *facts);

// SPDX-License-Identifier: MIT
// The I/O APIC, for the few devices of a PC that have no message signalled interrupts.
// Spec: Intel 82093AA data sheet, 3.1 and 3.2; MPS 1.4, table 4-10 (flags).
#pragma once

#include "kernel/acpi.h"
#include "kernel/compiler.h"

// Leads ISA interrupt `irq` to `vector` of this core. Context: core 0 while booting.
// Returns: 0, -ENODEV when no I/O APIC serves it or this core is out of its reach, -ENOMEM.
int io_apic_route_isa(const struct acpi_facts *facts, unsigned irq, int vector) MUST_CHECK;

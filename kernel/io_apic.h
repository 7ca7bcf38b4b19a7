// SPDX-License-Identifier: MIT
// The I/O APIC, for the few devices of a PC that have no message signalled interrupts.
// Spec: Intel 82093AA data sheet, 3.1 and 3.2; MPS 1.4, table 4-10 (flags).
#pragma once

#include "kernel/acpi.h"
#include "kernel/compiler.h"

// Leads ISA interrupt `irq` to `vector` of this core. Context: core 0 while booting.
// Returns: 0, -ENODEV when no I/O APIC serves it or this core is out of its reach, -ENOMEM.
int io_apic_route_isa(const struct acpi_facts *facts, unsigned irq, int vector) MUST_CHECK;

struct io_apic_line {
    volatile char *registers;
    uint32_t number, entry;
};
// The same for ACPI's own interrupt, which is low and a level where nothing else is said of it.
// Spec: ACPI 6.5, 5.2.9 (SCI_INT). Returns: also *line, to mask it.
int io_apic_route_sci(const struct acpi_facts *facts, unsigned irq, int vector,
                      struct io_apic_line *line) MUST_CHECK;
// Lets nothing of it through any more. Context: any of core 0.
void io_apic_mask(const struct io_apic_line *line);

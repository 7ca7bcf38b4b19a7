// SPDX-License-Identifier: MIT
// ACPI tables, read as data: found by signature, lengths and checksums checked before anything in
// them is believed. Parsing takes bytes and writes structs, so it is tested on the host.
// Spec: ACPI 6.5, chapters 5.2 (tables), 5.2.12 (MADT) and 5.2.16 (SRAT); PCI Firmware 3.3 (MCFG);
// IA-PC HPET 1.0a.
#pragma once

#include "kernel/compiler.h"
#include "kernel/core.h"

#define ACPI_CPUS_MAX     CORES_MAX
#define ACPI_SEGMENTS_MAX 16
#define ACPI_MEMORY_MAX   64

// A NUMA node, as the firmware numbers them; SRAT alone knows.
#define ACPI_NO_DOMAIN UINT32_MAX

struct acpi_cpu {
    uint32_t apic_id;
    uint32_t processor_uid;
    uint32_t domain; // ACPI_NO_DOMAIN: not stated
};

struct acpi_memory { // a range of addresses, not all of it need be memory
    uint64_t start_phys, size_bytes;
    uint32_t domain;
};

struct acpi_ecam { // one memory-mapped PCI configuration window; base_phys is where bus 0 would be
    uint64_t base_phys;
    uint16_t segment;
    uint8_t first_bus, last_bus;
};

struct acpi_isa_interrupt { // where an interrupt of the PC's first 16 arrives
    uint32_t global_number;
    uint16_t flags; // MPS INTI flags: polarity in bits 0 and 1, trigger mode in bits 2 and 3
};

struct acpi_facts {
    uint64_t local_apic_phys;            // MADT, type 5 override included
    struct acpi_cpu cpus[ACPI_CPUS_MAX]; // enabled processors, types 0 and 9, each APIC id once
    size_t cpu_count;
    size_t cpus_disabled;  // skipped: not enabled
    size_t cpus_left_out;  // skipped: more than ACPI_CPUS_MAX
    uint64_t io_apic_phys; // of the I/O APIC that serves global interrupts from 0 on; 0: none
    struct acpi_isa_interrupt isa_interrupts[16];
    struct acpi_memory memory[ACPI_MEMORY_MAX]; // SRAT, ranges of different nodes do not overlap
    size_t memory_count;
    struct acpi_ecam ecam[ACPI_SEGMENTS_MAX];
    size_t ecam_count;
    uint64_t hpet_phys;     // 0: none
    uint8_t fadt[116];      // the table that describes the fixed hardware, as it is
    size_t fadt_bytes;      // 0: there is no such hardware
    uint16_t pm_timer_port; // 0: none
    bool pm_timer_is_32bit;
    uint16_t serial_port;    // SPCR: I/O port of a 16550, 0: not stated
    bool serial_port_absent; // SPCR says the console is something else than I/O ports
};

// How the parser reaches physical memory: a pointer to `size` readable bytes at `phys`, or NULL.
typedef const void *(*acpi_map_fn)(uint64_t phys, size_t size_bytes);

// Reads all tables behind the root pointer into *facts. What is broken is logged, by table name and
// reason, and skipped. Returns: 0, or -EINVAL when there is no usable root pointer (facts are then
// empty).
int acpi_parse(uint64_t rsdp_phys, acpi_map_fn map, struct acpi_facts *facts) MUST_CHECK;

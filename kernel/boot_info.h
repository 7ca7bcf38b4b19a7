// SPDX-License-Identifier: MIT
// The one struct that crosses from efi/ to kernel/: plain data, physical addresses, copied out of
// the firmware's memory before that memory is reused. Read-only once kernel_main() runs.
#pragma once

#include "kernel/compiler.h"

// From most to least usable: where two ranges overlap the higher number counts.
enum memory_type {
    MEMORY_USABLE,        // free
    MEMORY_BOOT_SERVICES, // free once nothing of the firmware's is in use: its tables, its stack
    MEMORY_BOOT_CODE,     // likewise, its code
    MEMORY_IMAGE,         // this image and what efi/ allocated for it
    MEMORY_RUNTIME_CODE,  // firmware that runs after it was left
    MEMORY_RUNTIME_DATA,
    MEMORY_ACPI,         // tables; kept
    MEMORY_RUNTIME_MMIO, // device memory that runtime firmware uses
    MEMORY_RESERVED,     // everything else, never touched
};

struct memory_range {
    uint64_t start_phys, size_bytes; // multiples of 4096
    enum memory_type type;
};

struct framebuffer_info {
    uint64_t base_phys; // 0: there is none
    uint64_t size_bytes;
    uint32_t width, height;   // pixels
    uint32_t pixels_per_line; // >= width
    // 8-bit channels at these bit positions of a 32-bit little-endian pixel
    uint8_t red_shift, green_shift, blue_shift;
};

#define BOOT_ENTROPY_BYTES    64
#define BOOT_TRAMPOLINE_PAGES 3 // below 1 MiB: code that starts cores, and up to two page tables

enum firmware_reset { FIRMWARE_RESET_COLD, FIRMWARE_RESET_SHUTDOWN };

struct boot_info {
    struct memory_range *memory; // any order, may overlap nothing; entries of size 0 are skipped
    size_t memory_count;
    uint64_t rsdp_phys; // ACPI root pointer, 0: none found
    struct framebuffer_info framebuffer;

    uint8_t entropy[BOOT_ENTROPY_BYTES];
    uint32_t entropy_bytes; // how many of them EFI_RNG gave, 0 without it

    const char *load_options; // the command line without the program's name, UTF-8; "" without
    const char *config_text;  // \toril.cfg of the boot volume; "" without
    size_t config_bytes;

    uint64_t trampoline_phys; // free pages below 1 MiB, never page 0; 0: none, run on one core
    uint64_t percore_template_phys;   // the core-local pages as they were loaded, for further cores
    uint64_t image_phys, image_bytes; // where the image lies

    uint64_t wall_clock_s;     // UTC seconds since 1970 at efi_main, 0: the firmware has no clock
    uint64_t entry_tsc;        // rdtsc at efi_main
    uint64_t left_tsc;         // rdtsc when boot services were left
    const char *firmware_name; // vendor and revision, for the log

    // Asks the firmware to reset or power off; returns only if it cannot. NULL without the service.
    // Context: core 0, through paging_call_firmware().
    void (*reset)(enum firmware_reset kind);
};

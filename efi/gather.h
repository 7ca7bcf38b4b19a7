// SPDX-License-Identifier: MIT
// What is taken from the firmware before it is left. Each step fills its part of struct boot_info;
// what a machine lacks is said on the firmware's console and left empty, and the kernel decides.
#pragma once

// gnu-efi: EFIAPI as a compiler attribute, so that firmware calls are plain calls.
#define GNU_EFI_USE_MS_ABI 1
#include <efi.h>

#include "kernel/boot_info.h"

struct efi_world {
    EFI_HANDLE image;
    EFI_SYSTEM_TABLE *system;
    EFI_BOOT_SERVICES *boot;
    EFI_LOADED_IMAGE *loaded;
};

// Prints ASCII text on the firmware's console, if it has one. "\r\n" ends a line.
void efi_print(struct efi_world *world, const char *text);
const char *efi_status_name(EFI_STATUS status);

EFI_STATUS efi_gather_image(struct efi_world *world, struct boot_info *info);
// The command line, and \toril.cfg of the volume that this image came from.
void efi_gather_options(struct efi_world *world, struct boot_info *info);
void efi_gather_acpi(struct efi_world *world, struct boot_info *info);
void efi_gather_framebuffer(struct efi_world *world, struct boot_info *info);
void efi_gather_entropy(struct efi_world *world, struct boot_info *info);
void efi_gather_trampoline(struct efi_world *world, struct boot_info *info);

// The firmware's clock. One that was never set counts as none.
void efi_gather_clock(struct efi_world *world, struct boot_info *info);

// Takes the memory map and leaves boot services, again until the map's key holds.
// On failure the firmware still runs and *what says which step failed.
EFI_STATUS efi_leave(struct efi_world *world, struct boot_info *info, const char **what);

// Remembers the services that work after the firmware was left.
void efi_runtime_start(EFI_SYSTEM_TABLE *system, struct boot_info *info);

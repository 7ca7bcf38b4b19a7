// SPDX-License-Identifier: MIT
// What is taken from the firmware before it is left. Each step fills its part of struct boot_info;
// what a machine lacks is said on the firmware's console and left empty, and the kernel decides.
#pragma once

// gnu-efi: EFIAPI as a compiler attribute, so that firmware calls are plain calls.
#define GNU_EFI_USE_MS_ABI 1
#include <efi.h>

#include "kernel/boot_info.h"

#define EFI_KEPT_MAX 12

// The firmware's memory map, as it was when it was last read.
struct efi_map {
    char *bytes;
    UINTN room_bytes, used_bytes, descriptor_bytes, key;
};
// What the kernel keeps; all else that was loaded or allocated as code is memory like any other.
struct efi_kept {
    uint64_t start_phys, size_bytes;
};
struct efi_world {
    EFI_HANDLE image;
    EFI_SYSTEM_TABLE *system;
    EFI_BOOT_SERVICES *boot;
    EFI_LOADED_IMAGE *loaded;
    struct efi_kept kept[EFI_KEPT_MAX];
    unsigned kept_count;
    uint64_t place_random; // where the image goes
    bool has_place_random; // the firmware gave that number
};

// Prints ASCII text on the firmware's console, if it has one. "\r\n" ends a line.
void efi_print(struct efi_world *world, const char *text);
const char *efi_status_name(EFI_STATUS status);

// Whole pages that are kept. Returns: NULL without memory.
void *efi_allocate(struct efi_world *world, size_t size_bytes);
void efi_keep(struct efi_world *world, uint64_t start_phys, uint64_t size_bytes);

EFI_STATUS efi_gather_image(struct efi_world *world, struct boot_info *info);
// The core-local part of the image where it is now, before anything in it is written.
EFI_STATUS efi_gather_percore(struct efi_world *world, struct boot_info *info);
// The command line, and \toril.cfg of the volume that this image came from.
void efi_gather_options(struct efi_world *world, struct boot_info *info);
// The top folder of the volume that this image came from. Returns: NULL without one, started from
// the network, say.
EFI_FILE_HANDLE efi_open_volume(struct efi_world *world);
// The files that the app wants, if it wants any: see kernel/boot_files.h.
void efi_gather_files(struct efi_world *world, const struct boot_info *info);
void efi_gather_acpi(struct efi_world *world, struct boot_info *info);
void efi_gather_framebuffer(struct efi_world *world, struct boot_info *info);
void efi_gather_entropy(struct efi_world *world, struct boot_info *info);
void efi_gather_trampoline(struct efi_world *world, struct boot_info *info);

// The firmware's clock. One that was never set counts as none.
void efi_gather_clock(struct efi_world *world, struct boot_info *info);

// Copies the image to a random place, where it can go on, unless option kaslr=off or the firmware
// forbids. `info` is part of the image: the copy has what it says now, and nothing that comes
// later. Returns: how far it moved; 0: it stays.
intptr_t efi_move(struct efi_world *world, struct boot_info *info);

// Memory for the memory map, for efi_map_read(); efi_map_free() gives it back.
EFI_STATUS efi_map_allocate(struct efi_world *world, struct efi_map *map);
EFI_STATUS efi_map_read(struct efi_world *world, struct efi_map *map);
void efi_map_free(struct efi_world *world, const struct efi_map *map);
static inline size_t efi_map_count(const struct efi_map *map)
{
    return map->used_bytes / map->descriptor_bytes;
}
// Descriptors may be longer than the struct.
static inline const EFI_MEMORY_DESCRIPTOR *efi_map_range(const struct efi_map *map, size_t index)
{
    return (const EFI_MEMORY_DESCRIPTOR *)(map->bytes + index * map->descriptor_bytes);
}

// Where in the free ranges of the map the image goes, if `random` is a random number.
// Returns: an address, or 0 if it fits nowhere.
uint64_t efi_place_draw(const struct efi_map *map, uint64_t image_bytes, uint64_t random);

// Takes the memory map and leaves boot services, again until the map's key holds.
// On failure the firmware still runs and *what says which step failed.
EFI_STATUS efi_leave(struct efi_world *world, struct boot_info *info, const char **what);

// Remembers the services that work after the firmware was left.
void efi_runtime_start(EFI_SYSTEM_TABLE *system, struct boot_info *info);

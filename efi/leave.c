// SPDX-License-Identifier: MIT
// The memory map, leaving boot services, and what still works afterwards.
// Spec: UEFI 2.10, 7.2.3 (GetMemoryMap), 7.4.6 (ExitBootServices), 8.5.1 (ResetSystem).
#include "efi/gather.h"

// Leaving allocates nothing once begun, for an allocation changes the map. The map may still grow
// while events run, so there is room for more descriptors than were counted.
#define MAP_SPARE_DESCRIPTORS 32
#define LEAVE_TRIES           16

static EFI_RUNTIME_SERVICES *runtime;

static enum memory_type leave_memory_type(const EFI_MEMORY_DESCRIPTOR *descriptor)
{
    switch (descriptor->Type) {
    case EfiConventionalMemory: // memory without write-back caching is no RAM to us
        return descriptor->Attribute & EFI_MEMORY_WB ? MEMORY_USABLE : MEMORY_RESERVED;
    case EfiBootServicesCode:
    case EfiLoaderCode: // of us too, but for what is kept
        return descriptor->Attribute & EFI_MEMORY_WB ? MEMORY_BOOT_CODE : MEMORY_RESERVED;
    case EfiBootServicesData:
    case EfiLoaderData: // of whoever loaded us: a boot manager, the shell
        return descriptor->Attribute & EFI_MEMORY_WB ? MEMORY_BOOT_SERVICES : MEMORY_RESERVED;
    case EfiRuntimeServicesCode:
        return MEMORY_RUNTIME_CODE;
    case EfiRuntimeServicesData:
        return MEMORY_RUNTIME_DATA;
    case EfiACPIReclaimMemory:
    case EfiACPIMemoryNVS:
        return MEMORY_ACPI;
    case EfiMemoryMappedIO:
        return descriptor->Attribute & EFI_MEMORY_RUNTIME ? MEMORY_RUNTIME_MMIO : MEMORY_RESERVED;
    default: // persistent, unaccepted, unusable, reserved and whatever comes later
        return MEMORY_RESERVED;
    }
}

EFI_STATUS efi_map_allocate(struct efi_world *world, struct efi_map *map)
{
    UINT32 version;
    *map = (struct efi_map){0};
    EFI_STATUS status = world->boot->GetMemoryMap(&map->used_bytes, NULL, &map->key,
                                                  &map->descriptor_bytes, &version);
    if (status != EFI_BUFFER_TOO_SMALL || map->descriptor_bytes < sizeof(EFI_MEMORY_DESCRIPTOR))
        return EFI_ERROR(status) && status != EFI_BUFFER_TOO_SMALL ? status : EFI_UNSUPPORTED;
    map->room_bytes =
        ALIGN_UP(map->used_bytes + MAP_SPARE_DESCRIPTORS * map->descriptor_bytes, 4096);
    EFI_PHYSICAL_ADDRESS address = 0;
    status = world->boot->AllocatePages(AllocateAnyPages, EfiLoaderCode, map->room_bytes / 4096,
                                        &address);
    map->bytes = (char *)address;
    return status;
}

EFI_STATUS efi_map_read(struct efi_world *world, struct efi_map *map)
{
    UINT32 version;
    map->used_bytes = map->room_bytes;
    return world->boot->GetMemoryMap(&map->used_bytes, (EFI_MEMORY_DESCRIPTOR *)map->bytes,
                                     &map->key, &map->descriptor_bytes, &version);
}

void efi_map_free(struct efi_world *world, const struct efi_map *map)
{
    world->boot->FreePages((EFI_PHYSICAL_ADDRESS)map->bytes, map->room_bytes / 4096);
}

// The map in the kernel's terms. What is kept lies in ranges of code and, being less usable,
// counts.
static void leave_convert(const struct efi_world *world, const struct efi_map *map,
                          struct boot_info *info)
{
    struct memory_range *next = info->memory;
    for (size_t i = 0; i < efi_map_count(map); i++) {
        const EFI_MEMORY_DESCRIPTOR *descriptor = efi_map_range(map, i);
        *next++ = (struct memory_range){
            .start_phys = descriptor->PhysicalStart,
            .size_bytes = descriptor->NumberOfPages * 4096,
            .type = leave_memory_type(descriptor),
        };
    }
    for (unsigned i = 0; i < world->kept_count; i++)
        *next++ = (struct memory_range){world->kept[i].start_phys, world->kept[i].size_bytes,
                                        MEMORY_IMAGE};
    info->memory_count = (size_t)(next - info->memory);
}

EFI_STATUS efi_leave(struct efi_world *world, struct boot_info *info, const char **what)
{
    *what = "reading the memory map";
    struct efi_map map;
    EFI_STATUS status = efi_map_allocate(world, &map);
    if (EFI_ERROR(status))
        return status;
    *what = "memory for the memory map";
    size_t range_count = map.room_bytes / map.descriptor_bytes + EFI_KEPT_MAX;
    info->memory = efi_allocate(world, range_count * sizeof(struct memory_range));
    if (info->memory == NULL)
        return EFI_OUT_OF_RESOURCES;

    *what = "leaving boot services";
    for (int i = 0; i < LEAVE_TRIES; i++) {
        status = efi_map_read(world, &map);
        if (!EFI_ERROR(status))
            status = world->boot->ExitBootServices(world->image, map.key);
        if (!EFI_ERROR(status))
            break;
    }
    if (!EFI_ERROR(status))
        leave_convert(world, &map, info);
    return status;
}

static void runtime_reset(enum firmware_reset kind)
{
    runtime->ResetSystem(kind == FIRMWARE_RESET_SHUTDOWN ? EfiResetShutdown : EfiResetCold,
                         EFI_SUCCESS, 0, NULL);
}

void efi_runtime_start(EFI_SYSTEM_TABLE *system, struct boot_info *info)
{
    runtime = system->RuntimeServices;
    if (runtime != NULL && runtime->ResetSystem != NULL)
        info->reset = runtime_reset;
}

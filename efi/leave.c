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
        return descriptor->Attribute & EFI_MEMORY_WB ? MEMORY_BOOT_CODE : MEMORY_RESERVED;
    case EfiBootServicesData:
    case EfiLoaderData: // of whoever loaded us: a boot manager, the shell
        return descriptor->Attribute & EFI_MEMORY_WB ? MEMORY_BOOT_SERVICES : MEMORY_RESERVED;
    case EfiLoaderCode: // this image and what was gathered for it
        return MEMORY_IMAGE;
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

EFI_STATUS efi_leave(struct efi_world *world, struct boot_info *info, const char **what)
{
    UINTN map_bytes = 0, key, descriptor_bytes = 0;
    UINT32 version;
    *what = "reading the memory map";
    EFI_STATUS status =
        world->boot->GetMemoryMap(&map_bytes, NULL, &key, &descriptor_bytes, &version);
    if (status != EFI_BUFFER_TOO_SMALL || descriptor_bytes < sizeof(EFI_MEMORY_DESCRIPTOR))
        return EFI_ERROR(status) && status != EFI_BUFFER_TOO_SMALL ? status : EFI_UNSUPPORTED;

    *what = "memory for the memory map";
    UINTN room_bytes = map_bytes + MAP_SPARE_DESCRIPTORS * descriptor_bytes;
    UINTN range_bytes = room_bytes / descriptor_bytes * sizeof(struct memory_range);
    EFI_PHYSICAL_ADDRESS address = 0;
    status = world->boot->AllocatePages(AllocateAnyPages, EfiLoaderCode,
                                        (room_bytes + 16 + range_bytes + 4095) / 4096, &address);
    if (EFI_ERROR(status))
        return status;
    char *map = (char *)address;

    *what = "leaving boot services";
    for (int i = 0; i < LEAVE_TRIES; i++) {
        map_bytes = room_bytes;
        status = world->boot->GetMemoryMap(&map_bytes, (EFI_MEMORY_DESCRIPTOR *)map, &key,
                                           &descriptor_bytes, &version);
        if (!EFI_ERROR(status))
            status = world->boot->ExitBootServices(world->image, key);
        if (!EFI_ERROR(status))
            break;
    }
    if (EFI_ERROR(status))
        return status;

    info->memory = (struct memory_range *)(map + ALIGN_UP(room_bytes, 16));
    info->memory_count = map_bytes / descriptor_bytes;
    for (size_t i = 0; i < info->memory_count; i++) {
        const EFI_MEMORY_DESCRIPTOR *descriptor = (void *)(map + i * descriptor_bytes);
        info->memory[i] = (struct memory_range){
            .start_phys = descriptor->PhysicalStart,
            .size_bytes = descriptor->NumberOfPages * 4096,
            .type = leave_memory_type(descriptor),
        };
    }
    return EFI_SUCCESS;
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

// SPDX-License-Identifier: MIT
// Where firmware enters. The rules of this folder's world: firmware types and calls only here;
// until boot services are left, errors are said on the firmware's console and returned to the
// firmware; nothing core-local is touched, for its copies are made later from what is in the image
// now. Spec: UEFI 2.10, chapters 2.3.4 (calling conventions), 4.1 (entry), 7.4 (leaving).
#include "efi/gather.h"

#include "kernel/boot_info.h"
#include "kernel/cpu.h"
#include "kernel/main.h"

// Linked only into apps that may want files.
#pragma weak efi_gather_files

static struct boot_info boot_info;

static EFI_STATUS entry_fail(struct efi_world *world, const char *what, EFI_STATUS status)
{
    efi_print(world, "toril: cannot boot: ");
    efi_print(world, what);
    efi_print(world, ": ");
    efi_print(world, efi_status_name(status));
    efi_print(world, "\r\n");
    // Exit() and not a return: the start-up code of this image does not keep all registers that the
    // firmware's calling convention wants kept.
    world->boot->Exit(world->image, status, 0, NULL);
    return status;
}

// Data that cannot be executed is what the kernel's page tables begin with.
static bool entry_has_nx(void)
{
    uint32_t a, b, c, d;
    cpu_id(0x80000001, 0, &a, &b, &c, &d);
    return d >> 20 & 1;
}

// The rest of the boot's way through the firmware, in the image where it stays.
static void entry_go_on(struct efi_world *world)
{
    efi_keep(world, boot_info.image_phys, boot_info.image_bytes);
    if (boot_info.load_options == NULL)
        boot_info.load_options = "";
    if (boot_info.config_text == NULL)
        boot_info.config_text = "";
    const char *what = "memory for the core-local part of this image";
    EFI_STATUS status = efi_gather_percore(world, &boot_info);
    if (!EFI_ERROR(status)) {
        if (efi_gather_files != NULL)
            efi_gather_files(world, &boot_info);
        efi_gather_acpi(world, &boot_info);
        efi_gather_framebuffer(world, &boot_info);
        efi_gather_clock(world, &boot_info);
        efi_gather_trampoline(world, &boot_info);
        efi_runtime_start(world->system, &boot_info);
        status = efi_leave(world, &boot_info, &what);
    }
    if (EFI_ERROR(status)) {
        entry_fail(world, what, status);
        return;
    }
    boot_info.left_tsc = cpu_read_tsc();
    kernel_main(&boot_info);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);
EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
    boot_info.entry_tsc = cpu_read_tsc();
    struct efi_world world = {.image = image, .system = system, .boot = system->BootServices};

    world.boot->SetWatchdogTimer(0, 0, 0, NULL); // else the machine resets after 5 minutes
    if (!entry_has_nx())
        return entry_fail(&world, "no-execute (NX, XD) is off in the firmware's settings",
                          EFI_UNSUPPORTED);
    EFI_STATUS status = efi_gather_image(&world, &boot_info);
    if (EFI_ERROR(status))
        return entry_fail(&world, "finding this image", status);
    efi_gather_options(&world, &boot_info);
    efi_gather_entropy(&world, &boot_info);
    // Both copies of the image have this function: the one that is to stay goes on.
    intptr_t moved_by = efi_move(&world, &boot_info);
    void (*go_on)(struct efi_world *) = (void *)((uintptr_t)entry_go_on + (uintptr_t)moved_by);
    go_on(&world);
    return EFI_LOAD_ERROR; // Exit() came back
}

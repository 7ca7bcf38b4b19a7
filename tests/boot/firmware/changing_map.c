// SPDX-License-Identifier: MIT
// Changes the memory map while the image leaves, after it read the map's key and before it hands
// that in, as timers and drivers of real firmware do, three times. Spec: UEFI 2.10, chapter 7.4.6
// (ExitBootServices: a stale key is refused).
#include "tests/boot/firmware/chain.h"

#define CHANGES 3

static EFI_EXIT_BOOT_SERVICES leave;

static EFI_STATUS EFIAPI leave_with_changes(EFI_HANDLE image, UINTN key)
{
    static unsigned done;
    EFI_PHYSICAL_ADDRESS page;
    if (done < CHANGES) {
        done++;
        BS->AllocatePages(AllocateAnyPages, EfiBootServicesData, 1, &page);
        Print(u"firmware: change %d of the memory map\n", done);
    }
    return leave(image, key);
}

EFI_STATUS firmware_behave(void)
{
    leave = BS->ExitBootServices;
    BS->ExitBootServices = leave_with_changes;
    return EFI_SUCCESS;
}

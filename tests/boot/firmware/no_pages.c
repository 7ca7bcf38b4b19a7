// SPDX-License-Identifier: MIT
// Has no memory for the image under test but what it is loaded into.
// Spec: UEFI 2.10, chapter 7.2.1 (AllocatePages).
#include "tests/boot/firmware/chain.h"

static EFI_STATUS EFIAPI allocate_nothing(EFI_ALLOCATE_TYPE how, EFI_MEMORY_TYPE type, UINTN pages,
                                          EFI_PHYSICAL_ADDRESS *address)
{
    (void)how, (void)type, (void)pages, (void)address;
    return EFI_OUT_OF_RESOURCES;
}

EFI_STATUS firmware_behave(void)
{
    BS->AllocatePages = allocate_nothing;
    Print(u"firmware: no pages are given out any more\n");
    return EFI_SUCCESS;
}

// SPDX-License-Identifier: MIT
// Leaves no page below 1 MiB, as firmware does that keeps all of it for legacy programs.
#include "tests/boot/firmware/chain.h"

EFI_STATUS firmware_behave(void)
{
    UINTN taken = 0;
    EFI_PHYSICAL_ADDRESS page = 0xfffff;
    while (!EFI_ERROR(BS->AllocatePages(AllocateMaxAddress, EfiReservedMemoryType, 1, &page))) {
        taken++;
        page = 0xfffff;
    }
    Print(u"firmware: took %d pages below 1 MiB\n", taken);
    return EFI_SUCCESS;
}

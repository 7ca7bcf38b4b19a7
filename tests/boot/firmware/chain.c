// SPDX-License-Identifier: MIT
// Starts \image.efi of the volume that this program came from, with this program's load options.
// Spec: UEFI 2.10, chapter 7.4 (LoadImage, StartImage), 9 (loaded image protocol).
#include "tests/boot/firmware/chain.h"

static EFI_STATUS start_image(EFI_HANDLE self, EFI_HANDLE *image)
{
    static CHAR16 name[] = u"\\image.efi";
    EFI_LOADED_IMAGE *own, *loaded;
    EFI_STATUS status = BS->HandleProtocol(self, &LoadedImageProtocol, (void **)&own);
    if (EFI_ERROR(status))
        return status;
    status = BS->LoadImage(FALSE, self, FileDevicePath(own->DeviceHandle, name), NULL, 0, image);
    if (EFI_ERROR(status))
        return status;
    status = BS->HandleProtocol(*image, &LoadedImageProtocol, (void **)&loaded);
    if (EFI_ERROR(status))
        return status;
    loaded->LoadOptions = own->LoadOptions;
    loaded->LoadOptionsSize = own->LoadOptionsSize;
    return BS->StartImage(*image, NULL, NULL);
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);
EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    InitializeLib(self, system);
    EFI_HANDLE image;
    EFI_STATUS status = firmware_behave();
    if (!EFI_ERROR(status))
        status = start_image(self, &image);
    Print(u"firmware: ended: %r\n", status);
    return status;
}

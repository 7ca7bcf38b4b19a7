// SPDX-License-Identifier: MIT
// The files that are declared with BOOT_FILE(), read from the boot volume. In an archive, for apps
// of the smallest size. Spec: UEFI 2.10, 13.4 and 13.5.
#include "kernel/boot_files.h"

#include <string.h>

#include "efi/gather.h"
#include "kernel/options.h"

// efi/image.ld
extern struct boot_file __start_boot_files[], __stop_boot_files[];

static EFI_GUID file_info_guid = EFI_FILE_INFO_ID;

static void take_path(struct boot_file *file, const struct boot_info *info)
{
    const char *value =
        option_peek(file->option, info->load_options, info->config_text, info->config_bytes);
    if (value == NULL)
        return;
    file->named = true;
    strncpy(file->path, value, sizeof(file->path) - 1);
}

static EFI_STATUS open_path(EFI_FILE_HANDLE root, const struct boot_file *file,
                            EFI_FILE_HANDLE *opened)
{
    CHAR16 wide[BOOT_FILE_PATH_BYTES];
    size_t i = 0;
    for (; file->path[i] != '\0'; i++)
        wide[i] = file->path[i] == '/' ? '\\' : (CHAR16)(unsigned char)file->path[i];
    wide[i] = 0;
    return root->Open(root, opened, wide, EFI_FILE_MODE_READ, 0);
}

static EFI_STATUS file_size(EFI_FILE_HANDLE opened, uint64_t *size_bytes)
{
    struct {
        EFI_FILE_INFO info;
        CHAR16 name[BOOT_FILE_PATH_BYTES];
    } answer;
    UINTN room = sizeof(answer);
    EFI_STATUS status = opened->GetInfo(opened, &file_info_guid, &room, &answer);
    *size_bytes = answer.info.FileSize;
    if (!EFI_ERROR(status) && (answer.info.Attribute & EFI_FILE_DIRECTORY) != 0)
        return EFI_ACCESS_DENIED;
    return status;
}

static void read_file(struct efi_world *world, EFI_FILE_HANDLE root, struct boot_file *file)
{
    EFI_FILE_HANDLE opened;
    uint64_t size_bytes;
    EFI_STATUS status = open_path(root, file, &opened);
    if (EFI_ERROR(status)) {
        file->state = status == EFI_NOT_FOUND ? BOOT_FILE_ABSENT : BOOT_FILE_UNREADABLE;
        return;
    }
    file->state = BOOT_FILE_UNREADABLE;
    if (EFI_ERROR(file_size(opened, &size_bytes))) {
        opened->Close(opened);
        return;
    }
    UINTN read_bytes = size_bytes;
    char *data = NULL;
    if (size_bytes > file->bytes_max)
        file->state = BOOT_FILE_TOO_LARGE;
    else
        data = efi_allocate(world, size_bytes + 1);
    if (data != NULL && !EFI_ERROR(opened->Read(opened, &read_bytes, data)) &&
        read_bytes == size_bytes) {
        data[size_bytes] = '\0';
        file->data = data;
        file->size_bytes = size_bytes;
        file->state = BOOT_FILE_READ;
    }
    opened->Close(opened);
}

void efi_gather_files(struct efi_world *world, const struct boot_info *info)
{
    if (&__start_boot_files[0] == &__stop_boot_files[0])
        return;
    EFI_FILE_HANDLE root = efi_open_volume(world);
    for (struct boot_file *file = __start_boot_files; file < __stop_boot_files; file++) {
        take_path(file, info);
        if (root != NULL)
            read_file(world, root, file);
    }
    if (root != NULL)
        root->Close(root);
}

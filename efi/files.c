// SPDX-License-Identifier: MIT
// The files that the app's table names (kernel/boot_files.h), read from the boot volume. In an
// archive, for apps of the smallest size. Spec: UEFI 2.10, 13.4 and 13.5.
#include "kernel/boot_files.h"

#include <string.h>

#include "efi/gather.h"
#include "kernel/options.h"

// An app without files has no table.
#pragma weak boot_files
#pragma weak boot_files_count

static EFI_GUID file_info_guid = EFI_FILE_INFO_ID;

// The last argument of the app that begins so, or NULL.
static const char *argument_value(const char *name)
{
    const char *value = NULL;
    size_t length = strlen(name);
    char **arguments = options_argv();
    for (int i = 1; i < options_argc(); i++)
        if (strncmp(arguments[i], name, length) == 0)
            value = arguments[i] + length;
    return value;
}

static void take_path(struct boot_file *file)
{
    const char *value = argument_value(file->argument);
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
    if (boot_files == NULL)
        return;
    // The app's arguments, for which the boot's own parsing comes later.
    (void)option_peek("args", info->load_options, info->config_text, info->config_bytes);
    EFI_FILE_HANDLE root = efi_open_volume(world);
    for (size_t i = 0; i < boot_files_count; i++) {
        take_path(&boot_files[i]);
        if (root != NULL)
            read_file(world, root, &boot_files[i]);
    }
    if (root != NULL)
        root->Close(root);
}

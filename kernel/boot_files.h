// SPDX-License-Identifier: MIT
// Files of the boot volume. Who wants one declares it, at the top of his file, beside the option
// that names another path; before the firmware is left efi/files.c reads what is there.
//   OPTION_TEXT(tls_key, "file of the boot volume with the server's key");
//   BOOT_FILE(tls_key, "\\tls\\key.pem", 65536);
// Read-only once kernel_main() runs.
#pragma once

#include <string.h>

#include "kernel/compiler.h"

#define BOOT_FILE_PATH_BYTES 128

enum boot_file_state {
    BOOT_FILE_ABSENT, // there is no such file, or no boot volume
    BOOT_FILE_READ,
    BOOT_FILE_TOO_LARGE,
    BOOT_FILE_UNREADABLE, // the volume's fault, or there was no memory
};

struct boot_file {
    const char *option;
    char path[BOOT_FILE_PATH_BYTES]; // ASCII, from the volume's top; slashes lean either way
    size_t bytes_max;

    enum boot_file_state state;
    bool named; // by its option
    char *data; // of BOOT_FILE_READ: with a NUL behind it; else NULL
    size_t size_bytes;
};

// The linker makes one table of them.
#ifdef TORIL_HOST
#define BOOT_FILE_IN_TABLE
#else
#define BOOT_FILE_IN_TABLE __attribute__((used, aligned(8), section(".boot_files")))
#endif

// `bytes_max`: a larger file is not read.
#define BOOT_FILE(option_key, default_path, most_bytes)                                            \
    static struct boot_file boot_file_##option_key BOOT_FILE_IN_TABLE = {                          \
        .option = #option_key, .path = default_path, .bytes_max = most_bytes}

// Clears what is secret and was taken over. Context: no other core reads it any more.
static inline void boot_file_forget(struct boot_file *file)
{
    if (file->data != NULL)
        memset(file->data, 0, file->size_bytes);
    __asm__ volatile("" ::"r"(file->data) : "memory");
    file->size_bytes = 0;
}

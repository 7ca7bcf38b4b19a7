// SPDX-License-Identifier: MIT
// Files of the boot volume that an app wants: it defines this table, and before the firmware is
// left efi/files.c fills in what is there. Without a table nothing is looked for. Read-only once
// kernel_main() runs.
#pragma once

#include "kernel/compiler.h"

#define BOOT_FILE_PATH_BYTES 128

enum boot_file_state {
    BOOT_FILE_ABSENT, // there is no such file, or no boot volume
    BOOT_FILE_READ,
    BOOT_FILE_TOO_LARGE,
    BOOT_FILE_UNREADABLE, // the volume's fault, or there was no memory
};

struct boot_file {
    const char *argument;            // of the app, "tls_cert=": what follows is the path instead
    char path[BOOT_FILE_PATH_BYTES]; // ASCII, from the volume's top; slashes lean either way
    size_t bytes_max;

    enum boot_file_state state;
    bool named; // by that argument
    char *data; // of BOOT_FILE_READ: with a NUL behind it; else NULL
    size_t size_bytes;
};

extern struct boot_file boot_files[];
extern const size_t boot_files_count;

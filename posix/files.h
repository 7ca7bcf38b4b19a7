// SPDX-License-Identifier: MIT
// Files in memory, for fopen() and its like: those of the app's folder files/, which are packed
// into its image, and what it writes, which ends with the machine. Each core has files and
// descriptors of its own, so nothing locks; the packed ones begin the same on all. Folders are in
// names alone: whatever path is opened to be written is there, and the working directory is "/".
#pragma once

#include <sys/stat.h>
#include <sys/uio.h>

#include "kernel/compiler.h"

#define POSIX_FIRST_OF_FILES  3 // those below are the console's
#define POSIX_DESCRIPTORS_MAX (POSIX_FIRST_OF_FILES + 64)

// Made by posix/pack_files.py, for an app that has some.
struct posix_packed_file {
    const char *path; // begins with '/'
    const char *data;
    size_t size_bytes;
};
extern const struct posix_packed_file posix_packed_files[];
extern const size_t posix_packed_files_count;

// What the calls on descriptors above 2 come to, once this core has opened a file. So an app
// without files is not linked with them. Arguments and results are those of the system calls.
struct posix_descriptor_calls {
    long (*read)(long fd, const struct iovec *vectors, long count);
    long (*write)(long fd, const struct iovec *vectors, long count);
    long (*seek)(long fd, long offset, long whence);
    long (*status)(long fd, struct stat *status);
    long (*control)(long fd, long command, long argument);
    long (*close)(long fd);
};
// NULL until then.
extern PERCORE_ZERO const struct posix_descriptor_calls *posix_descriptors;

// SPDX-License-Identifier: MIT
// File descriptors. 0 is at its end, 1 and 2 are the console; those above are files.c's.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "kernel/compiler.h"
#include "kernel/console.h"
#include "posix/calls.h"
#include "posix/files.h"

#define WRITE_WHOLE_MAX 512 // bytes of a scattered write that reach the console as one

PERCORE_ZERO const struct posix_descriptor_calls *posix_descriptors;

// Of a descriptor that is not the console's.
#define CALL_FILES(name, ...)                                                                      \
    (posix_descriptors != NULL ? posix_descriptors->name(__VA_ARGS__) : -EBADF)

static bool is_open(long fd)
{
    return fd >= 0 && fd <= 2;
}

static bool is_output(long fd)
{
    return fd == 1 || fd == 2;
}

static void show(const void *text, size_t size_bytes)
{
    if (size_bytes > 0)
        console_write(text, size_bytes);
}

long posix_call_read(long fd, long data, long size_bytes)
{
    if (is_open(fd))
        return 0;
    if (size_bytes < 0)
        return -EINVAL;
    struct iovec vector = {(void *)data, (size_t)size_bytes};
    return CALL_FILES(read, fd, &vector, 1);
}

long posix_call_readv(long fd, long vectors, long count)
{
    if (count < 0 || count > IOV_MAX)
        return -EINVAL;
    return is_open(fd) ? 0 : CALL_FILES(read, fd, (const struct iovec *)vectors, count);
}

long posix_call_write(long fd, long data, long size_bytes)
{
    if (size_bytes < 0)
        return -EINVAL;
    struct iovec vector = {(void *)data, (size_t)size_bytes};
    if (!is_output(fd))
        return CALL_FILES(write, fd, &vector, 1);
    show((const char *)data, (size_t)size_bytes);
    return size_bytes;
}

long posix_call_writev(long fd, long vectors, long count)
{
    const struct iovec *vector = (const struct iovec *)vectors;
    char line[WRITE_WHOLE_MAX];
    long total = 0;

    if (count < 0 || count > IOV_MAX)
        return -EINVAL;
    if (!is_output(fd))
        return CALL_FILES(write, fd, vector, count);
    for (long i = 0; i < count; i++)
        if (vector[i].iov_len > LONG_MAX ||
            __builtin_add_overflow(total, vector[i].iov_len, &total))
            return -EINVAL;

    // stdio writes a line as what was buffered and what is new: another core must not come between.
    size_t gathered = 0;
    for (long i = 0; i < count; i++) {
        if (total > WRITE_WHOLE_MAX) {
            show(vector[i].iov_base, vector[i].iov_len);
        } else if (vector[i].iov_len) {
            memcpy(line + gathered, vector[i].iov_base, vector[i].iov_len);
            gathered += vector[i].iov_len;
        }
    }
    show(line, gathered);
    return total;
}

// musl's struct stat is the kernel's on x86-64.
long posix_call_fstat(long fd, long status)
{
    struct stat *stat = (struct stat *)status;
    if (!is_open(fd))
        return CALL_FILES(status, fd, stat);
    *stat = (struct stat){.st_mode = S_IFCHR | 0620, .st_nlink = 1, .st_blksize = 4096};
    return 0;
}

long posix_call_close(long fd)
{
    return is_open(fd) ? 0 : CALL_FILES(close, fd);
}

long posix_call_lseek(long fd, long offset, long whence)
{
    return is_open(fd) ? -ESPIPE : CALL_FILES(seek, fd, offset, whence);
}

// The console is a terminal of unknown size: stdout is flushed at the end of each line.
long posix_call_ioctl(long fd, long request, long argument)
{
    if (!is_open(fd))
        return -EBADF;
    if (request != TIOCGWINSZ)
        return -ENOTTY;
    *(struct winsize *)argument = (struct winsize){0};
    return 0;
}

long posix_call_fcntl(long fd, long command, long argument)
{
    if (!is_open(fd))
        return CALL_FILES(control, fd, command, argument);
    switch (command) {
    case F_GETFL:
        return fd == 0 ? O_RDONLY : O_WRONLY;
    case F_GETFD:
    case F_SETFD:
        return 0;
    }
    return -EINVAL;
}

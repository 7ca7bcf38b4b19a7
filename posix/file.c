// SPDX-License-Identifier: MIT
// File descriptors. 0 is at its end, 1 and 2 are the console; there are no files yet.
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

#define WRITE_WHOLE_MAX 512 // bytes of a scattered write that reach the console as one

static bool is_open(long fd)
{
    return fd >= 0 && fd <= 2;
}

static bool is_output(long fd)
{
    return fd == 1 || fd == 2;
}

long posix_call_read(long fd, long data, long size_bytes)
{
    (void)data, (void)size_bytes;
    return is_open(fd) ? 0 : -EBADF;
}

long posix_call_readv(long fd, long vectors, long count)
{
    (void)vectors;
    if (!is_open(fd))
        return -EBADF;
    return count < 0 || count > IOV_MAX ? -EINVAL : 0;
}

long posix_call_write(long fd, long data, long size_bytes)
{
    if (!is_output(fd))
        return -EBADF;
    if (size_bytes < 0)
        return -EINVAL;
    if (size_bytes)
        console_write((const char *)data, (size_t)size_bytes);
    return size_bytes;
}

long posix_call_writev(long fd, long vectors, long count)
{
    const struct iovec *vector = (const struct iovec *)vectors;
    char line[WRITE_WHOLE_MAX];
    long total = 0;

    if (!is_output(fd))
        return -EBADF;
    if (count < 0 || count > IOV_MAX)
        return -EINVAL;
    for (long i = 0; i < count; i++)
        if (vector[i].iov_len > LONG_MAX ||
            __builtin_add_overflow(total, vector[i].iov_len, &total))
            return -EINVAL;

    // stdio writes a line as what was buffered and what is new: another core must not come between.
    size_t gathered = 0;
    for (long i = 0; i < count; i++) {
        if (total > WRITE_WHOLE_MAX) {
            posix_call_write(fd, (long)vector[i].iov_base, (long)vector[i].iov_len);
        } else if (vector[i].iov_len) {
            memcpy(line + gathered, vector[i].iov_base, vector[i].iov_len);
            gathered += vector[i].iov_len;
        }
    }
    posix_call_write(fd, (long)line, (long)gathered);
    return total;
}

long posix_call_open(long path, long flags, long mode)
{
    (void)path, (void)mode;
    return flags & O_CREAT ? -EROFS : -ENOENT;
}

long posix_call_openat(long folder, long path, long flags, long mode)
{
    (void)folder;
    return posix_call_open(path, flags, mode);
}

long posix_call_access(long path, long mode)
{
    (void)path, (void)mode;
    return -ENOENT;
}

long posix_call_stat(long path, long status)
{
    (void)path, (void)status;
    return -ENOENT;
}

long posix_call_lstat(long path, long status)
{
    return posix_call_stat(path, status);
}

// musl's struct stat is the kernel's on x86-64.
long posix_call_fstat(long fd, long status)
{
    struct stat *stat = (struct stat *)status;
    if (!is_open(fd))
        return -EBADF;
    *stat = (struct stat){.st_mode = S_IFCHR | 0620, .st_nlink = 1, .st_blksize = 4096};
    return 0;
}

long posix_call_newfstatat(long folder, long path, long status, long flags)
{
    const char *name = (const char *)path;
    if (flags & AT_EMPTY_PATH && name[0] == '\0')
        return posix_call_fstat(folder, status);
    return posix_call_stat(path, status);
}

long posix_call_close(long fd)
{
    return is_open(fd) ? 0 : -EBADF;
}

long posix_call_lseek(long fd, long offset, long whence)
{
    (void)offset, (void)whence;
    return is_open(fd) ? -ESPIPE : -EBADF;
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
    (void)argument;
    if (!is_open(fd))
        return -EBADF;
    switch (command) {
    case F_GETFL:
        return fd == 0 ? O_RDONLY : O_WRONLY;
    case F_GETFD:
    case F_SETFD:
        return 0;
    }
    return -EINVAL;
}

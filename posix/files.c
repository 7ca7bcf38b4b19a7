// SPDX-License-Identifier: MIT
#include "posix/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "posix/calls.h"

#pragma weak posix_packed_files // not in every app
#pragma weak posix_packed_files_count

#define DESCRIPTORS_MAX (POSIX_DESCRIPTORS_MAX - POSIX_FIRST_OF_FILES)
#define PATH_BYTES_MAX  256 // of a path without "." and "..", with its NUL
#define ROOM_BYTES_MIN  256

struct file {
    struct file *next;
    char *data;
    size_t size_bytes;
    size_t room_bytes;   // 0: `data` is packed, or there is none
    uint64_t number;     // what st_ino says
    unsigned open_count; // descriptors
    bool is_removed;     // freed when the last of them is closed
    time_t changed;
    char path[PATH_BYTES_MAX];
};

struct descriptor {
    struct file *file; // NULL: free
    size_t offset;
    long flags; // of open()
};

static PERCORE_ZERO struct {
    struct file *first;
    struct descriptor descriptors[DESCRIPTORS_MAX];
    uint64_t last_number;
    bool has_packed;
} files;
static const struct posix_descriptor_calls calls;

// ---- names --------------------------------------------------------------------------------------

// Writes `given` as "/a/b": from the top, without "." and "..". The top itself is "".
static long path_clean(const char *given, char path[PATH_BYTES_MAX])
{
    size_t used = 0;
    if (*given == '\0')
        return -ENOENT;
    for (size_t length; *given != '\0'; given += length + (given[length] == '/')) {
        length = strcspn(given, "/");
        if (length == 2 && memcmp(given, "..", 2) == 0) {
            while (used > 0 && path[--used] != '/')
                ;
        } else if (length > 0 && !(length == 1 && *given == '.')) {
            if (used + 1 + length >= PATH_BYTES_MAX)
                return -ENAMETOOLONG;
            path[used++] = '/';
            memcpy(path + used, given, length);
            used += length;
        }
    }
    path[used] = '\0';
    return 0;
}

static struct file *find(const char *path)
{
    for (struct file *file = files.first; file != NULL; file = file->next)
        if (strcmp(file->path, path) == 0)
            return file;
    return NULL;
}

// The top, and where something lies.
static bool is_folder(const char *path)
{
    size_t length = strlen(path);
    if (length == 0 || strcmp(path, "/tmp") == 0)
        return true;
    for (struct file *file = files.first; file != NULL; file = file->next)
        if (strncmp(file->path, path, length) == 0 && file->path[length] == '/')
            return true;
    return false;
}

static struct file *create(const char *path)
{
    struct file *file = calloc(1, sizeof(*file));
    if (file == NULL)
        return NULL;
    strcpy(file->path, path);
    file->number = ++files.last_number;
    file->changed = time(NULL);
    file->next = files.first;
    files.first = file;
    return file;
}

static long add_packed(void)
{
    size_t count = &posix_packed_files_count != NULL ? posix_packed_files_count : 0;
    for (size_t i = files.last_number; i < count; i++) { // again from where memory ran out
        struct file *file = create(posix_packed_files[i].path);
        if (file == NULL)
            return -ENOMEM;
        file->data = (char *)posix_packed_files[i].data;
        file->size_bytes = posix_packed_files[i].size_bytes;
    }
    files.has_packed = true;
    return 0;
}

static long begin(long given, char path[PATH_BYTES_MAX])
{
    long error = files.has_packed ? 0 : add_packed();
    return error != 0 ? error : path_clean((const char *)given, path);
}

static void free_if_unused(struct file *file)
{
    if (!file->is_removed || file->open_count > 0)
        return;
    if (file->room_bytes > 0)
        free(file->data);
    free(file);
}

static void discard(struct file *file)
{
    struct file **at = &files.first;
    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
    file->is_removed = true;
    free_if_unused(file);
}

// ---- content ------------------------------------------------------------------------------------

// Makes the file's size this, what is new as zeros; a packed file is copied first.
static long resize(struct file *file, size_t size_bytes)
{
    if (size_bytes > LONG_MAX)
        return -EFBIG;
    if (size_bytes > file->room_bytes) {
        size_t room = size_bytes > ROOM_BYTES_MIN ? size_bytes : ROOM_BYTES_MIN;
        if (room < 2 * file->room_bytes)
            room = 2 * file->room_bytes;
        char *data = malloc(room);
        if (data == NULL)
            return -ENOSPC;
        size_t kept = file->size_bytes < size_bytes ? file->size_bytes : size_bytes;
        if (kept > 0)
            memcpy(data, file->data, kept);
        if (file->room_bytes > 0)
            free(file->data);
        file->data = data;
        file->room_bytes = room;
    }
    if (size_bytes > file->size_bytes)
        memset(file->data + file->size_bytes, 0, size_bytes - file->size_bytes);
    file->size_bytes = size_bytes;
    file->changed = time(NULL);
    return 0;
}

static size_t read_at(const struct file *file, size_t offset, void *data, size_t size_bytes)
{
    size_t left = offset < file->size_bytes ? file->size_bytes - offset : 0;
    size_t count = size_bytes < left ? size_bytes : left;
    if (count > 0)
        memcpy(data, file->data + offset, count);
    return count;
}

static long write_at(struct file *file, size_t offset, const void *data, size_t size_bytes)
{
    size_t end;
    if (__builtin_add_overflow(offset, size_bytes, &end))
        return -EFBIG;
    if (size_bytes == 0)
        return 0;
    // A packed file is copied even where it does not grow.
    if (end > file->size_bytes || file->room_bytes == 0) {
        long error = resize(file, end > file->size_bytes ? end : file->size_bytes);
        if (error != 0)
            return error;
    }
    memcpy(file->data + offset, data, size_bytes);
    file->changed = time(NULL);
    return (long)size_bytes;
}

// ---- descriptors --------------------------------------------------------------------------------

static struct descriptor *descriptor_of(long fd)
{
    if (fd < POSIX_FIRST_OF_FILES || fd >= POSIX_FIRST_OF_FILES + DESCRIPTORS_MAX)
        return NULL;
    struct descriptor *descriptor = &files.descriptors[fd - POSIX_FIRST_OF_FILES];
    return descriptor->file != NULL ? descriptor : NULL;
}

static struct descriptor *to_read(long fd)
{
    struct descriptor *descriptor = descriptor_of(fd);
    return descriptor != NULL && (descriptor->flags & O_ACCMODE) != O_WRONLY ? descriptor : NULL;
}

static struct descriptor *to_write(long fd)
{
    struct descriptor *descriptor = descriptor_of(fd);
    return descriptor != NULL && (descriptor->flags & O_ACCMODE) != O_RDONLY ? descriptor : NULL;
}

static long open_file(struct file *file, long flags)
{
    for (long i = 0; i < DESCRIPTORS_MAX; i++) {
        if (files.descriptors[i].file != NULL)
            continue;
        files.descriptors[i] = (struct descriptor){file, 0, flags};
        file->open_count++;
        posix_descriptors = &calls;
        return POSIX_FIRST_OF_FILES + i;
    }
    return -EMFILE;
}

long posix_call_open(long given, long flags, long mode)
{
    (void)mode;
    char path[PATH_BYTES_MAX];
    long error = begin(given, path);
    if (error != 0)
        return error;
    struct file *file = find(path);
    if (file == NULL && is_folder(path))
        return -EISDIR;
    if (flags & O_DIRECTORY)
        return file != NULL ? -ENOTDIR : -ENOENT;
    if (file != NULL && (flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if (file == NULL && !(flags & O_CREAT))
        return -ENOENT;
    if (file == NULL && (file = create(path)) == NULL)
        return -ENOSPC;
    long fd = open_file(file, flags);
    if (fd >= 0 && (flags & O_TRUNC) && to_write(fd) != NULL)
        file->size_bytes = 0;
    return fd;
}

static long read_next(long fd, const struct iovec *vectors, long count)
{
    struct descriptor *descriptor = to_read(fd);
    long total = 0;
    if (descriptor == NULL)
        return -EBADF;
    for (long i = 0; i < count; i++) {
        size_t got =
            read_at(descriptor->file, descriptor->offset, vectors[i].iov_base, vectors[i].iov_len);
        descriptor->offset += got;
        total += (long)got;
    }
    return total;
}

static long write_next(long fd, const struct iovec *vectors, long count)
{
    struct descriptor *descriptor = to_write(fd);
    long total = 0;
    if (descriptor == NULL)
        return -EBADF;
    if (descriptor->flags & O_APPEND)
        descriptor->offset = descriptor->file->size_bytes;
    for (long i = 0; i < count; i++) {
        long wrote =
            write_at(descriptor->file, descriptor->offset, vectors[i].iov_base, vectors[i].iov_len);
        if (wrote < 0)
            return total > 0 ? total : wrote;
        descriptor->offset += (size_t)wrote;
        total += wrote;
    }
    return total;
}

static long seek(long fd, long offset, long whence)
{
    struct descriptor *descriptor = descriptor_of(fd);
    if (descriptor == NULL)
        return -EBADF;
    long from = whence == SEEK_CUR   ? (long)descriptor->offset
                : whence == SEEK_END ? (long)descriptor->file->size_bytes
                                     : 0;
    if (whence < SEEK_SET || whence > SEEK_END || __builtin_add_overflow(from, offset, &from) ||
        from < 0)
        return -EINVAL;
    descriptor->offset = (size_t)from;
    return from;
}

static void fill_status(const struct file *file, struct stat *status)
{
    *status = (struct stat){
        .st_mode = file != NULL ? S_IFREG | 0644 : S_IFDIR | 0755,
        .st_nlink = 1,
        .st_ino = file != NULL ? file->number : 0,
        .st_size = file != NULL ? (off_t)file->size_bytes : 0,
        .st_blksize = 4096,
        .st_blocks = file != NULL ? (blkcnt_t)((file->size_bytes + 511) / 512) : 0,
        .st_mtim.tv_sec = file != NULL ? file->changed : 0,
    };
}

static long status_of(long fd, struct stat *status)
{
    const struct descriptor *descriptor = descriptor_of(fd);
    if (descriptor == NULL)
        return -EBADF;
    fill_status(descriptor->file, status);
    return 0;
}

// Locks are always free: there is one process.
static long control(long fd, long command, long argument)
{
    struct descriptor *descriptor = descriptor_of(fd);
    if (descriptor == NULL)
        return -EBADF;
    switch (command) {
    case F_GETFL:
        return descriptor->flags & (O_ACCMODE | O_APPEND);
    case F_SETFL:
        descriptor->flags = (descriptor->flags & ~O_APPEND) | (argument & O_APPEND);
        return 0;
    case F_GETLK:
        ((struct flock *)argument)->l_type = F_UNLCK;
        return 0;
    case F_GETFD:
    case F_SETFD:
    case F_SETLK:
    case F_SETLKW:
        return 0;
    }
    return -EINVAL;
}

static long close_file(long fd)
{
    struct descriptor *descriptor = descriptor_of(fd);
    if (descriptor == NULL)
        return -EBADF;
    struct file *file = descriptor->file;
    *descriptor = (struct descriptor){0};
    file->open_count--;
    free_if_unused(file);
    return 0;
}

static const struct posix_descriptor_calls calls = {read_next, write_next, seek,
                                                    status_of, control,    close_file};

long posix_call_pread64(long fd, long data, long size_bytes, long offset)
{
    const struct descriptor *descriptor = to_read(fd);
    if (descriptor == NULL)
        return -EBADF;
    if (size_bytes < 0 || offset < 0)
        return -EINVAL;
    return (long)read_at(descriptor->file, (size_t)offset, (void *)data, (size_t)size_bytes);
}

long posix_call_pwrite64(long fd, long data, long size_bytes, long offset)
{
    const struct descriptor *descriptor = to_write(fd);
    if (descriptor == NULL)
        return -EBADF;
    if (size_bytes < 0 || offset < 0)
        return -EINVAL;
    return write_at(descriptor->file, (size_t)offset, (const void *)data, (size_t)size_bytes);
}

long posix_call_ftruncate(long fd, long size_bytes)
{
    const struct descriptor *descriptor = to_write(fd);
    if (descriptor == NULL || size_bytes < 0)
        return descriptor == NULL ? -EBADF : -EINVAL;
    return resize(descriptor->file, (size_t)size_bytes);
}

long posix_call_fsync(long fd)
{
    return descriptor_of(fd) != NULL ? 0 : -EBADF;
}

long posix_call_fdatasync(long fd)
{
    return posix_call_fsync(fd);
}

// There are no users to whom modes and owners would matter.
long posix_call_fchmod(long fd, long mode)
{
    (void)mode;
    return posix_call_fsync(fd);
}

long posix_call_fchown(long fd, long user, long group)
{
    (void)user, (void)group;
    return posix_call_fsync(fd);
}

// ---- calls on names -----------------------------------------------------------------------------

long posix_call_openat(long folder, long path, long flags, long mode)
{
    (void)folder; // all are the top
    return posix_call_open(path, flags, mode);
}

long posix_call_stat(long given, long status)
{
    char path[PATH_BYTES_MAX];
    long error = begin(given, path);
    if (error != 0)
        return error;
    const struct file *file = find(path);
    if (file == NULL && !is_folder(path))
        return -ENOENT;
    fill_status(file, (struct stat *)status);
    return 0;
}

long posix_call_lstat(long path, long status)
{
    return posix_call_stat(path, status);
}

long posix_call_newfstatat(long folder, long path, long status, long flags)
{
    if (flags & AT_EMPTY_PATH && *(const char *)path == '\0')
        return posix_call_fstat(folder, status);
    return posix_call_stat(path, status);
}

long posix_call_access(long path, long mode)
{
    (void)mode;
    struct stat status;
    return posix_call_stat(path, (long)&status);
}

long posix_call_unlink(long given)
{
    char path[PATH_BYTES_MAX];
    long error = begin(given, path);
    if (error != 0)
        return error;
    struct file *file = find(path);
    if (file == NULL)
        return is_folder(path) ? -EISDIR : -ENOENT;
    discard(file);
    return 0;
}

long posix_call_rename(long given, long given_new)
{
    char path[PATH_BYTES_MAX], new_path[PATH_BYTES_MAX];
    long error = begin(given, path);
    if (error == 0)
        error = path_clean((const char *)given_new, new_path);
    if (error != 0)
        return error;
    struct file *file = find(path), *old = find(new_path);
    if (file == NULL)
        return is_folder(path) ? -EISDIR : -ENOENT;
    if (old == NULL && is_folder(new_path))
        return -EISDIR;
    if (old != NULL && old != file)
        discard(old);
    strcpy(file->path, new_path);
    return 0;
}

long posix_call_getcwd(long buffer, long size_bytes)
{
    if (size_bytes < 2)
        return -ERANGE;
    strcpy((char *)buffer, "/");
    return 2;
}

// SPDX-License-Identifier: MIT
#include "http/target.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

// Skips "http://authority" of an absolute-form target. Returns: where the path begins.
static const char *target_skip_authority(const char *target, const char *end)
{
    static const char scheme[] = "http://";
    size_t scheme_length = sizeof(scheme) - 1;
    if ((size_t)(end - target) <= scheme_length || strncasecmp(target, scheme, scheme_length) != 0)
        return target;
    target += scheme_length;
    while (target < end && *target != '/' && *target != '?' && *target != '#')
        target++;
    return target;
}

// Decodes percent escapes up to the query. Returns: the length, or -EINVAL.
static int target_decode(const char *target, const char *end, char *path)
{
    int used = 0;
    for (; target < end && *target != '?' && *target != '#'; target++) {
        int byte = (unsigned char)*target;
        if (byte == '%') {
            if (end - target < 3 || hex_digit(target[1]) < 0 || hex_digit(target[2]) < 0)
                return -EINVAL;
            byte = hex_digit(target[1]) << 4 | hex_digit(target[2]);
            target += 2;
        }
        if (byte == 0)
            return -EINVAL;
        path[used++] = (char)byte;
    }
    return used;
}

// Resolves "." and ".." in place; runs after decoding, so that an escaped dot is one.
static int path_remove_dots(char *path, int length)
{
    int used = 0; // never ends in '/', except that it may be empty
    int at = 0;
    while (at < length) { // path[at] is the '/' before a segment
        int end = at + 1;
        while (end < length && path[end] != '/')
            end++;
        int segment = end - at - 1;
        bool last = end == length;
        bool dot = segment == 1 && path[at + 1] == '.';
        bool dots = segment == 2 && path[at + 1] == '.' && path[at + 2] == '.';
        if (dots) {
            if (used == 0)
                return -EINVAL;
            while (path[--used] != '/')
                ;
        }
        if (!dot && !dots) {
            memmove(path + used, path + at, (size_t)(end - at));
            used += end - at;
        } else if (last) {
            path[used++] = '/';
        }
        at = end;
    }
    return used;
}

int http_target_path(const char *target, size_t length, char *path)
{
    const char *end = target + length;
    if (length == 0 || length > HTTP_TARGET_BYTES_MAX)
        return -EINVAL;
    const char *start = target_skip_authority(target, end);
    if (start != target && (start == end || *start != '/')) { // an authority, and no path: "/"
        path[0] = '/';
        return 1;
    }
    if (*start != '/')
        return -EINVAL;
    int decoded = target_decode(start, end, path);
    return decoded < 0 ? decoded : path_remove_dots(path, decoded);
}

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

static bool begins_with(const char *target, size_t length, const char *scheme)
{
    return length > strlen(scheme) && strncasecmp(target, scheme, strlen(scheme)) == 0;
}

bool http_target_is_https(const char *target, size_t length)
{
    return begins_with(target, length, "https://");
}

const char *http_target_authority(const char *target, size_t length, size_t *authority_length)
{
    size_t scheme_length = strlen("http://");
    if (http_target_is_https(target, length))
        scheme_length = strlen("https://");
    else if (!begins_with(target, length, "http://"))
        return NULL;
    size_t end = scheme_length;
    while (end < length && target[end] != '/' && target[end] != '?' && target[end] != '#')
        end++;
    *authority_length = end - scheme_length;
    return target + scheme_length;
}

// Skips "http://authority" or "https://authority" of an absolute-form target. Returns: where the
// path begins.
static const char *target_skip_authority(const char *target, const char *end)
{
    size_t length;
    const char *authority = http_target_authority(target, (size_t)(end - target), &length);
    return authority ? authority + length : target;
}

int http_decode(const char *text, size_t length, bool plus, char *out)
{
    const char *end = text + length;
    int used = 0;
    for (; text < end; text++) {
        int byte = (unsigned char)*text;
        if (byte == '%') {
            if (end - text < 3 || hex_digit(text[1]) < 0 || hex_digit(text[2]) < 0)
                return -EINVAL;
            byte = hex_digit(text[1]) << 4 | hex_digit(text[2]);
            text += 2;
        } else if (byte == '+' && plus) {
            byte = ' ';
        }
        out[used++] = (char)byte;
    }
    return used;
}

// Where `letter` is, or `end`.
static const char *find(const char *text, const char *end, char letter)
{
    const char *found = text < end ? memchr(text, letter, (size_t)(end - text)) : NULL;
    return found ? found : end;
}

int http_target_split(const char *target, size_t length, struct http_target *out)
{
    static const char root[] = "/";
    const char *end = find(target, target + length, '#');
    if (length == 0 || length > HTTP_TARGET_BYTES_MAX)
        return -EINVAL;
    const char *start = target_skip_authority(target, end);
    const char *question = find(start, end, '?');
    *out = (struct http_target){start, question, question < end ? question + 1 : end, end};
    if (start < question && *start == '/')
        return 0;
    if (start == target || start != question)
        return -EINVAL;
    out->path = root; // an authority, and no path
    out->path_end = root + 1;
    return 0;
}

int http_path_remove_dots(char *path, int length)
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
    struct http_target parts;
    if (http_target_split(target, length, &parts) != 0)
        return -EINVAL;
    int decoded = http_decode(parts.path, (size_t)(parts.path_end - parts.path), false, path);
    if (decoded < 0 || memchr(path, 0, (size_t)decoded) != NULL)
        return -EINVAL;
    return http_path_remove_dots(path, decoded); // an escaped dot is one
}

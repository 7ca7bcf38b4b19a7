// SPDX-License-Identifier: MIT
// Request targets.
#pragma once

#include "kernel/compiler.h"

#define HTTP_TARGET_BYTES_MAX 4096

// A request target in its parts, as sent. The path begins with '/'.
struct http_target {
    const char *path, *path_end;
    const char *query, *query_end; // equal without one
};

// Spec: RFC 9112, 3.2 (origin-form, absolute-form). Returns: 0, or -EINVAL for what is no such
// target.
int http_target_split(const char *target, size_t length, struct http_target *out) MUST_CHECK;
// In absolute form, of scheme https.
bool http_target_is_https(const char *target, size_t length);
// Returns: the authority of an absolute-form target of http or https, *authority_length bytes of
// it, or NULL.
const char *http_target_authority(const char *target, size_t length, size_t *authority_length);
// Decodes percent escapes, and with `plus` '+' as a blank, into `out`, which holds `length` bytes.
// Returns: how many it wrote, or -EINVAL for a '%' without two digits.
int http_decode(const char *text, size_t length, bool plus, char *out) MUST_CHECK;
// Resolves "." and ".." in place, in a path that begins with '/'. Spec: RFC 3986, 5.2.4.
// Returns: its length, or -EINVAL for what climbs above "/".
int http_path_remove_dots(char *path, int length) MUST_CHECK;
// Writes the path a request target names: percent-decoded, without query and fragment, "." and ".."
// resolved. `path` holds HTTP_TARGET_BYTES_MAX bytes; the result is not NUL-terminated and never
// longer than the target. Spec: RFC 9112, 3.2 (origin-form, absolute-form); RFC 3986, 5.2.4.
// Returns: its length, or -EINVAL for what is no such target, holds a NUL, or climbs above "/".
int http_target_path(const char *target, size_t length, char *path) MUST_CHECK;

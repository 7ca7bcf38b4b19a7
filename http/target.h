// SPDX-License-Identifier: MIT
// Request targets.
#pragma once

#include "kernel/compiler.h"

#define HTTP_TARGET_BYTES_MAX 4096

// Writes the path a request target names: percent-decoded, without query and fragment, "." and ".."
// resolved. `path` holds HTTP_TARGET_BYTES_MAX bytes; the result is not NUL-terminated and never
// longer than the target. Spec: RFC 9112, 3.2 (origin-form, absolute-form); RFC 3986, 5.2.4.
// Returns: its length, or -EINVAL for what is no such target, holds a NUL, or climbs above "/".
int http_target_path(const char *target, size_t length, char *path) MUST_CHECK;

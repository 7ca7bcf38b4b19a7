// SPDX-License-Identifier: MIT
// Which stored form of a file a client takes. Spec: RFC 9110, 12.5.3 (Accept-Encoding) and 12.4.2
// (weights).
#pragma once

#include "kernel/compiler.h"

enum http_encoding { HTTP_IDENTITY, HTTP_GZIP, HTTP_ENCODINGS };

// Chooses by the value of Accept-Encoding: what has the greater weight, and gzip, the smaller, when
// they have the same or nothing is said of identity. `value` NULL: there is no such field.
// Returns: an enum http_encoding, or -ENOENT when the client takes none that there is.
int http_encoding_choose(const char *value, size_t length, bool has_gzip) MUST_CHECK;

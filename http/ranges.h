// SPDX-License-Identifier: MIT
// Byte ranges of a representation, as field Range asks for them.
// Spec: RFC 9110, 14.1.2 (byte ranges) and 14.2 (Range, and why their number is bounded).
#pragma once

#include "kernel/compiler.h"

#define HTTP_RANGES_MAX 16 // who asks for more gets the whole

struct http_range {
    uint32_t first, last; // both included
};

// Reads the value of Range for a representation of `size_bytes`. Ranges that overlap, or lie so
// near that a part of its own costs more than what is between, become one, in the place of the
// first. Returns: how many ranges there are; 0 when the field is to be ignored (another unit,
// malformed, too many), -ERANGE when all of them lie behind the end.
int http_ranges_read(const char *value, size_t length, uint32_t size_bytes,
                     struct http_range ranges[HTTP_RANGES_MAX]) MUST_CHECK;

// SPDX-License-Identifier: MIT
// Text that grows on the heap while it is written. Running out of memory sets `failed`; later
// writes then do nothing, so only the end has to look.
#pragma once

#include <stdarg.h>

#include "kernel/compiler.h"

struct http_text {
    char *data; // heap block, the owner's; NULL while empty
    size_t used_bytes, capacity_bytes;
    bool failed;
};

#define HTTP_TEXT_BYTES_MAX (1u << 20) // the metrics of 256 cores take some 600 KiB

void http_text_put(struct http_text *text, const char *data, size_t size_bytes);
void http_text_format(struct http_text *text, const char *format, ...) PRINTF_LIKE(2, 3);
void http_text_format_list(struct http_text *text, const char *format, va_list arguments);
void http_text_free(struct http_text *text);

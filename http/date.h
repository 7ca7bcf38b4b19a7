// SPDX-License-Identifier: MIT
// Dates in header fields; that of now is made once a second on each core.
// Spec: RFC 9110, 6.6.1 (a server without a clock leaves Date out) and 5.6.7 (the forms).
#pragma once

#include "kernel/compiler.h"

#define HTTP_DATE_LINE_BYTES 37 // "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

extern PERCORE uint32_t http_date_number; // another one for each line that http_date_line() tells

// Looks at the wall clock if a second passed since this core last did. `now_ns`: time_now_ns().
void http_date_refresh(uint64_t now_ns);
// Sets the date; 0: unknown.
void http_date_set(uint64_t unix_seconds);
// The header line of HTTP_DATE_LINE_BYTES, or NULL while the date is unknown.
const char *http_date_line(void);
// Reads a date in any of the three forms. Returns: false for what is none, or is before 1970.
bool http_date_read(const char *text, size_t length, uint64_t *unix_seconds) MUST_CHECK;

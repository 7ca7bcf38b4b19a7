// SPDX-License-Identifier: MIT
// What host tests put below the code under test: the log, kept for the test to read, and a panic
// that fails the test, or is expected with host_expect_panic().
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// Everything logged since the last host_log_clear(), one line each; NUL-terminated.
extern char host_log[65536];
void host_log_clear(void);
// true if some logged line holds `text`.
bool host_log_has(const char *text);

// Returns: a copy on the heap, of its exact size, so that reading past it is an error; for free().
void *exact_copy(const void *data, size_t size_bytes);

// if (!host_panicked()) { call that must panic; fail(); } : host_panicked() returns 0 first, and a
// second time with 1 when panic() is called.
#define host_panicked() (host_panic_armed = true, setjmp(host_panic_jump))
extern jmp_buf host_panic_jump;
extern bool host_panic_armed;
extern char host_panic_text[512];

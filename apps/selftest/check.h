// SPDX-License-Identifier: MIT
// How a case says what it expects. A case is a function that makes checks; it passed if every check
// held, on every core it used. The first check that failed on a core is kept and reported.
#pragma once

#include "kernel/compiler.h"

// Returns: whether the condition held, so that a case can stop where it makes no sense to go on.
#define CHECK(condition) check_that(condition, __FILE__, __LINE__, #condition)
#define CHECK_EQUAL(actual, expected)                                                              \
    check_equal((long long)(actual), (long long)(expected), __FILE__, __LINE__, #actual)
#define CHECK_TEXT(actual, expected) check_text(actual, expected, __FILE__, __LINE__, #actual)

bool check_that(bool holds, const char *file, int line, const char *what);
bool check_equal(long long actual, long long expected, const char *file, int line,
                 const char *what);
bool check_text(const char *actual, const char *expected, const char *file, int line,
                const char *what);

// Starts a case: what earlier ones failed at is forgotten on every core. Context: core 0.
void check_begin(const char *case_name);
// What failed first in this case, or NULL: of core 0, else of the lowest core. Context: core 0,
// when no other core runs a part of the case any more.
const char *check_failure(void);
const char *check_case_name(void);

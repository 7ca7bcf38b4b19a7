// SPDX-License-Identifier: MIT
#include "apps/selftest/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/core.h"

// Written by its own core only; core 0 looks at it when the case is over.
struct failure {
    unsigned case_number; // the case it belongs to
    char text[200];
};
static PERCORE struct failure failure;

// Written by core 0 between cases, when nothing runs elsewhere.
static unsigned case_number;
static const char *case_name = "";

static void record(const char *file, int line, const char *format, ...) PRINTF_LIKE(3, 4);
static void record(const char *file, int line, const char *format, ...)
{
    if (failure.case_number == case_number)
        return;
    failure.case_number = case_number;
    const char *slash = strrchr(file, '/');
    int length = snprintf(failure.text, sizeof(failure.text), "core %u: %s:%d: ", core_index(),
                          slash != NULL ? slash + 1 : file, line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure.text + length, sizeof(failure.text) - (size_t)length, format, arguments);
    va_end(arguments);
}

bool check_that(bool holds, const char *file, int line, const char *what)
{
    if (!holds)
        record(file, line, "%s", what);
    return holds;
}

bool check_equal(long long actual, long long expected, const char *file, int line, const char *what)
{
    if (actual != expected)
        record(file, line, "%s is %lld, not %lld", what, actual, expected);
    return actual == expected;
}

bool check_text(const char *actual, const char *expected, const char *file, int line,
                const char *what)
{
    bool equal = actual != NULL && strcmp(actual, expected) == 0;
    if (!equal)
        record(file, line, "%s is \"%s\", not \"%s\"", what, actual != NULL ? actual : "(null)",
               expected);
    return equal;
}

void check_begin(const char *name)
{
    case_name = name;
    case_number++;
}

const char *check_failure(void)
{
    for (unsigned core = 0; core < core_count(); core++) {
        const struct failure *of = core_local_of(core, &failure);
        if (of != NULL && of->case_number == case_number)
            return of->text;
    }
    return NULL;
}

const char *check_case_name(void)
{
    return case_name;
}

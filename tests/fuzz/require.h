// SPDX-License-Identifier: MIT
// What a fuzzer says when something does not hold.
#pragma once

#include <stdio.h>
#include <stdlib.h>

#define require(holds)                                                                             \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds);             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

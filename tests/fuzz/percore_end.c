// SPDX-License-Identifier: MIT
// Linked last: where the section of core-local variables ends.
#include "kernel/compiler.h"

PERCORE uint64_t percore_end = 1;

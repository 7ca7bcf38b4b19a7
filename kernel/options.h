// SPDX-License-Identifier: MIT
// Options of the machine: key=value, from the UEFI shell's command line (load options) and from
// \toril.cfg on the boot volume. Read-only once parsed.
#pragma once

#include "kernel/compiler.h"

// The value given for `key`, or NULL when it was not given. The last one given counts.
// `key` must be in the table of known keys in options.c.
const char *option_get(const char *key);
// The number given for `key`, decimal or 0x hexadecimal; `fallback` when it was not given.
// A value that is no number or not in [min, max] is named on the console and `fallback` counts.
uint64_t option_get_number(const char *key, uint64_t fallback, uint64_t min, uint64_t max);
// true for on/yes/1/true, false for off/no/0/false; anything else is named and `fallback` counts.
bool option_get_bool(const char *key, bool fallback);

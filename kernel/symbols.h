// SPDX-License-Identifier: MIT
// Names of the image's functions, for backtraces. mksymbols.py makes the table from the first link;
// the second link has it in section .symbols at the image's end, so that no function moves.
//
// The table: "SYM1", the number of functions, the first one's offset from the image's start (32
// bits each, little-endian); then for each function, by address:
// - how far it is behind the one before: a number of 7 bits a byte, low ones first, bit 7 set in
// all
//   but the last byte; without its lowest bit it counts 16 bytes if that bit is 0, else single ones
// - how many bytes of its name are those of the name before: 1 byte
// - the rest of the name, bit 7 set in its last byte
#pragma once

#include "kernel/compiler.h"

#define SYMBOLS_NAME_BYTES 64 // with the NUL; mksymbols.py cuts longer names

// The function that holds `address`, and how far in the address is. Lasts until the next call.
// Returns: NULL when the address is not in this image's code or the image has no table.
// Context: any, also a panic; it trusts nothing it reads.
const char *symbols_find(uintptr_t address, uintptr_t *offset);
// Where the function that holds `address` starts. Context: any; many cores at a time.
// Returns: 0 when the address is not in this image's code or the image has no table.
uintptr_t symbols_find_start(uintptr_t address);
// Calls visit() for each function of the image, by address: its offset in the image, and its name.
void symbols_each(void (*visit)(uint32_t start, const char *name, void *context), void *context);
// The same in any table; `position` counts from the image's start.
const char *symbols_find_in(const uint8_t *table, size_t size_bytes, uint32_t position,
                            char name[SYMBOLS_NAME_BYTES], uint32_t *offset);

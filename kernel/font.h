// SPDX-License-Identifier: MIT
// The console's fonts, packed by mkfont.py into build/font.c: the printable ASCII characters.
#pragma once

#include "kernel/compiler.h"

#define FONT_FIRST 0x20

struct font {
    uint8_t width, height; // pixels of a character; width is even and at most 16
    // All lines of all characters, `width` bits each without gaps, the leftmost pixel in the
    // highest bit; then 2 bytes more, so that the last line can be read like any other.
    const uint8_t *bits;
};

#define FONT_COUNT 2
extern const struct font fonts[FONT_COUNT]; // narrowest first

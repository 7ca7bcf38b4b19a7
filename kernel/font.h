// SPDX-License-Identifier: MIT
// The console's fonts, packed by mkfont.py into build/font.c: the printable ASCII characters.
#pragma once

#include "kernel/compiler.h"

#define FONT_FIRST 0x20
#define FONT_LAST  0x7E

struct font {
    uint8_t width, height; // pixels of a character; width is at most 16
    const uint16_t *rows;  // `height` for each character; the leftmost pixel is bit 15
};

#define FONT_COUNT 2
extern const struct font fonts[FONT_COUNT]; // narrowest first

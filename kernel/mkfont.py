#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Packs the console's fonts into C for kernel/font.h: mkfont.py FOLDER OUTPUT.c

Reads PC Screen Fonts of both versions, with a table of characters or without, also with .gz.
"""
import gzip
import os
import struct
import sys

FIRST, LAST = 0x20, 0x7E
FONTS = ("spleen-8x16.psfu.gz", "spleen-12x24.psfu.gz")  # FONT_COUNT, narrowest first


def fail(message):
    sys.exit(f"mkfont.py: {message}")


def read_psf1(data):
    """Returns width, height, the pictures' start and size, and {character: number of picture}."""
    mode, height = data[2], data[3]
    count = 512 if mode & 1 else 256
    if not mode & 6:
        return 8, height, 4, height, {code: code for code in range(count)}
    table = data[4 + count * height:]
    units = struct.unpack(f"<{len(table) // 2}H", table[:len(table) // 2 * 2])
    where, index, is_sequence = {}, 0, False
    for unit in units:
        if unit == 0xFFFF:
            index, is_sequence = index + 1, False
        elif unit == 0xFFFE:
            is_sequence = True
        elif not is_sequence:
            where.setdefault(unit, index)
    return 8, height, 4, height, where


def read_psf2(data):
    """Returns the same as read_psf1."""
    _, _, start, flags, count, size, height, width = struct.unpack_from("<8I", data)
    if not flags & 1:
        return width, height, start, size, {code: code for code in range(count)}
    where = {}
    entries = data[start + count * size:].split(b"\xff")
    for index, entry in enumerate(entries[:count]):
        for character in entry.split(b"\xfe")[0].decode("utf-8"):
            where.setdefault(ord(character), index)
    return width, height, start, size, where


def read_font(name):
    """Returns width, height and {character: rows}, as kernel/font.h promises them."""
    with (gzip.open if name.endswith(".gz") else open)(name, "rb") as file:
        data = file.read()
    if data[:2] == b"\x36\x04":
        width, height, start, size, where = read_psf1(data)
    elif data[:4] == b"\x72\xb5\x4a\x86":
        width, height, start, size, where = read_psf2(data)
    else:
        fail(f"{name}: not a PC Screen Font")
    glyphs = {}
    line_bytes = (width + 7) // 8
    for code in range(FIRST, LAST + 1):
        picture = start + where.get(code, len(data)) * size
        if picture + size <= len(data):
            lines = [data[picture + y * line_bytes:][:line_bytes] for y in range(height)]
            glyphs[code] = [int.from_bytes(line, "big") << 16 >> line_bytes * 8 for line in lines]
    if not 2 <= width <= 16 or width % 2 or not 1 <= height <= 255:
        fail(f"{name}: {width} x {height} pixels; the width must be even and at most 16")
    missing = [chr(code) for code in range(FIRST, LAST + 1) if code not in glyphs]
    if missing:
        fail(f"{name}: characters are missing: {' '.join(missing)}")
    if any(glyphs[FIRST]):
        fail(f"{name}: the blank is not blank")
    if any(row & ((1 << 16 - width) - 1) for rows in glyphs.values() for row in rows):
        fail(f"{name}: pixels right of a character's {width}")
    return width, height, glyphs


def main():
    if len(sys.argv) != 3:
        fail("usage: mkfont.py FOLDER OUTPUT.c")
    try:
        fonts = [read_font(os.path.join(sys.argv[1], name)) for name in FONTS]
    except (OSError, EOFError, struct.error) as error:
        fail(error)
    lines = ["// Written by kernel/mkfont.py.", '#include "kernel/font.h"', "",
             f'_Static_assert(FONT_COUNT == {len(fonts)}, "as many as were packed");', ""]
    for index, (width, height, glyphs) in enumerate(fonts):
        bits = "".join(f"{row >> 16 - width:0{width}b}"
                       for code in range(FIRST, LAST + 1) for row in glyphs[code])
        bits += "0" * (-len(bits) % 8 + 16)
        data = [int(bits[at:at + 8], 2) for at in range(0, len(bits), 8)]
        lines.append(f"static const uint8_t bits{index}[{len(data)}] = {{")
        for at in range(0, len(data), 16):
            lines.append("    " + ", ".join(f"0x{byte:02x}" for byte in data[at:at + 16]) + ",")
        lines += ["};", ""]
    lines.append("const struct font fonts[FONT_COUNT] = {")
    for index, (width, height, _) in enumerate(fonts):
        lines.append(f"    {{{width}, {height}, bits{index}}},")
    lines += ["};", ""]
    with open(sys.argv[2], "w", encoding="ascii") as file:
        file.write("\n".join(lines))


main()

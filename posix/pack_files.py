#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Packs a folder into one C source: the files that fopen() finds, see posix/files.h.

usage: pack_files.py FOLDER OUTPUT.c"""
import os
import sys


def quoted(text):
    """A C string literal, good for the assembler's, too."""
    escapes = {0x22: '\\"', 0x5C: "\\\\"}
    return '"%s"' % "".join(
        escapes.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F and byte != 0x3F else "\\%03o" % byte)
        for byte in os.fsencode(text))


def found(folder):
    """Returns: the files' paths below the folder, in order; those that begin with '.' are left out."""
    paths = []
    for root, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [os.path.join(root, name) for name in names if not name.startswith(".")]
    return sorted(paths)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, target = sys.argv[1:]
    data, rows = [], []
    for number, path in enumerate(found(folder)):
        inner = "/" + os.path.relpath(path, folder)
        if len(os.fsencode(inner)) > 255:
            sys.exit("pack_files.py: %s: a path of more than 255 bytes" % inner)
        data.append(
            'extern const char file_%d[] __attribute__((visibility("hidden")));\n'
            "__asm__(\".section .rodata.file_%d,\\\"a\\\"\\n\"\n"
            "        \".balign 16\\nfile_%d: .incbin \" %s \"\\n.byte 0\\n.previous\");\n"
            % (number, number, number, quoted(quoted(path))))
        rows.append("    {%s, file_%d, %d},\n" % (quoted(inner), number, os.path.getsize(path)))
    with open(target, "w", encoding="ascii", newline="\n") as file:
        file.write('// Made by posix/pack_files.py; do not edit.\n#include "posix/files.h"\n\n%s\n'
                   "const struct posix_packed_file posix_packed_files[] = {\n%s};\n"
                   "const size_t posix_packed_files_count = %d;\n"
                   % ("".join(data), "".join(rows) or "    {0},\n", len(rows)))


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes the table of kernel/symbols.h, as assembly: nm -n IMAGE.elf | mksymbols.py > symbols.s

With --binary it writes the bare bytes.
"""
import re
import struct
import sys

NAME_BYTES = 64  # SYMBOLS_NAME_BYTES
# What the linker script defines is no function, wherever it lies.
LINKER = {f"{part}_{end}" for end in ("start", "end")
          for part in ("image", "text", "interrupt_text", "rodata", "data", "percore",
                       "symbols")} | {"ImageBase"}
# A dot in a name is a label inside of assembly, but for these parts that gcc makes of a function.
PARTS = re.compile(r"[^.]+(\.(cold|part|constprop|isra|localalias)(\.\d+)*)+")


def fail(message):
    sys.exit(f"mksymbols.py: {message}")


def rank(kind, name):
    """Of several names for one address the lowest is taken: global before weak before local."""
    return ("TWwt".index(kind), name.startswith("_"), len(name), name)


def read_functions(lines):
    """Returns the image's start and {address: name} of `nm` lines, with sizes or without."""
    start, functions = None, {}
    for line in lines:
        words = line.split()
        if len(words) < 3 or not re.fullmatch("[0-9a-f]+", words[0]):
            continue  # undefined symbols have no address
        address, kind, name = int(words[0], 16), words[-2], words[-1]
        if name == "image_start":
            start = address
        if kind not in "TtWw" or name in LINKER or ("." in name and not PARTS.fullmatch(name)):
            continue
        best = functions.get(address)
        if best is None or rank(kind, name) < rank(*best):
            functions[address] = (kind, name)
    if start is None:
        fail("there is no symbol image_start")
    return start, {address: name for address, (_, name) in functions.items()}


def pack(start, functions):
    """Returns the table's bytes."""
    addresses = sorted(functions)
    if not addresses:
        fail("there are no functions")
    if addresses[0] < start or addresses[-1] - start >= 1 << 31:
        fail("functions lie outside of the image")
    table = bytearray(b"SYM1" + struct.pack("<2I", len(addresses), addresses[0] - start))
    last_address, last_name = addresses[0], b""
    for address in addresses:
        distance = address - last_address
        number = distance // 16 << 1 if distance % 16 == 0 else distance << 1 | 1
        while number > 0x7F:
            table.append(number & 0x7F | 0x80)
            number >>= 7
        table.append(number)
        name = functions[address].encode()[:NAME_BYTES - 1]
        shared = 0
        while shared < min(len(name) - 1, len(last_name)) and name[shared] == last_name[shared]:
            shared += 1
        table.append(shared)
        table += name[shared:-1] + bytes([name[-1] | 0x80])
        last_address, last_name = address, name
    return bytes(table)


def main():
    if sys.argv[1:] not in ([], ["--binary"]):
        fail("usage: nm -n IMAGE.elf | mksymbols.py [--binary]")
    table = pack(*read_functions(sys.stdin))
    if sys.argv[1:]:
        sys.stdout.buffer.write(table)
        return
    print("# Written by kernel/mksymbols.py.")
    print('    .section .symbols,"aR",@progbits')  # R: nothing refers to it, the linker keeps it
    for at in range(0, len(table), 24):
        print("    .byte " + ",".join(map(str, table[at:at + 24])))
    print('    .section .note.GNU-stack,"",@progbits')


main()

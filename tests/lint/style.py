#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What no compiler checks: licence lines, width, ends of lines, and what a comment must not say."""

from __future__ import annotations

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPDX = "SPDX-License-Identifier: MIT"
# The formatter holds code to 100; a comment may run over a little.
COLUMNS = 110
SUFFIXES = {".c", ".h", ".asm", ".inc", ".ld", ".py", ".sh", ".nsh"}
# The folders of what is not ours or not source.
SKIPPED = {"build", ".git", "__pycache__", "www", "corpus"}
# Where no LOCK prefix may be: exchange with memory locks the bus without saying so.
LOCK_FREE = {"kernel", "smp", "virtio", "drivers", "net", "tls", "http"}
LOCKED = re.compile(r"\b(__sync_\w+|atomic_(?:exchange|fetch_\w+|compare_exchange_\w+))\s*\(")


def sources() -> list[pathlib.Path]:
    """All source files, and scripts without a suffix."""
    found = []
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if SKIPPED & set(parts) or not path.is_file() or path.is_symlink():
            continue
        if path.suffix in SUFFIXES or path.name == "Makefile" or is_script(path):
            found.append(path)
    return found


def is_script(path: pathlib.Path) -> bool:
    """A file without a suffix that begins with #!."""
    if path.suffix:
        return False
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def problems(path: pathlib.Path) -> list[tuple[int, str]]:
    """Line numbers and what is wrong there."""
    lines = path.read_text().split("\n")
    found = []
    if not any(SPDX in line for line in lines[:3]):
        found.append((1, f"no line {SPDX!r} on top"))
    if lines[-1]:
        found.append((len(lines), "no newline at the end"))
    in_layer = path.relative_to(ROOT).parts[0] in LOCK_FREE and path.suffix in (".c", ".h")
    for number, line in enumerate(lines, start=1):
        if len(line) > COLUMNS and path.suffix in SUFFIXES:
            found.append((number, f"{len(line)} columns, more than {COLUMNS}"))
        if line != line.rstrip():
            found.append((number, "blanks at the end"))
        if "\t" in line and path.suffix in (".c", ".h", ".py", ".asm"):
            found.append((number, "a tab"))
        if in_layer and (locked := LOCKED.search(line)) and not line.lstrip().startswith("//"):
            found.append((number, f"{locked[1]} makes a locked instruction"))
    return found


def main() -> int:
    """Checks all files. Returns: how the script ends."""
    found = 0
    for path in sources():
        for number, why in problems(path):
            print(f"{path.relative_to(ROOT)}:{number}: {why}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What net/lwipopts.h sets is asked for: by lwIP, by net/ or by the file itself. lwIP is silent
about a name that it does not know.
"""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPTIONS = "net/lwipopts.h"
LWIP = ROOT / "build/third_party/lwip/source/src"
# What is compiled, and its headers.
FOLDERS = ("core", "netif", "include/lwip", "include/netif")
SET = re.compile(r"^#define +(\w+)", re.MULTILINE)
WORD = re.compile(r"[A-Za-z_]\w+")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


def words(text: str) -> list[str]:
    """The names in C, comments aside."""
    return WORD.findall(COMMENT.sub(" ", text))


def unknown(options: str, lwip: set[str], ours: set[str]) -> list[tuple[int, str]]:
    """Line numbers and names that are set but that nobody asks for."""
    here = words(options)
    found = []
    for name in SET.finditer(options):
        if here.count(name[1]) == 1 and name[1] not in lwip | ours:
            found.append((options.count("\n", 0, name.start()) + 1, name[1]))
    return found


def main() -> int:
    """Checks the file. Returns: how the script ends."""
    subprocess.run([ROOT / "third_party/fetch"], check=True)
    lwip = {word for folder in FOLDERS for path in (LWIP / folder).rglob("*.[ch]")
            for word in words(path.read_text())}
    ours = {word for path in ROOT.glob("net/**/*.[ch]") if str(path.relative_to(ROOT)) != OPTIONS
            for word in words(path.read_text())}
    wrong = unknown((ROOT / OPTIONS).read_text(), lwip, ours)
    for line, name in wrong:
        print(f"{OPTIONS}:{line}: neither lwIP nor net/ asks for {name}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

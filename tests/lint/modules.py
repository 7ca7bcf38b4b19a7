#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each line of the log begins with its module, and option `log` knows the kernel's modules.

An app's lines begin with the app's name. The table is in kernel/log_levels.c.
"""

from __future__ import annotations

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYERS = ("kernel", "efi", "smp", "virtio", "drivers", "net", "tls", "http", "posix", "apps")
CALL = re.compile(r"\blog_(?:error|warn|info|debug)\(")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
MODULE = re.compile(r"([a-z0-9_]+): ")
TABLE = re.compile(r"modules\[\] = \{(.*?)\};", re.DOTALL)
# The functions themselves.
SKIPPED = {"kernel/log.h", "kernel/log.c"}
# Always shown, so not in the table.
ALWAYS = "toril"


def problems(file: str, text: str, known: set[str], used: set[str]) -> list[tuple[int, str]]:
    """Line numbers and what is wrong there. Adds to the modules used."""
    app = pathlib.Path(file).parts[1].removesuffix(".c") if file.startswith("apps/") else None
    found = []
    for call in CALL.finditer(text):
        line = text.count("\n", 0, call.start()) + 1
        string = STRING.search(text, call.end())
        module = MODULE.match(string[1]) if string else None
        if not module:
            found.append((line, "this line of the log does not begin with its module"))
        elif module[1] not in {app, ALWAYS} | known:
            found.append((line, f"module {module[1]} is not in the table of kernel/log_levels.c"))
        else:
            used.add(module[1])
    return found


def main() -> int:
    """Checks all layers. Returns: how the script ends."""
    table = TABLE.search((ROOT / "kernel/log_levels.c").read_text())
    known = set(STRING.findall(table[1])) if table else set()
    used: set[str] = set()
    wrong = 0
    for layer in LAYERS:
        for path in sorted((ROOT / layer).rglob("*.[ch]")):
            file = str(path.relative_to(ROOT))
            if file in SKIPPED:
                continue
            for line, why in problems(file, path.read_text(), known, used):
                print(f"{file}:{line}: {why}")
                wrong += 1
    for module in sorted(known - used):
        print(f"kernel/log_levels.c: module {module} says nothing")
        wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

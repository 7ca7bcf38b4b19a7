#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The include rule: a folder includes itself and kernel/, and kernel/ nothing above it.

So one change has one home. Quoted names are given from the tree's root.
"""

from __future__ import annotations

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

LAYERS = ("kernel", "smp", "virtio", "drivers", "net", "tls", "http", "posix", "efi", "apps")
# Beyond the folder itself and kernel/. posix/ offers all layers to C programs; apps are above all
# layers, but know neither one kind of device nor the firmware. A card and the network above it span
# cores.
ALSO = {
    "virtio": {"smp"},
    "drivers": {"smp"},
    "net": {"smp"},
    "tls": {"net"},
    "http": {"smp", "net", "tls"},
    "posix": {"smp", "net"},
    "apps": {"smp", "net", "tls", "http", "posix"},
}
# This one file wires all layers.
WIRING = "kernel/main.c"
# Whose third-party headers a folder may see.
LIBRARIES = {
    "net": ("lwip/", "netif/"),
    "http": ("lwip/",),
    "apps": ("lwip/",),
    "posix": ("internals.h",),
}
INCLUDE = re.compile(r'^\s*[#%]\s*include\s+"([^"]+)"', re.MULTILINE)


def problem(file: str, included: str) -> str | None:
    """What is wrong with one quoted include, or None."""
    layer = file.split("/")[0]
    if included.startswith(LIBRARIES.get(layer, ())):
        return None
    if not (ROOT / included).is_file() and not (ROOT / "build/generated" / included).is_file():
        return "there is no such file from the tree's root"
    wanted = included.split("/")[0]
    if file == WIRING or wanted in {layer, "kernel"} | ALSO.get(layer, set()):
        return None
    return f"{layer}/ may not include {wanted}/"


def main() -> int:
    """Checks all layers. Returns: how the script ends."""
    found = 0
    for layer in LAYERS:
        for path in sorted((ROOT / layer).rglob("*")):
            if path.suffix not in (".c", ".h", ".asm", ".inc"):
                continue
            file, text = str(path.relative_to(ROOT)), path.read_text()
            for match in INCLUDE.finditer(text):
                why = problem(file, match[1])
                if why:
                    line = text.count("\n", 0, match.start(1)) + 1
                    print(f'{file}:{line}: "{match[1]}": {why}')
                    found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

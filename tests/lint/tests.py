#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""No test is left out: some .mk names each program of tests/unit and tests/fuzz, and each fuzzer has
inputs to begin with. That there is a program for each name, make knows. What has the name of a
test is one.
"""

from __future__ import annotations

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAIN = re.compile(r"^int (?:main|LLVMFuzzerTestOneInput)\(", re.MULTILINE)


def named(folder: str, variable: str) -> set[str]:
    """The words that the .mk of a folder add to a variable."""
    pattern = re.compile(rf"^{variable} *\+= *(.*)", re.MULTILINE)
    return {name for path in (ROOT / folder).glob("*.mk")
            for words in pattern.findall(path.read_text()) for name in words.split()}


def programs(folder: str, prefix: str) -> set[str]:
    """The names in a folder that begin with `prefix`, without it."""
    return {path.stem.removeprefix(prefix) for path in (ROOT / folder).glob(f"{prefix}*.c")}


def main() -> int:
    """Checks both folders. Returns: how the script ends."""
    found = 0
    for folder, prefix, variable in (("tests/unit", "test_", "UNIT_TESTS"),
                                     ("tests/fuzz", "fuzz_", "FUZZ_TESTS")):
        for name in sorted(programs(folder, prefix)):
            path = f"{folder}/{prefix}{name}.c"
            if not MAIN.search((ROOT / path).read_text()):
                print(f"{path}: no program: what stands in for something is a fake_*.c")
                found += 1
            elif name not in named(folder, variable):
                print(f"{path}: no .mk adds {name} to {variable}")
                found += 1
    for name in sorted(programs("tests/fuzz", "fuzz_")):
        corpus = ROOT / "tests/fuzz/corpus" / name
        if not corpus.is_dir() or not any(corpus.iterdir()):
            print(f"tests/fuzz/corpus/{name}: no input to begin with")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

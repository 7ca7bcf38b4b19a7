#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""No locked instruction in the layers that run on every core: what the compiler made is looked at.

LOCK prefixes, and exchanges with memory, which lock without one. make builds the objects first.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYERS = ("kernel", "smp", "virtio", "drivers", "net", "tls", "http")
# All of them in one: what there is with LTO=on.
WHOLE = "http/lto.o"
# One of several cores that panic together must win: (objects, function, mnemonic).
ALLOWED = (("kernel/panic.o", WHOLE), "panic_begin", "cmpxchg")
FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
INSTRUCTION = re.compile(r"^ *[0-9a-f]+:\t(.+)$")
PREFIX = re.compile(r"lock|rep|repn?z|xacquire|xrelease|[c-g]s|data16|addr32|rex\S*|bnd|notrack")
REGISTER = re.compile(r"%[a-z0-9]+$")


def built_objects() -> list[pathlib.Path]:
    """The layers' objects, up to date."""
    (ROOT / "build").mkdir(exist_ok=True)
    done = subprocess.run(
        ["flock", "build/.lock", "make", "-s", "-j", str(os.cpu_count()), "layer-objects"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print("objects: the build failed")
        sys.exit(1)
    return [ROOT / line for line in done.stdout.splitlines() if line.startswith("build/")]


def name_of(path: pathlib.Path) -> str:
    """An object's name in messages: its source's path, if it has one."""
    build = ROOT / "build"
    return str(path.relative_to(build / "obj" if build / "obj" in path.parents else build))


def mnemonic(instruction: str) -> str:
    """Its name, without prefixes; objdump may write a prefix alone, which is its own name then."""
    words = instruction.split()
    return next((word for word in words if not PREFIX.fullmatch(word)), words[0])


def is_locked(instruction: str) -> bool:
    """Locks the bus, as objdump writes an instruction."""
    before, name, operands = instruction.partition(mnemonic(instruction))
    if "lock" in before.split() or name == "lock":
        return True
    if name.rstrip("bwlq") != "xchg":
        return False
    operands = operands.split("#")[0].split("<")[0].strip()
    return not all(REGISTER.fullmatch(operand) for operand in operands.split(","))


def locked_in(path: pathlib.Path) -> list[tuple[str, str]]:
    """Functions and their locked instructions."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", str(path)], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    found, function = [], "(no function)"
    for line in text.splitlines():
        if match := FUNCTION.match(line):
            function = match[1]
        elif (match := INSTRUCTION.match(line)) and is_locked(match[1]):
            found.append((function, " ".join(match[1].split())))
    return found


def main() -> int:
    """Checks all objects. Returns: how the script ends."""
    objects = built_objects()
    names = [name_of(path) for path in objects]
    missing = set(LAYERS) - {name.split("/")[0] for name in names}
    if missing and WHOLE not in names:
        print(f"objects: make named none of {', '.join(sorted(missing))}")
        return 1
    wrong, allowed = 0, 0
    for path in objects:
        name = name_of(path)
        for function, instruction in locked_in(path):
            # The compiler may make a part of a function one of its own: panic_begin.part.0.
            if name in ALLOWED[0] and (function.split(".")[0], mnemonic(instruction)) == ALLOWED[1:]:
                allowed += 1
                continue
            print(f"{name}: {function}: {instruction}")
            wrong += 1
    # That it is found also shows that this script sees what it looks for.
    if allowed != 1:
        print(f"objects: the one {ALLOWED[2]} in {ALLOWED[1]} of {' or '.join(ALLOWED[0])}: found {allowed}")
        wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What runs in an interrupt touches no vector or floating-point register, for none is saved.

INTERRUPT_CONTEXT puts functions in a section of their own. From there, and from the entries in
kernel/vectors.asm, all calls are followed, until what does not return.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import subprocess
import sys

import objects

SECTION = ".text.interrupt"
ENTRIES = "kernel/vectors.o"
DISPATCH = "interrupt_dispatch"  # the one function that calls handlers, by their address
# This one keeps all of them for what it calls.
KEEPS = "interrupt_call"
KEEPS_BY = ("fxsave64", "fxrstor64")
# They stop the machine, or the core.
ENDS = {"panic", "panic_exception", "__stack_chk_fail"}
# Registers, and instructions that name none but use them.
REGISTER = re.compile(r"%(?:[xyzt]mm\d|mm\d|st\b|k[0-7]\b)")
INSTRUCTION = re.compile(r"f\w+|emms|v?(?:ld|st)mxcsr|xsave\w*|xrstor\w*|vzero\w+")
JUMP = re.compile(r"call\w*|j\w+")
# As objdump writes them.
SECTION_LINE = re.compile(r"^Disassembly of section (\S+):$")
FUNCTION_LINE = re.compile(r"^[0-9a-f]+ <(.+)>:$")
CODE_LINE = re.compile(r"^ *[0-9a-f]+:\t(.+)$")
RELOCATION_LINE = re.compile(r"^\s+[0-9a-f]+: R_X86_64_\w+\s+(\S+?)(?:[-+]0x[0-9a-f]+)?$")


@dataclasses.dataclass
class Function:
    """What one function does that counts here."""

    place: str  # object: name
    is_root: bool
    forbidden: list[str] = dataclasses.field(default_factory=list)  # instructions
    calls: list[str] = dataclasses.field(default_factory=list)  # names, or sections of this object
    calls_address: bool = False


Functions = dict[tuple[str, str], Function]  # by object and name


def read_object(path: pathlib.Path, functions: Functions) -> None:
    """Adds all functions of an object."""
    name = objects.name_of(path)
    text = subprocess.run(["objdump", "-dr", "--no-show-raw-insn", str(path)], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    section, function, is_jump = "", Function("", False), False
    for line in text.splitlines():
        if match := SECTION_LINE.match(line):
            section = match[1]
        elif match := FUNCTION_LINE.match(line):
            function = Function(f"{name}: {match[1]}", section == SECTION or name == ENTRIES)
            functions[name, match[1]] = function
        elif match := RELOCATION_LINE.match(line):
            if is_jump:
                function.calls.append(match[1])
        elif match := CODE_LINE.match(line):
            instruction = " ".join(match[1].split("#")[0].split())
            mnemonic = objects.mnemonic(instruction)
            is_jump = bool(JUMP.fullmatch(mnemonic))
            if REGISTER.search(instruction) or INSTRUCTION.fullmatch(mnemonic):
                function.forbidden.append(instruction)
            function.calls_address |= is_jump and "*" in instruction


def reached(functions: Functions) -> tuple[list[Function], list[str]]:
    """All that runs in interrupts, and what is wrong with its calls."""
    by_name = {name: (place, name) for place, name in functions}
    left = [key for key, function in functions.items() if function.is_root and key[1] != KEEPS]
    found, wrong = set(left), []
    while left:
        key = left.pop()
        function = functions[key]
        if function.calls_address and key[1] != DISPATCH:
            wrong.append(f"{function.place} calls what nobody can follow")
        for call in function.calls:
            # A function that is not seen outside its object is named by its section.
            local = call.removeprefix(".text.")
            target = (key[0], local) if (key[0], local) in functions else by_name.get(call)
            if call in ENDS or call in (SECTION, ".text") or local == KEEPS:
                continue
            if target is None:
                wrong.append(f"{function.place} calls {call}, which is not the kernel's")
            elif target not in found:
                found.add(target)
                left.append(target)
    return [functions[key] for key in sorted(found)], wrong


def main() -> int:
    """Checks all objects. Returns: how the script ends."""
    functions: Functions = {}
    for path in objects.built_objects():
        read_object(path, functions)
    in_interrupts, problems = reached(functions)
    for function in in_interrupts:
        problems += [f"{function.place}: {line}" for line in function.forbidden]
    for keeper in (function for (_, name), function in functions.items() if name == KEEPS):
        done = [objects.mnemonic(line) for line in keeper.forbidden]
        if (done[:1] + done[-1:]) != list(KEEPS_BY):
            problems.append(f"{keeper.place} does not begin by {KEEPS_BY[0]}, end by {KEEPS_BY[1]}")
    # What must be there also shows that this script sees what it looks for.
    dispatch = [function for function in in_interrupts if function.place.endswith(": " + DISPATCH)]
    if not any(function.calls_address for function in dispatch):
        problems.append(f"no call of a handler in {DISPATCH}")
    if not any(function.forbidden for function in functions.values()):
        problems.append("no use of vector registers anywhere")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

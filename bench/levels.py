#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What each level of optimisation makes of Toril, as a table; see bench/README.md.

    levels.py [LEVEL ...]     those of LEVELS below; all unless told

For ./toril bench levels, which makes what it needs and gives it a network namespace of its own.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import kernel
from machines import ROOT, Failed, Machine, Shape, end_in_order, wrk

TREES = ROOT / "build/bench/levels"
APPS = ("hello", "http", "bench", "selftest")
# What make is told.
LEVELS = {
    "as it is": [],
    "-O0": ["OPTIMISE=-O0"],
    "-Os": ["OPTIMISE=-Os"],
    "-O2": ["OPTIMISE=-O2"],
    "-O3": ["OPTIMISE=-O3"],
    "-flto": ["LTO=on"],
}
# Of the machine with one core of ./toril bench kernel, by name there.
KERNEL_COLUMNS = {
    "yield": "yield",
    "switch": "switch",
    "create-run-exit": "create, run, exit",
    "wake": "wake",
    "malloc-free-64": "malloc + free",
    "getppid": "call",
}
COLUMNS = ["hello", "http", *KERNEL_COLUMNS.values(), "request"]
LOAD_S = 4
HANG_S = 300  # a hang detector


def say(text: str) -> None:
    """What goes on, beside the table."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def make_tree(level: str) -> pathlib.Path:
    """A folder that has all of this one by links, but a build folder of its own, in which only what was
    fetched, and the C library made of it, is shared. Returns: that build folder."""
    tree = TREES / level.replace(" ", "-").lstrip("-")
    build = tree / "build"
    build.mkdir(parents=True, exist_ok=True)
    for link, to in [(tree / path.name, path) for path in ROOT.iterdir() if path.name[0] != "."] + \
            [(build / "third_party", ROOT / "build/third_party")]:
        if link.name != "build" and not link.is_symlink():
            link.symlink_to(to)
    return build


def build_apps(level: str) -> pathlib.Path:
    """Builds what is measured. Returns: the build folder."""
    build = make_tree(level)
    command = ["nice", "flock", "build/.lock", "make", "-s", "-j", str(os.cpu_count()), "OPTIMISE=", "LTO=",
               *LEVELS[level], *(f"build/{app}/BOOTX64.EFI" for app in APPS)]
    done = subprocess.run(command, cwd=build.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace")
    if done.returncode != 0:
        raise Failed(f"does not build:\n{done.stdout}")
    return build


def check_runs(build: pathlib.Path, app: str) -> None:
    """An app that checks itself ends well."""
    command = [str(ROOT / "toril"), "run", app, "--image", str(build / app / "BOOTX64.EFI"), "--timeout",
               str(HANG_S)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace")
    if done.returncode != 0:
        raise Failed(f"{app} ends with status {done.returncode}:\n{done.stdout}")


def count_request(image: pathlib.Path) -> float:
    """Instructions of a keep-alive request, with one core and 32 connections."""
    with Machine(image, Shape(counted=True)) as machine:
        if machine.wait_served() is None:
            raise Failed(f"http does not serve:\n{machine.console}")
        wrk(32, LOAD_S)  # what is done but once
        before, _ = machine.counts()
        requests = wrk(32, LOAD_S).requests
        after, _ = machine.counts()
        return (after - before) / requests


def measure(level: str) -> dict[str, float]:
    """All columns of a level."""
    say(f"{level}: builds")
    build = build_apps(level)
    figures = {app: float((build / app / "BOOTX64.EFI").stat().st_size) for app in ("hello", "http")}
    for app in ("hello", "selftest"):
        say(f"{level}: {app}")
        check_runs(build, app)
    say(f"{level}: instructions")
    told = kernel.boot(kernel.RUNS["1 core"], build / "bench/BOOTX64.EFI")
    figures |= {column: told[name][0] for name, column in KERNEL_COLUMNS.items()}
    figures["request"] = count_request(build / "http/BOOTX64.EFI")
    return figures


def main(wanted: list[str]) -> int:
    """Returns: how the script ends."""
    # A level may be named without its dash, so that it is not taken for an option.
    named = {name.lstrip("-"): name for name in LEVELS}
    if unknown := [word for word in wanted if word.lstrip("-") not in named]:
        print(f"bench: no level {unknown[0]!r} among: {', '.join(LEVELS)}", file=sys.stderr)
        return 2
    end_in_order()
    print(f"| Level | {' | '.join(COLUMNS)} |\n|{'---|' * (len(COLUMNS) + 1)}", flush=True)
    status = 0
    for level in [named[word.lstrip("-")] for word in wanted] or LEVELS:
        try:
            figures = measure(level)
        except Failed as why:
            print(f"| {level} | {str(why).splitlines()[0]} |", flush=True)
            say(f"{level}: {why}")
            status = 1
            continue
        print(f"| {level} | {' | '.join(kernel.show(figures[column]) for column in COLUMNS)} |", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

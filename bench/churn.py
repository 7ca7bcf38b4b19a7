#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Whether many connections, one request each, leave something behind; see bench/README.md.

For ./toril bench churn, which makes what it needs and gives it a network namespace of its own.
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
import sys
import time

from machines import (BUILD, GUEST, HANG_S, PATH, ROOT, Failed, Machine, Shape, busy_share, end_in_order,
                      metrics, run)
from table import as_markdown, as_text, show

IMAGE = ROOT / "build/http/BOOTX64.EFI"
KEPT, LAST = ROOT / "bench/churn.md", BUILD / "churn.md"
SLICES = 10
AT_ONCE = 32
GROWTH = 1.05  # of what a connection may cost in the last slice, of the first one's
ASK_AGAIN_S = 3  # seldom: each question is one more to forget
KIB = 1 << 10
LEFT_KIB = 1024  # of the heap that may be in use more at the end: the table of connections stays large
HEAD = ["connections so far", "instructions each", "of the first", "remembered", "heap in use, KiB",
        "heap held, KiB"]


def value_of(name: str, text: str) -> int:
    """Of a metric, the sum over all cores."""
    found = re.findall(rf"^toril_{name}(?:{{[^}}]*}})? (\d+)$", text, re.M)
    if not found:
        raise Failed(f"/metrics has no toril_{name}")
    return sum(map(int, found))


def churn(connections: int) -> None:
    """So many, each with one request; the machine closes them."""
    said = run("ab", "-q", "-n", str(connections), "-c", str(AT_ONCE), f"http://{GUEST}{PATH}",
               hang_s=HANG_S + connections / 100)
    done, wrong = (re.search(rf"^{what} requests: +(\d+)$", said, re.M) for what in ("Complete", "Failed"))
    if not done or not wrong or int(done[1]) != connections or int(wrong[1]) != 0 or "Non-2xx" in said:
        raise Failed(f"ab: {said}")


def used() -> list[int]:
    """Connections that have ended and are remembered, KiB of the heap in use, KiB that it holds."""
    text = metrics()
    return [value_of("tcp_time_wait", text), value_of("heap_used_bytes", text) // KIB,
            value_of("heap_held_bytes", text) // KIB]


def used_at_rest() -> list[int]:
    """The same, once all have been forgotten but those that asked for it."""
    deadline_s = time.monotonic() + HANG_S
    while (now := used())[0] > 2:
        if time.monotonic() > deadline_s:
            raise Failed(f"{now[0]} connections that have ended are remembered for more than {HANG_S} s")
        time.sleep(ASK_AGAIN_S)
    return now


def measure(connections: int) -> tuple[list[list[str]], list[str]]:
    """Returns: cells, and what is worse than it should be."""
    each = connections // SLICES
    costs: list[float] = []
    with Machine(IMAGE, Shape(counted=True)) as machine:
        machine.require_served()
        churn(each)  # what is done but once
        before = used_at_rest()
        cells = [HEAD, ["0", "", "", *map(show, before)]]
        for number in range(1, SLICES + 1):
            began = machine.counts()[0]
            churn(each)
            costs.append((machine.counts()[0] - began) / each)
            so_far, cost = f"{number * each:,}", show(costs[-1])
            print(f"bench: {so_far} of {connections:,} connections: {cost} instructions each",
                  file=sys.stderr, flush=True)
            cells.append([so_far, cost, f"{costs[-1] / costs[0]:.3f}", *map(show, used())])
        after = used_at_rest()
        cells.append(["at rest", "", "", *map(show, after)])
    wrong = []
    if costs[-1] > costs[0] * GROWTH:
        wrong.append(f"the last connections cost {costs[-1] / costs[0]:.3f} of the first; aim <= {GROWTH}")
    if after[1] > before[1] + LEFT_KIB:
        wrong.append(f"the heap has {after[1] - before[1]} KiB more in use; aim <= {LEFT_KIB}")
    return cells, wrong


def describe(busy: float) -> str:
    """How the figures were taken."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True).stdout.strip()
    qemu = re.search(r"\d+\.[\d.]+", run("qemu-system-x86_64", "--version"))
    return (f"Toril {commit}; QEMU {qemu[0] if qemu else '?'}; ab with {AT_ONCE} connections at once; "
            f"{datetime.date.today()}. Others used {busy:.0%} of the host's CPUs when it began.")


def main() -> int:
    """Returns: how the script ends."""
    parser = argparse.ArgumentParser(prog="toril bench churn", add_help=False, allow_abbrev=False)
    parser.add_argument("--connections", type=int, default=200_000)
    parser.add_argument("--update", action="store_true")
    given = parser.parse_args()
    if given.connections < SLICES * AT_ONCE:
        parser.error(f"--connections is {SLICES * AT_ONCE} or more")
    end_in_order()
    busy = busy_share()
    try:
        cells, wrong = measure(given.connections)
    except Failed as why:
        print(f"bench: {why}", file=sys.stderr)
        return 1
    said = describe(busy)
    print(as_text(cells), said, *(f"aim missed: {what}" for what in wrong), sep="\n")
    for file in [LAST] + ([KEPT] if given.update else []):
        file.write_text("# What `./toril bench churn` measured; see README.md here\n\n"
                        f"{as_markdown(cells)}\n\n{said}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

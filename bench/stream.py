#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One TCP stream to and from Toril, and to and from a minimal Linux; see bench/README.md.

For ./toril bench stream, which makes what it needs and gives it a network namespace of its own.
"""

from __future__ import annotations

import argparse
import sys

from machines import BUILD, GUEST, ROOT, Failed, Machine, Shape, end_in_order, run
from table import Figures, Row, print_rows

SYSTEMS = {"Toril": ROOT / "build/stream/BOOTX64.EFI", "Linux": BUILD / "linux/linux.efi"}
PORTS = {"sends": 19, "receives": 9}
WARM_UP_S = 0.5
MIB = 1 << 20
RATES = [Row("sends", "one stream, the machine sends", "MB/s", ("ratio", ">=", 1)),
         Row("receives", "one stream, it receives", "MB/s", ("ratio", ">=", 1))]
COUNTS = [Row("sends", "instructions a MiB, the machine sends", "", None),
          Row("receives", "instructions a MiB, it receives", "", None)]


def load(way: str, seconds: float) -> tuple[int, float]:
    """Returns: bytes, and seconds."""
    size, took_s = run(str(BUILD / "stream_load"), GUEST, str(PORTS[way]), str(seconds)).split()
    return int(size), float(took_s)


def measure(system: str, seconds: float, counted: bool) -> dict[str, float]:
    """A machine of its own: bytes a second each way, or instructions a MiB."""
    got = {}
    with Machine(SYSTEMS[system], Shape(counted=counted)) as machine:
        if machine.wait_handed_over() is None:
            raise Failed(f"{system} does not start:\n{machine.console}")
        for way in PORTS:
            load(way, WARM_UP_S)
            before = machine.counts()[0] if counted else 0
            size, took_s = load(way, seconds)
            got[way] = (machine.counts()[0] - before) / (size / MIB) if counted else size / took_s / 1e6
    return got


def main() -> int:
    """Returns: how the script ends."""
    parser = argparse.ArgumentParser(prog="toril bench stream", add_help=False, allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--count", action="store_true")
    given = parser.parse_args()
    end_in_order()
    figures: Figures = {}
    try:
        for number in range(1, 2 if given.count else given.rounds + 1):
            for system in SYSTEMS:
                print(f"bench: round {number}: {system}", file=sys.stderr, flush=True)
                for way, figure in measure(system, given.seconds, given.count).items():
                    figures.setdefault(way, {}).setdefault(system, []).append(figure)
    except Failed as why:
        print(f"bench: {why}", file=sys.stderr)
        return 1
    print_rows(COUNTS if given.count else RATES, figures, list(SYSTEMS))
    return 0


if __name__ == "__main__":
    sys.exit(main())

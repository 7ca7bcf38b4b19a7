#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One TCP stream over bad lines, with Toril and with a minimal Linux at the other end; see bench/README.md.

For ./toril bench lines, which makes what it needs and gives it a network namespace of its own.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import tempfile

from machines import GUEST, HOST, ROOT, Failed, Machine, Shape, end_in_order, run
from stream import PORTS, SYSTEMS, load
from table import Figures, Row, print_rows

sys.path.append(str(ROOT / "tests/boot"))
from bad_line import BadLine  # noqa: E402 # pylint: disable=wrong-import-position

TAP = "line0"
LINES = {"good": {}, "loss 1 %": {"loss": 0.01}, "loss 5 %": {"loss": 0.05},
         "delay 100 ms": {"delay_ms": 50},
         "delay 100 ms, loss 1 %": {"delay_ms": 50, "loss": 0.01},
         "delay 100 ms, loss 5 %": {"delay_ms": 50, "loss": 0.05},
         "order": {"late": 0.05}, "duplicates": {"duplicate": 0.05}, "damage 1 %": {"damage": 0.01}}
WAYS = {"sends": "it sends", "receives": "it receives"}
WARM_UP_S = 0.5


def measure(system: str, seconds: float, seed: int, only: list[str]) -> dict[str, float]:
    """A machine of its own, at a line that treats each of them alike. Returns: kB a second."""
    got = {}
    with tempfile.TemporaryDirectory(prefix="toril-line.") as folder, \
            BadLine(TAP, pathlib.Path(folder), seed) as line:
        run("ip", "address", "add", f"{HOST}/24", "dev", TAP)
        run("ip", "link", "set", TAP, "up")
        with Machine(SYSTEMS[system], Shape(netdev=line.qemu)) as machine:
            if machine.wait_handed_over() is None:
                raise Failed(f"{system} does not start:\n{machine.console}")
            for way in PORTS:
                load(way, WARM_UP_S)
                for name, badness in LINES.items():
                    if only and name not in only:
                        continue
                    line.become(**badness)
                    size, took_s = load(way, seconds)
                    got[f"{name}: {way}"] = size / took_s / 1e3
                line.become()
    return got


def main() -> int:
    """Returns: how the script ends."""
    parser = argparse.ArgumentParser(prog="toril bench lines", add_help=False, allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--only", action="append", choices=list(LINES), default=[])
    given = parser.parse_args()
    end_in_order()
    figures: Figures = {}
    rows = [Row(f"{name}: {way}", f"{name}: {text}", "kB/s", ("ratio", ">=", 1))
            for name in LINES for way, text in WAYS.items()]
    try:
        for number in range(1, given.rounds + 1):
            for system in SYSTEMS:
                print(f"bench: round {number}: {system}", file=sys.stderr, flush=True)
                for row, figure in measure(system, given.seconds, number, given.only).items():
                    figures.setdefault(row, {}).setdefault(system, []).append(figure)
    except Failed as why:
        print(f"bench: {why}", file=sys.stderr)
        return 1
    print_rows(rows, figures, list(SYSTEMS))
    return 0


if __name__ == "__main__":
    sys.exit(main())

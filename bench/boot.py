#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How long a boot takes with more and with fewer cores; see bench/README.md. For ./toril bench boot."""

from __future__ import annotations

import argparse
import ctypes
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
CORES = (1, 2, 4, 16)
AIM_MS = {4: 10.0}
AIM_RATIO, OF_CORES, TO_CORES = 1.5, 16, 2
HANG_S = 120  # a hang detector
MAIN = re.compile(r"toril: main after [\d.]+ ms \(([\d.]+) ms since leaving firmware\), (\d+) cores")
PR_SET_THP_DISABLE = 41  # linux/prctl.h
LIBC = ctypes.CDLL(None, use_errno=True)


def use_small_pages() -> None:
    """For a process that begins: its memory is not of huge pages, whatever it asks for."""
    if LIBC.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_THP_DISABLE)")


def boot(cores: int, huge: bool) -> float:
    """One machine. Returns: milliseconds from leaving the firmware to main."""
    command = [str(ROOT / "toril"), "run", "hello", "--accel", "tcg", "--smp", str(cores), "--timeout",
               str(HANG_S)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", preexec_fn=None if huge else use_small_pages)
    found = MAIN.search(done.stdout)
    if done.returncode != 0 or not found or int(found[2]) != cores:
        print(f"bench: the machine with {cores} cores ended with status {done.returncode}:\n{done.stdout}",
              file=sys.stderr)
        sys.exit(1)
    return float(found[1])


def main(arguments: list[str]) -> int:
    """Returns: how the script ends."""
    parser = argparse.ArgumentParser(prog="./toril bench boot")
    parser.add_argument("--rounds", type=int, default=7, help="boots of each machine (7)")
    rounds = parser.parse_args(arguments).rounds
    if rounds < 1:
        parser.error("--rounds: at least 1")
    times: dict[tuple[int, bool], list[float]] = {}
    for _ in range(rounds):  # in turn, for what else the host does to meet them all
        for cores in CORES:
            for huge in (False, True):
                times.setdefault((cores, huge), []).append(boot(cores, huge))

    print(f"{'ms since leaving the firmware':<32}{'median':>8}{'least':>8}{'aim':>8}   with huge pages")
    for cores in CORES:
        small, large = times[cores, False], times[cores, True]
        median, aim = statistics.median(small), AIM_MS.get(cores)
        print(f"main, {cores:>2} core{'s' if cores > 1 else ' ':<22}{median:>10.1f}{min(small):>8.1f}"
              f"{f'{aim:.1f}' if aim else '-':>8}{statistics.median(large):>10.1f}"
              f"{'   over' if aim and median > aim else ''}")
    ratio = statistics.median(times[OF_CORES, False]) / statistics.median(times[TO_CORES, False])
    print(f"{f'{OF_CORES} cores, of {TO_CORES} cores':<32}{ratio:>8.2f}{'':>8}{AIM_RATIO:>8.1f}"
          f"{statistics.median(times[OF_CORES, True]) / statistics.median(times[TO_CORES, True]):>10.2f}"
          f"{'   over' if ratio > AIM_RATIO else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

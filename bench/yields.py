#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a yield costs with few cores and with many, in instructions; see bench/README.md.

    yields.py [CORES ...]     2 16 64 unless told; fails if it is more with more cores
"""

from __future__ import annotations

import collections
import pathlib
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
YIELDS = 10  # in a series; apps/bench/marked.c
HANG_S = 900  # a hang detector: the firmware takes its time with many cores


def series(cores: int) -> list[int]:
    """Boots so many cores. Returns: what each series of yields took, less an empty loop."""
    with tempfile.TemporaryDirectory() as folder:
        marks = pathlib.Path(folder) / "marks"
        command = [str(ROOT / "toril"), "run", "bench", "--accel", "tcg", "--net", "none", "--smp",
                   str(cores), "--memory", "1024", "--timeout", str(HANG_S),
                   "--image", str(ROOT / "build/bench/BOOTX64.EFI"), "--append", "-- marked",
                   "--qemu", f"-plugin {ROOT}/build/bench/marks.so,to={marks}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace")
        words = marks.read_bytes() if done.returncode == 0 else b""
    if not words:
        sys.exit(f"bench: the machine ended with status {done.returncode}:\n{done.stdout}")
    counts = struct.unpack(f"={len(words) // 8}Q", words)
    return [counts[i + 2] - 2 * counts[i + 1] + counts[i] for i in range(0, len(counts), 3)]


def main(arguments: list[str]) -> int:
    """Returns: how the script ends."""
    figures = []
    print(f"{'cores':>5} {'yield':>8} {'a turn of the loop among them':>32}")
    for cores in [int(word) for word in arguments] or [2, 16, 64]:
        (often, _), (second, _) = collections.Counter(series(cores)).most_common(2)
        least, with_turn = min(often, second), max(often, second)
        figures.append((least, with_turn))
        print(f"{cores:>5} {least / YIELDS:>8.1f} {with_turn - least:>32}", flush=True)
    if max(figures) != figures[0]:
        print("bench: it costs more with more cores")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

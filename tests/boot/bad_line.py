# SPDX-License-Identifier: MIT
"""A bad line between this host and a machine, whose badness changes while it runs.

For boot tests and `./toril bench lines`; tests/boot/line/bad_line.c does the work.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
from collections.abc import Sequence
from types import TracebackType

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build/line/bad_line"
MILLION = 1_000_000


def build() -> None:
    """Builds the program."""
    subprocess.run(["flock", "build/.lock", "make", "-s", str(PROGRAM.relative_to(ROOT))],
                   cwd=ROOT, check=True)


class BadLine:
    """From a new tap device, to what the machine gets by `qemu`."""

    def __init__(self, tap: str, folder: pathlib.Path, seed: int,
                 inside: Sequence[str] = ()) -> None:
        build()
        path = folder / "line"
        self._process = subprocess.Popen([*inside, str(PROGRAM), tap, str(path), str(seed)],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._said() == "ready"
        self.qemu = f"-netdev stream,id=line,server=off,addr.type=unix,addr.path={path}"

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().strip()

    def become(self, *, loss: float = 0, late: float = 0, duplicate: float = 0, damage: float = 0,
               delay_ms: float = 0) -> dict[str, tuple[int, int]]:
        """Shares of all frames, and the delay in each direction. Returns: how many frames passed and
        met what since the last call, towards the machine and from it."""
        chances = {"loss": loss, "late": late, "duplicate": duplicate, "damage": damage}
        words = [f"{name}={round(share * MILLION)}" for name, share in chances.items()]
        words.append(f"delay_us={round(delay_ms * 1000)}")
        assert self._process.stdin is not None
        # in one piece: the program reads it so
        os.write(self._process.stdin.fileno(), (" ".join(words) + "\n").encode())
        said = self._said().split()
        return {said[i]: (int(said[i + 1]), int(said[i + 2])) for i in range(0, len(said), 3)}

    def __enter__(self) -> BadLine:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()

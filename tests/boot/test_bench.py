# SPDX-License-Identifier: MIT
"""What `./toril bench` says of itself, and how its tables judge. No figure is judged here."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from conftest import HANG_S, ROOT, TORIL

sys.path.append(str(ROOT / "bench"))
import kernel  # noqa: E402 # pylint: disable=wrong-import-position
import measures  # noqa: E402 # pylint: disable=wrong-import-position
import table  # noqa: E402 # pylint: disable=wrong-import-position


def test_list() -> None:
    """Without a name, all benches that there are."""
    done = subprocess.run([TORIL, "bench"], capture_output=True, text=True, timeout=HANG_S)
    listed = re.findall(r"^  ([a-z]+) ", done.stdout, re.M)
    there_are = re.findall(r"^bench_([a-z]+)\(\)", (ROOT / "bench/run.sh").read_text(), re.M)
    assert done.returncode == 0 and sorted(listed) == sorted(there_are)


def test_on_host() -> None:
    """The kernel's sources as a program of this host: its figures are rows of the table."""
    subprocess.run(["flock", "build/.lock", "make", "-s", "build/bench/host"], cwd=ROOT, check=True)
    figures = kernel.on_host()
    rows = {row.name for row in kernel.ROWS if row.run == "1 core"}
    assert {"yield", "switch", "create-run-exit", "wake", "malloc-free-64"} <= figures.keys() <= rows


def test_every_row_has_a_job() -> None:
    """And each of Toril's, and of the cards', is measured once a round."""
    rows = [row.name for part in measures.PARTS.values() for row in part]
    assert len(rows) == len(set(rows))
    jobs = measures.plan(frozenset(rows), rounds=2, seconds=1)
    for part, of in measures.PARTS.items():
        for row in of:
            for system in measures.CARDS if part == "cards" else (measures.TORIL,):
                times = [job.label for job in jobs if job.system == system and row.name in job.rows]
                in_rounds = part == "times" or part == "cards" and row.name != "card-count"
                assert len(times) == (2 if in_rounds else 1), row.name
    assert [job.rows for job in measures.plan(frozenset({"p99"}), 1, 1)] == [{"p99"}] * 3


@pytest.mark.parametrize("aim, value, ratio, said", [
    (("ratio", ">=", 7), 70.0, 7.0, ">= 7 x"),
    (("ratio", ">=", 7), 70.0, 6.99, ">= 7 x  missed"),
    (("ratio", "<=", 0.6), 1.0, None, "<= 0.6 x  unknown"),
    (("value", "<=", 3000), 3000.0, None, "<= 3,000"),
    (("value", "<=", 0), 0.1, 0.5, "<= 0  missed"),
    (None, 1.0, 1.0, ""),
])
def test_verdict(aim: table.Aim | None, value: float, ratio: float | None, said: str) -> None:
    """An aim that is missed says so, and one that nobody knows of, too."""
    assert table.verdict(aim, value, ratio) == said


def test_table() -> None:
    """Medians of the rounds that there were; a system without any is a dash."""
    figures: table.Figures = {}
    for figure in (30.0, 10.0, 20.0):
        table.add(figures, "speed", "Toril", figure)
    table.add(figures, "speed", "Linux", 10.0)
    rows = [table.Row("speed", "requests", "/s", ("ratio", ">=", 2)), table.Row("other", "not measured", "")]
    cells = table.make_cells(rows, figures, ["Toril", "Linux", "mitigated"])
    assert cells[1:] == [["requests", "/s", "20", "10", "-", "2", ">= 2 x"]]
    assert table.as_markdown(cells).splitlines()[2] == "| requests | /s | 20 | 10 | - | 2 | >= 2 x |"
    assert table.as_text(cells).splitlines()[1].split() == "requests /s 20 10 - 2 >= 2 x".split()

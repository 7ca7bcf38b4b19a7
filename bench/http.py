#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Toril's web server beside nginx on a minimal Linux, under the same emulator; see bench/README.md.

For ./toril bench http, which makes what it needs and gives it a network namespace of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import pathlib
import re
import subprocess
import sys
import time

from machines import BUILD, ROOT, Failed, busy_share, end_in_order, run
from measures import CARDS, IMAGES, PARTS, Job, plan, set_aims
from table import Figures, add, as_markdown, as_text, make_cells

TRIES = 2  # of each job
BUSY = 0.1  # share of the host's CPUs from which on others disturb
KEPT = ROOT / "bench/http.md"
LAST = BUILD / "http.md"
STARTED_S = time.monotonic()


def say(text: str) -> None:
    """What goes on, beside the tables."""
    passed = int(time.monotonic() - STARTED_S)
    print(f"bench: {passed // 60}:{passed % 60:02d} {text}", file=sys.stderr, flush=True)


# ---- jobs ----------------------------------------------------------------------------------------


def try_job(job: Job, figures: Figures) -> str | None:
    """Does what is left of a job; figures that it has already given stay. Returns: what went wrong."""
    left = set(job.rows)
    failed = None
    for _ in range(TRIES):
        try:
            with contextlib.closing(job.measure(frozenset(left))) as measured:
                for row, figure in measured:
                    if row in left:
                        left.discard(row)
                        add(figures, row, job.system, figure)
            return None
        except (Failed, OSError) as why:
            failed = f"{job.label}: {why}"
            say(failed)
    return failed


def do_jobs(jobs: list[Job], figures: Figures) -> tuple[list[str], float]:
    """Does all; one that fails leaves the others alone. Returns: what went wrong, and how busy the host
    was with others."""
    wrong, busy = [], 0.0
    for number, job in enumerate(jobs, start=1):
        others = busy_share()
        busy = max(busy, others)
        disturbed = f", and others use {others:.0%} of this host's CPUs" if others > BUSY else ""
        say(f"{number} of {len(jobs)}: {job.label}{disturbed}")
        if failed := try_job(job, figures):
            wrong.append(failed)
    return wrong, busy


# ---- what is told --------------------------------------------------------------------------------


def version(*command: str) -> str:
    """The first number with dots that a program prints."""
    found = re.search(r"\d+\.[\w.-]+", run(*command))
    return found[0] if found else "?"


def describe(given: argparse.Namespace, busy: float) -> str:
    """How the figures were taken, in sentences."""
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    cpus = int(run("nproc"))
    packages = BUILD / "linux/packages"
    nginx = next(packages.glob("nginx_*")).name.split("_")[1]
    linux = next(packages.glob("linux-image-*")).name.split("_")[0].removeprefix("linux-image-")
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True).stdout.strip()
    disturbed = f"Others used up to {busy:.0%} of its CPUs meanwhile" + (
        ": what is timed is no more than a hint." if busy > BUSY else ".")
    qemu = version("qemu-system-x86_64", "--version")
    return (f"Toril {commit}; QEMU {qemu}, Linux {linux}, nginx {nginx}, wrk with one thread; "
            f"{cpus} CPUs, {cpu[1].strip() if cpu else 'of an unknown model'}; {datetime.date.today()}; "
            f"rounds: {given.rounds}, seconds of each load: {given.seconds}. {disturbed}")


def make_tables(figures: Figures) -> list[list[list[str]]]:
    """Returns: cells of those tables that have any."""
    rows = [row for part, of in PARTS.items() if part != "cards" for row in of]
    tables = [make_cells(rows, figures, tuple(IMAGES)),
              make_cells(PARTS["cards"], figures, CARDS, compared=False)]
    return [table for table in tables if len(table) > 1]


def tell(figures: Figures, said: str, whole: bool) -> None:
    """Prints the tables and what became of the aims, and keeps them."""
    set_aims(figures)
    tables = make_tables(figures)
    for table in tables:
        print(as_text(table), end="\n\n")
    print(said)
    aims = [line for line in tables[0] if line[-1]] if tables and tables[0][0][-1] == "aim" else []
    missed = [line[0] for line in aims if line[-1].endswith(("missed", "unknown"))]
    if aims:
        print(f"aims reached: {len(aims) - 1 - len(missed)} of {len(aims) - 1}" +
              "".join(f"\n  missed: {label}" for label in missed))
    text = "\n\n".join([as_markdown(table) for table in tables] + [said]) + "\n"
    for file in [LAST] + ([KEPT] if whole else []):
        file.write_text(f"# What `./toril bench http` measured; see README.md here\n\n{text}")
        say(f"the same in Markdown: {file.relative_to(ROOT)}")


# ---- command line --------------------------------------------------------------------------------


def read_options() -> argparse.Namespace:
    """What is measured, and for how long."""
    names = [*PARTS, *(row.name for of in PARTS.values() for row in of)]
    parser = argparse.ArgumentParser(prog="toril bench http", add_help=False, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--only", choices=names, action="append", metavar="ROW")
    parser.add_argument("--count", dest="only", action="append_const", const="counts")
    parser.add_argument("--cards", dest="only", action="append_const", const="cards")
    parser.add_argument("--update", action="store_true")
    given = parser.parse_args()
    if given.rounds is None:
        given.rounds = 1 if given.quick else 3
    if given.seconds is None:
        given.seconds = 2 if given.quick else 3
    if given.rounds < 1 or given.seconds < 1:
        parser.error("--rounds and --seconds are 1 or more")
    if given.update and given.only:
        parser.error("--update keeps the whole table: without --only, --count, --cards")
    return given


def main() -> int:
    """Returns: how the script ends."""
    given = read_options()
    end_in_order()
    wanted = frozenset(row.name for part, of in PARTS.items() for row in of
                       if not given.only or part in given.only or row.name in given.only)
    jobs = plan(wanted, given.rounds, given.seconds)
    figures: Figures = {}
    try:
        wrong, busy = do_jobs(jobs, figures)
    except SystemExit:
        say("interrupted; what there is so far:")
        for table in make_tables(figures):
            print(as_text(table))
        raise
    tell(figures, describe(given, busy), given.update)
    for failed in wrong:
        say(f"without a figure: {failed}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

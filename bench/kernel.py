#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What operations of the kernel cost, as a table; see bench/README.md.

    kernel.py             the table
    kernel.py --check     the table; fails, with a line each, where a figure has grown by more than 3 %
    kernel.py --update    the table; writes it to bench/kernel.baseline
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BASELINE = ROOT / "bench/kernel.baseline"
ALLOWED_GROWTH = 0.03
HANG_S = 600  # a hang detector
LINE = re.compile(r"^bench: (\S+) (-?\d+(?:\.\d+)?) (-?\d+(?:\.\d+)?)$", re.MULTILINE)
HOST_PROGRAM = ROOT / "build/bench/host"
HOST_ROUNDS = 5  # of which the median one counts: the host may have other work
SIZE_OF_IMAGE = 24 + 56  # from the PE signature; spec: PE Format, Optional Header


@dataclasses.dataclass
class Run:
    """One machine."""

    cores: int
    shift: int = 0  # an instruction takes 2 ** shift ns of the machine's time
    arguments: str = ""


# What the scheduler does depends on time: an instruction should take about as long as a real one. But
# the boot measures its clocks against others for 2 ms: with a large shift those are fewer
# instructions than are run meanwhile.
RUNS = {
    "4 cores": Run(4),
    "1 core": Run(1),
    "boot": Run(1, 10, "-- boot"),
}


@dataclasses.dataclass
class Row:
    """One figure: from which run, and under what name there. Bytes are shown in KiB."""

    label: str
    run: str
    name: str
    aim: float | None = None
    toro: str = ""
    is_bytes: bool = False

    @property
    def key(self) -> str:
        """Its name in the baseline."""
        return f"{self.name}@{self.run}".replace(" ", "-")


KIB = 1024
ROWS = [
    Row("yield, nothing else to run", "1 core", "yield", 40, "124"),
    Row("the same with 4 cores", "4 cores", "yield", 40, "169"),
    Row("switch from one thread to another", "1 core", "switch", 50, "134.5"),
    Row("thread: create, run, exit", "1 core", "create-run-exit", 400, "1,437"),
    Row("the same on another core, both ends", "4 cores", "remote-create-busy", 500),
    Row("the same, both halted in between", "4 cores", "remote-create-alone"),
    Row("wake a thread, and it waits again", "1 core", "wake", 60),
    Row("malloc + free of 64 B", "1 core", "malloc-free-64", 45, "247"),
    Row("malloc + free of 4 KiB", "1 core", "malloc-free-4096", 120, "247"),
    Row("malloc + free of 100,000 B", "1 core", "malloc-free-100000", None, "264"),
    Row("system call: getppid()", "1 core", "getppid", 6),
    Row("clock_gettime()", "1 core", "clock-gettime"),
    Row("timer: start + stop", "1 core", "timer-start-stop"),
    Row("the same among 1,000 others", "1 core", "timer-start-stop-of-1000"),
    Row("timer: start, each of 10", "1 core", "timer-start-each-of-10"),
    Row("the same, each of 1,000", "1 core", "timer-start-each-of-1000"),
    Row("the same, each of 100,000", "1 core", "timer-start-each-of-100000"),
    Row("timer: expire, each of 10", "1 core", "timer-expire-each-of-10"),
    Row("the same, each of 1,000", "1 core", "timer-expire-each-of-1000"),
    Row("the same, each of 100,000", "1 core", "timer-expire-each-of-100000"),
    Row("timer: stop, each of 10", "1 core", "timer-stop-each-of-10"),
    Row("the same, each of 1,000", "1 core", "timer-stop-each-of-1000"),
    Row("the same, each of 100,000", "1 core", "timer-stop-each-of-100000"),
    Row("sleep: from the deadline until it runs", "1 core", "sleep-late"),
    Row("the same, of 99 % of sleeps", "1 core", "sleep-late-99-percent"),
    Row("message to the own core: send + receive", "1 core", "message"),
    Row("the same with 4 cores", "4 cores", "message"),
    Row("turn of the loop, nothing to do", "1 core", "turn"),
    Row("the same with 4 cores", "4 cores", "turn"),
    Row("boot: firmware left until main", "boot", "boot"),
    Row("memory at main, 1 core", "1 core", "memory-bytes", (2048 + 256) * KIB, "", True),
    Row("memory at main, 4 cores", "4 cores", "memory-bytes", (2048 + 4 * 256) * KIB, "", True),
    Row("hello in memory: the image", "files", "hello-image", None, "", True),
    Row("hello: BOOTX64.EFI", "files", "hello-file", 128 * KIB, "63", True),
    Row("http: BOOTX64.EFI", "files", "http-file", 1024 * KIB, "83", True),
]

Figures = dict[str, tuple[float, float]]  # name: median, least


def die(why: str) -> None:
    """Ends with status 1."""
    print(f"bench: {why}", file=sys.stderr)
    sys.exit(1)


def boot(run: Run, image: pathlib.Path = ROOT / "build/bench/BOOTX64.EFI") -> Figures:
    """Runs the app in one machine. Returns: what it printed."""
    command = [str(ROOT / "toril"), "run", "bench", "--accel", "tcg", "--net", "none", "--smp",
               str(run.cores), "--timeout", str(HANG_S), "--qemu", f"-icount shift={run.shift},sleep=off",
               "--image", str(image)]
    # Always at the same address, for free memory to be the same each time.
    command += ["--append", f"kaslr=off {run.arguments}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace")
    if done.returncode != 0:
        die(f"the machine ended with status {done.returncode}:\n{done.stdout}")
    figures = {}
    for name, median, least in LINE.findall(done.stdout):
        scale = 1 if name.endswith("-bytes") else 2 ** run.shift
        figures[name] = (float(median) / scale, float(least) / scale)
    if {"boot-ticks", "boot-halted-ticks"} <= figures.keys():
        figures["boot"] = (figures["boot-ticks"][0] - figures["boot-halted-ticks"][0],) * 2
    return figures


def sizes() -> Figures:
    """Of the files that were built."""
    figures = {}
    for app in ("hello", "http"):
        image = (ROOT / "build" / app / "BOOTX64.EFI").read_bytes()
        figures[f"{app}-file"] = (len(image), len(image))
        header = int.from_bytes(image[0x3c:0x40], "little") + SIZE_OF_IMAGE
        in_memory = int.from_bytes(image[header:header + 4], "little")
        figures[f"{app}-image"] = (in_memory, in_memory)
    return figures


def on_host() -> dict[str, float]:
    """The same sources in a program of this host. Returns: nanoseconds."""
    rounds: dict[str, list[float]] = {}
    for _ in range(HOST_ROUNDS):
        done = subprocess.run([HOST_PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=HANG_S)
        if done.returncode != 0:
            die(f"{HOST_PROGRAM.relative_to(ROOT)} ended with status {done.returncode}:\n{done.stdout}")
        for name, median, _ in LINE.findall(done.stdout):
            rounds.setdefault(name, []).append(float(median))
    return {name: statistics.median(figures) for name, figures in rounds.items()}


def measure() -> list[tuple[Row, float, float]]:
    """All rows with median and least."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        results = dict(zip(RUNS, pool.map(boot, RUNS.values())))
    results["files"] = sizes()
    rows = []
    for row in ROWS:
        if row.name not in results[row.run]:
            die(f"the run \"{row.run}\" gave no figure {row.name}")
        rows.append((row, *results[row.run][row.name]))
    return rows


def show(figure: float | None) -> str:
    """A number for people."""
    if figure is None:
        return "-"
    return f"{figure:,.0f}" if figure >= 1000 or abs(figure - round(figure)) < 0.05 else f"{figure:,.1f}"


def print_table(rows: list[tuple[Row, float, float]], host_ns: dict[str, float]) -> None:
    """The table: instructions first, then sizes."""
    for is_bytes, unit in ((False, "instructions"), (True, "KiB")):
        host = "" if is_bytes else f" {'host, ns':>8}"
        print(f"{unit:<40} {'median':>10} {'least':>10} {'aim':>8} {'Toro':>8}{host}")
        for row, median, least in rows:
            if row.is_bytes != is_bytes:
                continue
            scale = KIB if is_bytes else 1
            aim = None if row.aim is None else row.aim / scale
            over = "  over" if row.aim is not None and median > row.aim else ""
            if not is_bytes:
                host = f" {show(host_ns.get(row.name) if row.run == '1 core' else None):>8}"
            print(f"{row.label:<40} {show(median / scale):>10} {show(least / scale):>10} "
                  f"{show(aim):>8} {row.toro or '-':>8}{host}{over}")
        print()


def read_baseline() -> dict[str, float]:
    """The figures that were kept."""
    if not BASELINE.exists():
        die(f"no {BASELINE.relative_to(ROOT)}: ./toril bench kernel --update makes it")
    kept = {}
    for line in BASELINE.read_text().splitlines():
        if line and not line.startswith("#"):
            key, figure = line.split()
            kept[key] = float(figure)
    return kept


def check(rows: list[tuple[Row, float, float]]) -> int:
    """Compares with the baseline. Returns: how the script ends."""
    kept = read_baseline()
    wrong = []
    for row, median, _ in rows:
        was = kept.pop(row.key, None)
        if was is None:
            wrong.append(f"{row.key}: {median:.1f}, and the baseline does not have it")
        elif median > was * (1 + ALLOWED_GROWTH):
            wrong.append(f"{row.key}: {median:.1f}, was {was:.1f}: {median / was - 1:+.1%}")
    wrong += [f"{key}: in the baseline, but no longer measured" for key in kept]
    for line in wrong:
        print(f"bench: {line}")
    if not wrong:
        print(f"bench: none of {len(rows)} figures has grown by more than {ALLOWED_GROWTH:.0%}")
    return 1 if wrong else 0


def update(rows: list[tuple[Row, float, float]]) -> None:
    """Writes the baseline."""
    lines = ["# Medians of ./toril bench kernel: instructions, and bytes of memory and files.",
             "# Written by ./toril bench kernel --update."]
    lines += [f"{row.key} {median:.1f}" for row, median, _ in rows]
    BASELINE.write_text("\n".join(lines) + "\n")


def main(arguments: list[str]) -> int:
    """Returns: how the script ends."""
    if arguments not in ([], ["--check"], ["--update"]):
        print(__doc__, file=sys.stderr)
        return 2
    if arguments == ["--check"]:
        read_baseline()  # rather now than after the runs
    rows = measure()
    print_table(rows, on_host())
    if arguments == ["--check"]:
        return check(rows)
    if arguments == ["--update"]:
        update(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

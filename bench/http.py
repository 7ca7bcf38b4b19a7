#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Toril's web server beside nginx on a minimal Linux, under the same emulator; see bench/README.md.

For ./toril bench http, which makes what it needs and gives it a network namespace of its own.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import sys
from collections.abc import Callable

from machines import (BUILD, ROOT, Failed, Machine, Shape, messages_between_cores, ping_median_s,
                      udp_median_s, wrk)
from table import Figures, Row, print_cards, print_counts, print_rows

TORIL, LINUX, MITIGATED = "Toril", "Linux", "mitigated"
IMAGES = {TORIL: ROOT / "build/http/BOOTX64.EFI", LINUX: BUILD / "linux/linux.efi",
          MITIGATED: BUILD / "linux/linux-mitigated.efi"}
ECHO = ROOT / "build/echo/BOOTX64.EFI"
WARM_UP_S = 1
MEMORY_STEP_MIB, MEMORY_FROM_MIB, MEMORY_TO_MIB = 4, 32, 256
MEMORY_HANG_S = 30
COUNTED_CORES = (1, 2, 4, 8)
CARDS = ("virtio", "e1000e", "e1000")
MIB = 1 << 20

ROWS = [
    Row("keep-alive-32", "requests/s, 1 core, keep-alive, 32", "/s", ("ratio", ">=", 7)),
    Row("keep-alive-128", "the same, 128 connections", "/s", ("ratio", ">=", 7)),
    Row("close-32", "requests/s, 1 core, a connection each, 32", "/s", ("ratio", ">=", 6)),
    Row("two-cores-128", "requests/s, 2 cores, keep-alive, 128", "/s", ("ratio", ">=", 3)),
    Row("p99", "99th percentile, 1 core, keep-alive, 32", "ms", ("value", "<=", 0.8)),
    Row("udp", "median round trip, UDP echo of 64 bytes", "us", ("ratio", "<=", 0.6)),
    Row("ping", "median round trip, ping", "us", ("value", "<=", 72)),
    Row("first-200", "firmware's hand-over to first 200", "ms", ("value", "<=", 60)),
    Row("image", "image", "MiB", ("value", "<=", 1)),
    Row("memory", "least memory that serves", "MiB", None),
]
NAMES = [row.name for row in ROWS]


def say(text: str) -> None:
    """What goes on, beside the tables."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


# ---- what is measured in rounds ------------------------------------------------------------------


def measure_one_core(system: str, wanted: set[str], seconds: float) -> dict[str, float]:
    """A machine with one core, with all of its rows that are wanted."""
    got: dict[str, float] = {}
    with Machine(IMAGES[system], Shape()) as machine:
        first_s = machine.wait_served()
        if first_s is None:
            raise Failed(f"{system} does not serve:\n{machine.console}")
        got["first-200"] = first_s * 1e3
        if wanted & {"keep-alive-32", "p99", "keep-alive-128", "close-32"}:
            wrk(32, WARM_UP_S)
        if wanted & {"keep-alive-32", "p99"}:
            load = wrk(32, seconds)
            got["keep-alive-32"], got["p99"] = load.per_s, load.p99_s * 1e3
        if "keep-alive-128" in wanted:
            got["keep-alive-128"] = wrk(128, seconds).per_s
        if "close-32" in wanted:
            got["close-32"] = wrk(32, seconds, close=True).per_s
        if "ping" in wanted:
            got["ping"] = ping_median_s() * 1e6
        if "udp" in wanted and system != TORIL:
            got["udp"] = udp_median_s() * 1e6
    if "udp" in wanted and system == TORIL and ECHO.exists():
        with Machine(ECHO, Shape()) as machine:
            wait_echo(machine)
            got["udp"] = udp_median_s() * 1e6
    return {name: got[name] for name in got if name in wanted}


def wait_echo(machine: Machine) -> None:
    """Waits until the echo server answers: its first answer, lost ones left out."""
    if machine.wait_handed_over() is None:
        raise Failed(f"no hand-over:\n{machine.console}")
    for _ in range(10):
        try:
            udp_median_s(1)
            return
        except Failed:
            continue
    raise Failed(f"no echo:\n{machine.console}")


def measure_two_cores(system: str, wanted: set[str], seconds: float) -> dict[str, float]:
    """A machine with two."""
    with Machine(IMAGES[system], Shape(cores=2)) as machine:
        if machine.wait_served() is None:
            raise Failed(f"{system} does not serve:\n{machine.console}")
        wrk(128, WARM_UP_S)
        return {"two-cores-128": wrk(128, seconds).per_s} if wanted else {}


Measure = Callable[[str, set[str], float], dict[str, float]]
ROUNDS: list[tuple[Measure, set[str]]] = [
    (measure_one_core, {"keep-alive-32", "keep-alive-128", "close-32", "p99", "udp", "ping", "first-200"}),
    (measure_two_cores, {"two-cores-128"}),
]


def measure_rounds(wanted: set[str], rounds: int, seconds: float) -> Figures:
    """The systems take turns, so that what disturbs the host disturbs all."""
    figures: Figures = {}
    for number in range(1, rounds + 1):
        for measure, rows in ROUNDS:
            for system in IMAGES if wanted & rows else ():
                say(f"round {number} of {rounds}: {system}, {measure.__name__.removeprefix('measure_')}")
                for name, figure in measure(system, wanted & rows, seconds).items():
                    figures.setdefault(name, {}).setdefault(system, []).append(figure)
    return figures


# ---- what is measured once -----------------------------------------------------------------------


def least_memory(image: pathlib.Path, served: bool) -> float:
    """The least memory, in steps, with which an image serves, or with which the firmware starts it."""
    low, high = MEMORY_FROM_MIB - MEMORY_STEP_MIB, MEMORY_TO_MIB
    while high - low > MEMORY_STEP_MIB:
        half = (low + high) // 2 // MEMORY_STEP_MIB * MEMORY_STEP_MIB
        with Machine(image, Shape(memory_mib=half)) as machine:
            wait = machine.wait_served if served else machine.wait_handed_over
            works = wait(MEMORY_HANG_S) is not None
        say(f"memory: {image.relative_to(ROOT)} {'works' if works else 'does not'} with {half} MiB")
        low, high = (low, half) if works else (half, high)
    return high


def measure_once(wanted: set[str]) -> Figures:
    """Sizes of files and memory."""
    figures: Figures = {}
    if "image" in wanted:
        figures["image"] = {system: [image.stat().st_size / MIB] for system, image in IMAGES.items()}
    if "memory" in wanted:
        firmware = least_memory(IMAGES[TORIL], served=False)
        ROWS[NAMES.index("memory")].aim = ("value", "<=", firmware + 8)
        figures["memory"] = {system: [least_memory(IMAGES[system], served=True)]
                             for system in (TORIL, LINUX)}
    return figures


# ---- counts --------------------------------------------------------------------------------------


def count(image: pathlib.Path, shape: Shape, load: Callable[[], int], echo: bool = False) -> dict[str, float]:
    """Of each request: instructions, locked ones a thousand, and messages between Toril's cores."""
    with Machine(image, shape) as machine:
        if echo:
            wait_echo(machine)
        elif machine.wait_served() is None:
            raise Failed(f"{image} does not serve:\n{machine.console}")
        load()  # what is done but once
        told = image == IMAGES[TORIL]
        messages = messages_between_cores() if told else 0
        before = machine.counts()
        requests = load()
        after = machine.counts()
        got = {"instructions": (after[0] - before[0]) / requests,
               "locked": (after[1] - before[1]) * 1000 / requests}
        if told:
            got["messages"] = (messages_between_cores() - messages) / requests
        return got


def measure_counts(seconds: float) -> list[tuple[str, dict[str, float]]]:
    """All counts, with what each is of."""

    def requests(connections: int, close: bool = False) -> Callable[[], int]:
        return lambda: wrk(connections, seconds, close).requests

    def echoes() -> int:
        udp_median_s(4000)
        return 4000

    rows = []
    for cores in COUNTED_CORES:
        named = f"{cores} core{'s' if cores > 1 else ''}"
        say(f"count: {named}")
        shape = Shape(cores=cores, counted=True, rss=cores > 1)
        rows.append((f"Toril, keep-alive, 32 connections, {named}",
                     count(IMAGES[TORIL], shape, requests(32))))
        if cores > 1:
            rows.append((f"Toril, keep-alive, 32 a core, {named}",
                         count(IMAGES[TORIL], shape, requests(32 * cores))))
    one = Shape(counted=True)
    rows.append(("Toril, a connection each, 32", count(IMAGES[TORIL], one, requests(32, True))))
    if ECHO.exists():
        rows.append(("Toril, UDP echo of 64 bytes", count(ECHO, one, echoes, echo=True)))
    say("count: Linux")
    rows.append(("Linux, keep-alive, 32 connections", count(IMAGES[LINUX], one, requests(32))))
    rows.append(("Linux, a connection each, 32", count(IMAGES[LINUX], one, requests(32, True))))
    rows.append(("Linux, UDP echo of 64 bytes", count(IMAGES[LINUX], one, echoes)))
    return rows


# ---- cards ---------------------------------------------------------------------------------------


def measure_cards(rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """Toril with each network card. Returns: medians by card."""
    got: dict[str, dict[str, list[float]]] = {card: {} for card in CARDS}
    for number in range(1, rounds + 1):
        for card in CARDS:
            say(f"round {number} of {rounds}: {card}")
            with Machine(IMAGES[TORIL], Shape(card=card)) as machine:
                if machine.wait_served() is None:
                    raise Failed(f"{card} does not serve:\n{machine.console}")
                wrk(32, WARM_UP_S)
                load = wrk(32, seconds)
                for name, figure in (("requests/s", load.per_s), ("p99 in ms", load.p99_s * 1e3),
                                     ("ping in us", ping_median_s() * 1e6)):
                    got[card].setdefault(name, []).append(figure)
    medians = {card: {name: statistics.median(all_of) for name, all_of in of.items()}
               for card, of in got.items()}
    for card in CARDS:
        say(f"count: {card}")
        counted = count(IMAGES[TORIL], Shape(card=card, counted=True), lambda: wrk(32, seconds).requests)
        medians[card]["instructions a request"] = counted["instructions"]
    return medians


def main() -> int:
    """Returns: how the script ends."""
    parser = argparse.ArgumentParser(prog="toril bench http", add_help=False, allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", choices=NAMES, action="append")
    parser.add_argument("--count", action="store_true")
    parser.add_argument("--cards", action="store_true")
    given = parser.parse_args()
    try:
        if given.count:
            print_counts(measure_counts(given.seconds))
        elif given.cards:
            print_cards(measure_cards(given.rounds, given.seconds))
        else:
            wanted = set(given.only or NAMES)
            figures = measure_rounds(wanted, given.rounds, given.seconds)
            print_rows(ROWS, figures | measure_once(wanted), (TORIL, LINUX, MITIGATED))
    except Failed as why:
        print(f"bench: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

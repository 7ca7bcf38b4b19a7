# SPDX-License-Identifier: MIT
"""What ./toril bench http measures: rows, and jobs that fill them. A job is one machine, or a few that
are looked for the least memory with, and gives figures as it gets them."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator

from machines import (BUILD, HANG_S, ROOT, Failed, Load, Machine, Shape, messages_between_cores,
                      ping_median_s, udp_median_s, wait_echo, wrk)
from stream import PORTS
from stream import load as stream_load
from table import Figures, Row, median

TORIL, LINUX, MITIGATED = "Toril", "Linux", "mitigated"
IMAGES = {TORIL: ROOT / "build/http/BOOTX64.EFI", LINUX: BUILD / "linux/linux.efi",
          MITIGATED: BUILD / "linux/linux-mitigated.efi"}
HELLO = ROOT / "build/hello/BOOTX64.EFI"
# Linux has it all in one image.
ECHO = {TORIL: ROOT / "build/echo/BOOTX64.EFI", LINUX: IMAGES[LINUX]}
STREAM = {TORIL: ROOT / "build/stream/BOOTX64.EFI"}
CARDS = ("virtio", "e1000e", "e1000")
CORES = (1, 2, 4, 8)
GROWTH = 1.05  # that a request may cost with several cores, of one's
ECHOES = 4000
CLOSED_LOOP = ("-A", "-c", "1000")  # ping sends the next when it has the answer
APART = ("-i", "0.01", "-c", "200")
WARM_UP_S, STREAM_WARM_UP_S = 1, 0.5
MIB = 1 << 20
MEMORY_STEP_MIB, MEMORY_TO_MIB = 4, 512
MEMORY_HANG_S = 20  # several times what either takes to serve
MEMORY_MORE_MIB = 8  # than the firmware, that Toril may need
FIRMWARE = "firmware"
MEMORY_MIB = {FIRMWARE: 44, TORIL: 52, LINUX: 144}  # where to begin to look

Measured = Iterator[tuple[str, float]]  # a row's name and its figure


@dataclasses.dataclass
class Job:
    """One step of the bench."""

    label: str
    system: str  # whose figures: a name above, or a card
    rows: frozenset[str]
    measure: Callable[[frozenset[str]], Measured]  # of those rows that are wanted


# ---- rows ----------------------------------------------------------------------------------------

COUNTS = [
    Row("count-1", "instructions, keep-alive request, 1 core, 32", "", ("value", "<=", 3000)),
    *(Row(f"count-{cores}", f"instructions, keep-alive request, {cores} cores, 32 each", "")
      for cores in CORES[1:]),
    *(Row(f"count-{cores}-few", f"instructions, keep-alive request, {cores} cores, 32 in all", "")
      for cores in CORES[1:]),
    Row("count-close", "instructions, request with a connection of its own", "", ("value", "<=", 15000)),
    Row("count-udp", "instructions, UDP echo of 64 bytes", "", ("value", "<=", 2000)),
    *(Row(f"locked-{cores}", f"locked, of 1,000 keep-alive requests, {cores} core{'s' if cores > 1 else ''}",
          "", ("value", "<=", 0)) for cores in CORES),
    # A frame that asks who has the address goes to all cores, whatever the load.
    *(Row(f"messages-{cores}", f"messages between {cores} cores a request", "", ("value", "<=", 0.001))
      for cores in CORES[1:]),
]
TIMES = [
    Row("keep-alive-32", "requests/s, 1 core, keep-alive, 32", "/s", ("ratio", ">=", 7)),
    Row("keep-alive-128", "requests/s, 1 core, keep-alive, 128", "/s", ("ratio", ">=", 7)),
    Row("close-32", "requests/s, 1 core, a connection each, 32", "/s", ("ratio", ">=", 6)),
    Row("two-cores-128", "requests/s, 2 cores, keep-alive, 128", "/s", ("ratio", ">=", 3)),
    Row("p99", "99th percentile, 1 core, keep-alive, 32", "ms", ("value", "<=", 0.8)),
    Row("sends", "one TCP stream, the machine sends", "MB/s", ("ratio", ">=", 1)),
    Row("receives", "one TCP stream, it receives", "MB/s", ("ratio", ">=", 1)),
    Row("udp", "median round trip, UDP echo of 64 bytes", "us", ("ratio", "<=", 0.6)),
    Row("ping", "median round trip, ping, one after the other", "us", ("value", "<=", 72)),
    # The host's own CPUs, which sleep meanwhile, have a large part in it.
    Row("ping-apart", "median round trip, ping, 10 ms apart", "us", ("value", "<=", 72)),
    Row("first-200", "firmware's hand-over to first 200", "ms", ("value", "<=", 60)),
]
SIZES = [
    Row("image", "image", "MiB", ("value", "<=", 1)),
    Row("memory", "least memory that serves", "MiB"),
]
CARD_ROWS = [
    Row("card-requests", "requests/s, 1 core, keep-alive, 32", "/s"),
    Row("card-p99", "99th percentile of these", "ms"),
    Row("card-ping", "median round trip, ping, one after the other", "us"),
    Row("card-count", "instructions a request", ""),
]
PARTS = {"counts": COUNTS, "times": TIMES, "sizes": SIZES, "cards": CARD_ROWS}


def set_aims(figures: Figures) -> None:
    """Aims that depend on what was measured."""
    one_core = median(figures, "count-1", TORIL)
    firmware = median(figures, "memory", FIRMWARE)
    for row in COUNTS:
        if one_core and row.name.startswith("count-") and row.name[6:].removesuffix("-few") in "248":
            row.aim = ("value", "<=", round(one_core * GROWTH))
    if firmware:
        SIZES[1].aim = ("value", "<=", firmware + MEMORY_MORE_MIB)


# ---- counts --------------------------------------------------------------------------------------


def count(machine: Machine, load: Callable[[], int]) -> tuple[float, float]:
    """Of each request: instructions, and locked ones a thousand."""
    before = machine.counts()
    requests = load()
    after = machine.counts()
    return (after[0] - before[0]) / requests, (after[1] - before[1]) * 1000 / requests


def echoes() -> int:
    """A load."""
    udp_median_s(ECHOES)
    return ECHOES


def count_requests(system: str, cores: int, seconds: float, wanted: frozenset[str]) -> Measured:
    """Of a machine that serves, exactly: one host thread runs all its cores."""

    def requests(connections: int, close: bool = False) -> int:
        return wrk(connections, seconds, close).requests

    with Machine(IMAGES[system], Shape(cores=cores, counted=True, rss=cores > 1)) as machine:
        machine.require_served()
        wrk(32 * cores, WARM_UP_S)  # what is done but once
        if wanted & {f"count-{cores}", f"locked-{cores}"}:
            instructions, locked = count(machine, lambda: requests(32 * cores))
            yield f"count-{cores}", instructions
            yield f"locked-{cores}", locked
        if f"messages-{cores}" in wanted:
            sent = messages_between_cores()
            answered = requests(32 * cores)
            yield f"messages-{cores}", (messages_between_cores() - sent) / answered
        if f"count-{cores}-few" in wanted:
            yield f"count-{cores}-few", count(machine, lambda: requests(32))[0]
        if cores == 1 and "count-close" in wanted:
            wrk(32, WARM_UP_S, close=True)
            yield "count-close", count(machine, lambda: requests(32, True))[0]


def count_echoes(system: str, _: frozenset[str]) -> Measured:
    """Of the echo server: one datagram at a time."""
    with Machine(ECHO[system], Shape(counted=True)) as machine:
        wait_echo(machine)
        echoes()  # what is done but once
        yield "count-udp", count(machine, echoes)[0]


def plan_counts(seconds: float) -> Iterator[Job]:
    """Instructions, locked ones, messages."""
    for cores in CORES:
        rows = frozenset(row.name for row in COUNTS if str(cores) in row.name.split("-"))
        # One host thread has a Linux of several cores wait in loops for those that it does not run.
        for system in (TORIL, LINUX) if cores == 1 else (TORIL,):
            yield Job(f"counts: {system}, {cores} core{'s' if cores > 1 else ''}", system,
                      rows | ({"count-close"} if cores == 1 else set()),
                      functools.partial(count_requests, system, cores, seconds))
    for system in ECHO:
        yield Job(f"counts: {system}, UDP echo", system, frozenset({"count-udp"}),
                  functools.partial(count_echoes, system))


# ---- times ---------------------------------------------------------------------------------------


def time_echo() -> Measured:
    """Of a machine that has an echo server."""
    yield "udp", udp_median_s(ECHOES) * 1e6


def time_streams(seconds: float, wanted: frozenset[str]) -> Measured:
    """Of a machine that serves streams."""
    for way in PORTS:
        if way in wanted:
            stream_load(way, STREAM_WARM_UP_S)
            size, took_s = stream_load(way, seconds)
            yield way, size / took_s / 1e6


def time_one_core(system: str, seconds: float, wanted: frozenset[str]) -> Measured:
    """The web server, and on Linux all else."""
    with Machine(IMAGES[system], Shape()) as machine:
        yield "first-200", machine.require_served() * 1e3
        if wanted & {"keep-alive-32", "keep-alive-128", "close-32", "p99"}:
            wrk(32, WARM_UP_S)
        if wanted & {"keep-alive-32", "p99"}:
            load: Load = wrk(32, seconds)
            yield "keep-alive-32", load.per_s
            yield "p99", load.p99_s * 1e3
        if "keep-alive-128" in wanted:
            yield "keep-alive-128", wrk(128, seconds).per_s
        if "close-32" in wanted:
            yield "close-32", wrk(32, seconds, close=True).per_s
        if "ping" in wanted:
            yield "ping", ping_median_s(*CLOSED_LOOP) * 1e6
        if "ping-apart" in wanted:
            yield "ping-apart", ping_median_s(*APART) * 1e6
        if "udp" in wanted:
            yield from time_echo()
        yield from time_streams(seconds, wanted)


def time_echo_of_toril(_: frozenset[str]) -> Measured:
    """Another image there."""
    with Machine(ECHO[TORIL], Shape()) as machine:
        wait_echo(machine)
        yield from time_echo()


def time_streams_of_toril(seconds: float, wanted: frozenset[str]) -> Measured:
    """Another one."""
    with Machine(STREAM[TORIL], Shape()) as machine:
        if machine.wait_handed_over() is None:
            raise Failed(f"does not start; its console:\n{machine.console.strip()}")
        yield from time_streams(seconds, wanted)


def time_two_cores(system: str, seconds: float, _: frozenset[str]) -> Measured:
    """The host is needed for the load, too."""
    with Machine(IMAGES[system], Shape(cores=2)) as machine:
        machine.require_served()
        wrk(128, WARM_UP_S)
        yield "two-cores-128", wrk(128, seconds).per_s


def plan_times(rounds: int, seconds: float) -> Iterator[Job]:
    """The systems take turns, so that what disturbs the host disturbs all."""
    one_core = frozenset(row.name for row in TIMES) - {"two-cores-128"}
    others = frozenset({"udp", *PORTS})
    for number in range(1, rounds + 1):
        named = f"round {number} of {rounds}"
        for system in IMAGES:
            rows = one_core - others if system == TORIL else one_core
            yield Job(f"{named}: {system}, 1 core", system, rows,
                      functools.partial(time_one_core, system, seconds))
            if system == TORIL:
                yield Job(f"{named}: {system}, UDP echo", system, frozenset({"udp"}), time_echo_of_toril)
                yield Job(f"{named}: {system}, streams", system, frozenset(PORTS),
                          functools.partial(time_streams_of_toril, seconds))
        for system in IMAGES:
            yield Job(f"{named}: {system}, 2 cores", system, frozenset({"two-cores-128"}),
                      functools.partial(time_two_cores, system, seconds))


# ---- sizes ---------------------------------------------------------------------------------------


def measure_image(system: str, _: frozenset[str]) -> Measured:
    """The file."""
    yield "image", IMAGES[system].stat().st_size / MIB


def works_with(system: str, memory_mib: int) -> bool:
    """The image serves, or of the firmware: it starts the least one."""
    image = HELLO if system == FIRMWARE else IMAGES[system]
    with Machine(image, Shape(memory_mib=memory_mib)) as machine:
        handed_over = machine.wait_handed_over() is not None
        return handed_over and (system == FIRMWARE or machine.wait_served(MEMORY_HANG_S) is not None)


def measure_memory(system: str, _: frozenset[str]) -> Measured:
    """The least, in steps, looked for around what it was last."""
    least = MEMORY_MIB[system]
    if works_with(system, least):
        while least > MEMORY_STEP_MIB and works_with(system, least - MEMORY_STEP_MIB):
            least -= MEMORY_STEP_MIB
    else:
        least += MEMORY_STEP_MIB
        while not works_with(system, least):
            least += MEMORY_STEP_MIB
            if least > MEMORY_TO_MIB:
                raise Failed(f"does not work with {MEMORY_TO_MIB} MiB either")
    yield "memory", least


def plan_sizes() -> Iterator[Job]:
    """Measured once."""
    for system in IMAGES:
        yield Job(f"sizes: {system}, image", system, frozenset({"image"}),
                  functools.partial(measure_image, system))
    for system in (FIRMWARE, TORIL, LINUX):
        yield Job(f"sizes: {system}, least memory", system, frozenset({"memory"}),
                  functools.partial(measure_memory, system))


# ---- cards ---------------------------------------------------------------------------------------


def time_card(card: str, seconds: float, wanted: frozenset[str]) -> Measured:
    """Toril with this network card."""
    with Machine(IMAGES[TORIL], Shape(card=card)) as machine:
        machine.require_served()
        if wanted & {"card-requests", "card-p99"}:
            wrk(32, WARM_UP_S)
            load = wrk(32, seconds)
            yield "card-requests", load.per_s
            yield "card-p99", load.p99_s * 1e3
        if "card-ping" in wanted:
            yield "card-ping", ping_median_s(*CLOSED_LOOP) * 1e6


def count_card(card: str, seconds: float, _: frozenset[str]) -> Measured:
    """The same, counted."""
    with Machine(IMAGES[TORIL], Shape(card=card, counted=True)) as machine:
        machine.require_served()
        wrk(32, WARM_UP_S)
        yield "card-count", count(machine, lambda: wrk(32, seconds).requests)[0]


def plan_cards(rounds: int, seconds: float) -> Iterator[Job]:
    """They take turns, too."""
    timed = frozenset(row.name for row in CARD_ROWS) - {"card-count"}
    for number in range(1, rounds + 1):
        for card in CARDS:
            yield Job(f"round {number} of {rounds}: card {card}", card, timed,
                      functools.partial(time_card, card, seconds))
    for card in CARDS:
        yield Job(f"counts: card {card}", card, frozenset({"card-count"}),
                  functools.partial(count_card, card, seconds))


def plan(wanted: frozenset[str], rounds: int, seconds: float) -> list[Job]:
    """Returns: what has one of the rows wanted, with no others."""
    jobs = [*plan_counts(seconds), *plan_times(rounds, seconds), *plan_sizes(), *plan_cards(rounds, seconds)]
    return [dataclasses.replace(job, rows=job.rows & wanted) for job in jobs if job.rows & wanted]

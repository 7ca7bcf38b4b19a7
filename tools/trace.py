#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Turns the trace in a console's text into what Perfetto and chrome://tracing open.

    trace.py CONSOLE.txt > trace.json

Each core is a track: a slice for each turn of a thread, a mark for each other event, an arrow from a
message's sending to its taking. The lines that it reads are described in kernel/trace.h.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from typing import Any

LINE = re.compile(r"^trace: (\d+) (\d+) ([a-z]+) ?(.*)$")
# What follows a kind's word. A thread's name may hold blanks, and may be empty.
ARGUMENTS = {
    "switch": re.compile(r"(?P<thread>.*)"),
    "send": re.compile(r"(?P<core>\d+) (?P<message>[0-9a-f]+)"),
    "take": re.compile(r"(?P<core>\d+) (?P<message>[0-9a-f]+)"),
    "interrupt": re.compile(r"(?P<vector>\d+)"),
    "queue": re.compile(r"(?P<queue>\d+) (?P<buffers>\d+)"),
    "timer": re.compile(r"(?P<function>\S+) (?P<deadline_ns>\d+)"),
    "user": re.compile(r"(?P<a>\d+) (?P<b>\d+)"),
}
# Fixed vectors: kernel/interrupts.h.
VECTORS = {"253": "wake", "254": "timer"}

Event = tuple[int, int, str, dict[str, str]]  # time in ns, core, kind, arguments


def read_events(lines: Iterable[str]) -> tuple[list[Event], int]:
    """The events by time, each once, and how many lines of a trace made no sense."""
    events, bad = [], 0
    seen: set[tuple[str, ...]] = set()
    for line in lines:
        line = line.rstrip("\r\n")
        if not line.startswith("trace: "):
            continue
        match = LINE.match(line)
        arguments = match and match[3] in ARGUMENTS and ARGUMENTS[match[3]].fullmatch(match[4])
        if not match or not arguments:
            bad += 1
        elif match.groups() not in seen:
            seen.add(match.groups())
            events.append((int(match[2]), int(match[1]), match[3], arguments.groupdict()))
    events.sort(key=lambda event: event[0])
    return events, bad


def name_of(kind: str, arguments: dict[str, str]) -> str:
    """What a mark is called."""
    if kind == "interrupt":
        return f"interrupt {VECTORS.get(arguments['vector'], arguments['vector'])}"
    if kind == "timer":
        return f"timer {arguments['function']}"
    if kind == "send":
        return f"send to core {arguments['core']}"
    if kind == "take":
        return f"take from core {arguments['core']}"
    return " ".join([kind, *arguments.values()])


def slices(events: list[Event]) -> list[dict[str, Any]]:
    """A slice for each turn of a thread: until the core's next switch, or the end of the trace."""
    made: list[dict[str, Any]] = []
    open_slices: dict[int, dict[str, Any]] = {}

    def close(core: int, time_ns: int) -> None:
        if core in open_slices:
            turn = open_slices.pop(core)
            turn["dur"] = time_ns / 1000 - turn["ts"]

    for time_ns, core, kind, arguments in events:
        if kind == "switch":
            close(core, time_ns)
            open_slices[core] = {"ph": "X", "pid": 0, "tid": core, "ts": time_ns / 1000,
                                 "cat": "switch", "name": arguments["thread"] or "unnamed"}
            made.append(open_slices[core])
    for core in list(open_slices):
        close(core, events[-1][0])
    return made


def marks(events: list[Event]) -> list[dict[str, Any]]:
    """A mark for each event that is not a switch, and the arrows of messages."""
    made: list[dict[str, Any]] = []
    on_their_way: dict[tuple[str, int, str], list[int]] = {}  # message, from, to: arrows
    arrow_count = 0
    for time_ns, core, kind, arguments in events:
        if kind == "switch":
            continue
        place = {"pid": 0, "tid": core, "ts": time_ns / 1000}
        made.append({"ph": "i", "s": "t", "cat": kind, "name": name_of(kind, arguments),
                     "args": arguments, **place})
        if kind == "send":
            arrow_count += 1
            way = (arguments["message"], core, arguments["core"])
            on_their_way.setdefault(way, []).append(arrow_count)
            made.append({"ph": "s", "cat": "message", "name": "message", "id": arrow_count, **place})
        elif kind == "take":
            waiting = on_their_way.get((arguments["message"], int(arguments["core"]), str(core)))
            if waiting:
                made.append({"ph": "f", "bp": "e", "cat": "message", "name": "message",
                             "id": waiting.pop(0), **place})
    return made


def convert(lines: Iterable[str]) -> tuple[dict[str, Any], int]:
    """The timeline, and how many lines of a trace made no sense."""
    events, bad = read_events(lines)
    made: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": 0, "args": {"name": "Toril"}}]
    for core in sorted({event[1] for event in events}):
        made.append({"ph": "M", "name": "thread_name", "pid": 0, "tid": core,
                     "args": {"name": f"core {core}"}})
        made.append({"ph": "M", "name": "thread_sort_index", "pid": 0, "tid": core,
                     "args": {"sort_index": core}})
    if events:
        made += slices(events) + marks(events)
    return {"displayTimeUnit": "ns", "traceEvents": made}, bad


def main() -> int:
    """Converts one file to the standard output. Returns: how the script ends."""
    if len(sys.argv) != 2:
        print("trace.py: wants one file: what the console showed", file=sys.stderr)
        return 2
    with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
        timeline, bad = convert(file)
    if bad:
        print(f"trace.py: {bad} lines of the trace are broken and left out", file=sys.stderr)
    if not any(event["ph"] != "M" for event in timeline["traceEvents"]):
        print(f"trace.py: no trace in {sys.argv[1]}: was the option trace=on given?",
              file=sys.stderr)
        return 1
    json.dump(timeline, sys.stdout)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())

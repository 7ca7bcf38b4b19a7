# SPDX-License-Identifier: MIT
"""Option trace=on: what an event costs, what a dump holds, and the timeline made of it."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
from typing import Any

from conftest import LOAD_HANG_S, ROOT, TORIL, Machine, Starter

LINE = re.compile(r"^trace: (\d+) (\d+) (\w+) ?(.*)$")
INSTRUCTIONS_ON, INSTRUCTIONS_OFF = 15, 3
LOST = "[serial port: "  # a busy host was slow to read: lines are cut there


def timeline(console: str, folder: pathlib.Path) -> list[dict[str, Any]]:
    """What `./toril trace` makes of a console's text."""
    file = folder / "console.txt"
    file.write_text(console)
    done = subprocess.run([TORIL, "trace", file.name], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" or LOST in console
    return json.loads(done.stdout)["traceEvents"]


def dumped(machine: Machine) -> list[tuple[int, int, str, str]]:
    """The events of a console: core, time, kind, the rest."""
    found = []
    for line in machine.lines:
        if line.startswith("trace: "):
            match = LINE.match(line)
            assert match or LOST in machine.console, line
            if not match:
                continue
            found.append((int(match[1]), int(match[2]), match[3], match[4]))
    return found


def test_cost(tmp_path: pathlib.Path) -> None:
    """An event is a load and a branch when nothing is kept, and few instructions else."""
    source = tmp_path / "cost.c"
    source.write_text('#include "kernel/trace.h"\n'
                      "void cost(uint64_t a, uint64_t b);\n"
                      "void cost(uint64_t a, uint64_t b) { trace_event(TRACE_USER, a, b); }\n")
    assembly = subprocess.run(
        ["gcc", "-std=gnu11", "-O2", "-fPIE", "-fvisibility=hidden", "-fcf-protection=none",
         "-fno-asynchronous-unwind-tables", f"-I{ROOT}", "-S", "-o", "-", str(source)],
        check=True, capture_output=True, text=True).stdout
    body = assembly[assembly.index("cost:"):]
    words = [line.split()[0] for line in body.split("\n")[1:]
             if line.startswith("\t") and not line.startswith(("\t.", "\t#"))]
    jump = next(i for i, word in enumerate(words) if word.startswith("j"))
    assert jump + 1 <= INSTRUCTIONS_OFF, body
    work = [word for word in words if word != "ret"]
    assert len(work) <= INSTRUCTIONS_ON, body
    assert "rdtsc" in work and "lock" not in body, body


def test_timeline(boot: Starter, tmp_path: pathlib.Path) -> None:
    """The end of main shows what each core did; the timeline has it all, on a track a core."""
    machine = boot("selftest", append="trace=on trace_events=4096 -- "
                   "thread_on_each_core exchange_all_pairs sleepers_in_order")
    machine.expect_end(0, LOAD_HANG_S)
    events = dumped(machine)
    assert {core for core, _, _, _ in events} == {0, 1, 2, 3}
    for core in range(4):
        times = [time for of, time, _, _ in events if of == core]
        # An interrupt in the middle of an event may stand behind it with an earlier time.
        late = sum(after < before for before, after in zip(times, times[1:]))
        assert late <= len(times) // 10, f"core {core}: {late} of {len(times)} go back in time"
        kinds = {kind for of, _, kind, _ in events if of == core}
        assert {"switch", "send", "take", "interrupt"} <= kinds, f"core {core}: {kinds}"
        threads = {rest for of, _, kind, rest in events if of == core and kind == "switch"}
        assert {"part", "loop"} <= threads, f"core {core}: {threads}"
    assert any(kind == "timer" and rest.startswith("timer_wakes ")
               for _, _, kind, rest in events)

    made = timeline(machine.console, tmp_path)
    tracks = {event["args"]["name"] for event in made if event["name"] == "thread_name"}
    assert tracks == {f"core {core}" for core in range(4)}
    turns = [event for event in made if event["ph"] == "X"]
    assert len(turns) == sum(kind == "switch" for _, _, kind, _ in events)
    for core in range(4):
        end = 0.0
        for turn in [turn for turn in turns if turn["tid"] == core]:
            assert turn["dur"] >= 0 and turn["ts"] >= end - 0.001, turn
            end = turn["ts"] + turn["dur"]
    # Each arrow goes from one core to another, and forward in time.
    starts = {event["id"]: event for event in made if event["ph"] == "s"}
    ends = {event["id"]: event for event in made if event["ph"] == "f"}
    assert set(ends) <= set(starts)
    assert len({(starts[i]["tid"], ends[i]["tid"]) for i in ends}) >= 12  # all pairs of 4 cores
    assert all(starts[i]["ts"] <= ends[i]["ts"] for i in ends)


def test_devices(boot: Starter) -> None:
    """A device that is told of buffers is seen."""
    machine = boot("selftest", append="trace=on trace_events=65536 -- sleepers_in_order")
    machine.expect_end(0, LOAD_HANG_S)
    assert any(kind == "queue" and re.fullmatch(r"\d+ \d+", rest)
               for _, _, kind, rest in dumped(machine))


def test_kept(boot: Starter) -> None:
    """Option trace_events says how many events are kept of each core: the last ones."""
    machine = boot("selftest", net="none",
                   append="trace=on trace_events=128 -- exchange_ping_pong")
    machine.expect_end(0, LOAD_HANG_S)
    events = dumped(machine)
    assert events
    for core in range(4):
        count = sum(of == core for of, _, _, _ in events)
        assert count <= 128
    assert max(sum(of == core for of, _, _, _ in events) for core in range(4)) > 120


def test_off(boot: Starter, tmp_path: pathlib.Path) -> None:
    """Without the option nothing is kept; the command says what is missing."""
    machine = boot("hello", net="none")
    machine.expect_end(0)
    assert dumped(machine) == []
    file = tmp_path / "console.txt"
    file.write_text(machine.console)
    done = subprocess.run([TORIL, "trace", str(file)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "trace=on" in done.stderr


def test_panic(boot: Starter, tmp_path: pathlib.Path) -> None:
    """A panic shows the last events of every core."""
    machine = boot("selftest", net="none", append="trace=on -- fault=panic core=1")
    machine.expect_end(125)
    report = machine.console[machine.console.index("toril: panic: "):]
    assert report.index("other cores:") < report.index("\ntrace: ")
    assert report.rindex("\ntrace: ") < report.index("toril: stopped by a panic")
    events = dumped(machine)
    for core in range(4):
        assert 1 <= sum(of == core for of, _, _, _ in events) <= 16
    assert [rest for core, _, kind, rest in events if core == 1 and kind == "switch"][-1] == "fault"
    turns = [event for event in timeline(machine.console, tmp_path) if event["ph"] == "X"]
    assert any(turn["name"] == "fault" and turn["tid"] == 1 for turn in turns)


MADE_UP = """\
toril: some other line
trace: 1 3000 switch net loop
trace: 0 1000 switch main
trace: 0 2000 send 1 abc0
trace: 1 4000 take 0 abc0
trace: 0 1500 user 7 8
trace: 0 5000 switch loop
trace: 0 5000 switch loop
trace: 1 6000 interrupt 254
trace: 1 7000 take 2 abc0
trace: 0 9000 queue 1 17
trace: 0 9500 timer timer_wakes 9000
trace: 0 9500 timer tim
trace: oops
"""


def test_conversion(tmp_path: pathlib.Path) -> None:
    """A made-up dump, whose broken lines are counted, line by line."""
    file = tmp_path / "console.txt"
    file.write_text(MADE_UP)
    done = subprocess.run([TORIL, "trace", str(file)], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == "trace.py: 2 lines of the trace are broken and left out\n"
    made = json.loads(done.stdout)["traceEvents"]
    turns = [(turn["tid"], turn["name"], turn["ts"], turn["dur"])
             for turn in made if turn["ph"] == "X"]
    assert turns == [(0, "main", 1.0, 4.0), (1, "net loop", 3.0, 6.5), (0, "loop", 5.0, 4.5)]
    marks = [(mark["tid"], mark["ts"], mark["name"]) for mark in made if mark["ph"] == "i"]
    assert marks == [(0, 1.5, "user 7 8"), (0, 2.0, "send to core 1"), (1, 4.0, "take from core 0"),
                     (1, 6.0, "interrupt timer"), (1, 7.0, "take from core 2"),
                     (0, 9.0, "queue 1 17"), (0, 9.5, "timer timer_wakes")]
    arrows = [(event["ph"], event["tid"], event["ts"]) for event in made if event["ph"] in "sf"]
    assert arrows == [("s", 0, 2.0), ("f", 1, 4.0)]

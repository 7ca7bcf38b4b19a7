# SPDX-License-Identifier: MIT
"""Option profile=HZ: what a dump holds, and the flame graph made of it."""

from __future__ import annotations

import pathlib
import re
import subprocess
import xml.etree.ElementTree

from clients import curl
from conftest import LOAD_HANG_S, TORIL, Starter, built

LINE = re.compile(r"^profile: (core(\d);(\S+)) (\d+)$", re.M)
SUMMARY = re.compile(
    r"^profile: core (\d): (\d+) samples at (\d+) Hz, (\d+) halted, (\d+) dropped$", re.M)
SVG = "{http://www.w3.org/2000/svg}"


def convert(text: str, folder: pathlib.Path) -> tuple[dict[str, int], xml.etree.ElementTree.Element]:
    """What `./toril profile` makes of a console's text: the folded stacks, the picture."""
    (folder / "console.txt").write_text(text)
    done = subprocess.run([TORIL, "profile", "console.txt"], cwd=folder, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    stacks = {}
    for line in (folder / "console.folded").read_text().splitlines():
        stack, count = line.rsplit(" ", 1)
        stacks[stack] = int(count)
    return stacks, xml.etree.ElementTree.parse(folder / "console.svg").getroot()


def functions_of(app: str) -> set[str]:
    """The names of an app's functions, as far as the image's table keeps them."""
    names = subprocess.run(["nm", str(built(app) / "toril.elf")], check=True, capture_output=True,
                           text=True).stdout
    return {line.split()[-1][:63] for line in names.splitlines()}


def test_busy_cores(boot: Starter, tmp_path: pathlib.Path) -> None:
    """At the end of main all samples are shown, with the callers of each function up to the root."""
    machine = boot("selftest", net="none", append="profile=997 profile_samples=64 -- "
                   "heap_patterns heap_exhaustion sleepers_in_order")
    machine.expect_end(0, LOAD_HANG_S)
    stacks = [(int(core), stack.split(";"), int(count))
              for stack, core, _, count in LINE.findall(machine.console)]
    assert len({stack for stack, _, _, _ in LINE.findall(machine.console)}) == len(stacks)
    summaries = {int(core): [int(number) for number in rest]
                 for core, *rest in SUMMARY.findall(machine.console)}
    assert set(summaries) == {0, 1, 2, 3}
    for core, (samples, hz, halted, dropped) in summaries.items():
        assert hz == 997
        assert sum(count for of, _, count in stacks if of == core) == samples <= 64
        assert samples > 0 or dropped == 0
        assert halted > 0 or core == 0
    assert summaries[0][0] + summaries[0][3] > 64 and summaries[0][3] > 0, "a full ring drops"
    known = functions_of("selftest") | {"(unknown)", "(deeper)"}
    for _, (_, thread, *functions), _ in stacks:
        assert set(functions) <= known, functions
        roots = {"loop": {"switch_run_on", "trampoline_enter"}}.get(thread, {"switch_first"})
        # Not where a switch was under way: the stack is another thread's then.
        assert len(functions) <= 2 or functions[0] in roots | {"(deeper)"}, functions
    assert any(functions[:4] == ["switch_first", "thread_entry", "part_run", "others_have_memory"]
               and len(functions) > 4 for _, (_, _, *functions), _ in stacks), stacks

    folded, picture = convert(machine.console, tmp_path)
    assert sum(folded.values()) == sum(count for _, _, count in stacks)
    boxes = picture.findall(f"{SVG}g")
    assert {box.get("data-f") for box in boxes} >= {"all cores", "core0", "part", "switch_first"}
    total = next(box for box in boxes if box.get("data-f") == "all cores")
    assert total.get("data-n") == str(sum(folded.values()))
    for box in boxes:
        rect = box.find(f"{SVG}rect")
        assert rect is not None
        assert float(rect.get("x", "-1")) >= 0 and 0 < float(rect.get("width", "0")) <= 1200


def test_key(boot: Starter) -> None:
    """Key `p` shows what came since the last time; a core that halts is not kept awake by it."""
    machine = boot("http", append="profile=499")
    machine.wait_for(r"^Toril is serving ")
    second = ""
    for looks in range(1, 21):  # a request takes less than the time between two samples
        machine.type("p")
        machine.wait_for(r"(?s)" + r"^profile: core 3: .*" * looks)
        if looks > 1:
            second = machine.console.split("profile: core 3: ", looks)[looks - 1]
            if "scheduler_run;" in second and "net_netif" in second:
                break
        curl(*["-o", "/dev/null", f"{machine.url}/hello.txt"] * 200)
    assert "scheduler_run;" in second and "net_netif" in second, machine.console
    halted = {int(core): int(count) for core, _, _, count, _ in SUMMARY.findall(machine.console)}
    assert all(halted[core] > 0 for core in range(4)), machine.console
    machine.stop()


MADE_UP = """\
[    0.001] toril: some other line
profile: core0;main;switch_first;main;work 30
profile: core0;main;switch_first;main;work;memcpy<&> 10
profile: core 0: 40 samples at 99 Hz, 60 halted, 5 dropped
profile: core0;main;switch_first;main;work 2
profile: core1;loop;scheduler_run 3
profile: core 1: 3 samples at 99 Hz, 97 halted, 0 dropped
profile: core1;loop;scheduler_r
"""


def test_conversion(tmp_path: pathlib.Path) -> None:
    """A made-up dump in two parts, a broken line counted; then its folded file again."""
    (tmp_path / "console.txt").write_text(MADE_UP)
    done = subprocess.run([TORIL, "profile", "console.txt"], cwd=tmp_path, capture_output=True,
                          text=True)
    assert done.returncode == 0
    assert done.stderr == "profile.py: 1 lines of the profile are broken and left out\n"
    assert "core 0: 40.0 % busy in 100 looks, 5 samples dropped\n" in done.stdout
    assert re.search(r"^  work +71\.1 % +93\.3 %$", done.stdout, re.M), done.stdout
    assert re.search(r"^  memcpy<&> +22\.2 % +22\.2 %$", done.stdout, re.M), done.stdout
    folded = (tmp_path / "console.folded").read_text()
    assert folded == ("core0;main;switch_first;main;work 32\n"
                      "core0;main;switch_first;main;work;memcpy<&> 10\n"
                      "core1;loop;scheduler_run 3\n")
    picture = xml.etree.ElementTree.parse(tmp_path / "console.svg").getroot()
    widths = {box.get("data-f"): float(box.find(f"{SVG}rect").get("width"))  # type: ignore
              for box in picture.findall(f"{SVG}g")}
    assert round(widths["core0"] / widths["all cores"] * 45, 1) == 42
    assert round(widths["memcpy<&>"] / widths["work"] * 42, 1) == 10
    (tmp_path / "again.folded").write_text(folded)
    done = subprocess.run([TORIL, "profile", "again.folded"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0
    assert (tmp_path / "again.svg").read_text().count("<g ") == len(picture.findall(f"{SVG}g"))


def test_nothing_there(boot: Starter, tmp_path: pathlib.Path) -> None:
    """A console without a profile says which option is missing."""
    file = tmp_path / "console.txt"
    file.write_text("toril: main returned 0\n")
    done = subprocess.run([TORIL, "profile", str(file)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "profile=HZ" in done.stderr
    assert not (tmp_path / "console.svg").exists()

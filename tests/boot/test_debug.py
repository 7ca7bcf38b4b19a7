# SPDX-License-Identifier: MIT
"""What one sees inside: gdb by `./toril debug` and by an editor, and the other cores in a report."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess

import pytest

from conftest import LOAD_HANG_S, ROOT, TORIL, Starter, built, running_with


def debug(folder: pathlib.Path, commands: list[str], *arguments: str) -> str:
    """Runs gdb on a machine by script. Returns: all that was shown, the machine's console too."""
    app = arguments[0]
    image = str(built(app) / "BOOTX64.EFI")
    done = subprocess.run(
        [TORIL, "debug", *arguments, "--image", image, "--net", "none"],
        input="".join(command + "\n" for command in commands), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", timeout=LOAD_HANG_S,
        env={**os.environ, "TMPDIR": str(folder)})
    assert done.returncode == 0, done.stdout
    left = [entry.name for entry in folder.iterdir() if entry.name.startswith("toril")]
    assert left == [], done.stdout
    assert running_with(str(folder)) == []
    return done.stdout.replace("(gdb) ", "")


def value(shown: str, name: str) -> str:
    """What followed `echo NAME=` ... `output`, in a script."""
    found = re.search(rf"<{name}=(.*?)>", shown)
    assert found, f"no {name} in:\n{shown}"
    return found[1]


def show(name: str, expression: str) -> list[str]:
    """Commands that show a value where value() finds it."""
    return [f"echo <{name}=", f"output {expression}", "echo >\\n"]


def test_stop_at_main(tmp_path: pathlib.Path) -> None:
    """Stopped at main, with symbols in the right place: break, step, print; then on to the end."""
    shown = debug(tmp_path, [
        "info threads",
        *show("count", "argc"),
        *show("argument", "*argv[1]@2"),
        *show("pc_is_main", "$pc >= (long)&main && $pc < (long)&main + 64"),
        "next", "next",
        *show("i", "i"),
        "set backtrace past-main on", "backtrace",
        "break power_end",
        "continue",
        *show("status", "status"),
        "continue",
    ], "hello", "--append", "-- 7 more")
    assert re.search(r"Temporary breakpoint 1, .*\bmain \(argc=3,", shown), shown
    assert "at apps/hello.c:" in shown
    assert len(re.findall(r"^[* ] *\d+ +Thread \S+ \(CPU#\d ", shown, re.MULTILINE)) == 4, shown
    assert value(shown, "count") == "3"
    assert '"7"' in value(shown, "argument")
    assert value(shown, "pc_is_main") == "1"
    assert value(shown, "i") == "1"
    assert re.search(r"#0 +main ", shown) and "posix_run_main" in shown and "boot_thread" in shown
    assert "hello from ring 0" in shown
    assert value(shown, "status") == "7"
    assert "toril: main returned 7" in shown


def test_cores(tmp_path: pathlib.Path) -> None:
    """Each core's own copy of a core-local variable, and its threads with their backtraces."""
    commands = ["break fault_panic", "continue"]
    for thread in range(1, 5):
        commands += [f"thread {thread}", *show(f"core{thread}", "core_this_index")]
    commands += ["echo <threads=\\n", "toril threads", "echo >\\n",
                 *show("selected", "core_this_index"), "kill"]
    shown = debug(tmp_path, commands, "selftest", "--append", "-- fault=panic core=2")
    assert [value(shown, f"core{thread}") for thread in range(1, 5)] == ["0", "1", "2", "3"]
    listing = shown[shown.index("<threads="):]
    cores = {int(core): text for core, text in
             re.findall(r"^core (\d), gdb's thread \d+:\n((?:  .*\n)+)", listing, re.MULTILINE)}
    assert set(cores) == {0, 1, 2, 3}, listing
    assert re.search(r'  "main" at 0x[0-9a-f]+, (?:blocked|waiting|ready|running)\n', cores[0]), cores[0]
    main = cores[0][cores[0].index('"main"'):]
    for function in (r"thread_\w+", "fault_commit", "posix_run_main", "boot_thread"):
        assert re.search(rf"^    #\d+ 0x[0-9a-f]+ {function} at ", main, re.MULTILINE), main
    assert re.search(r'  "fault" at 0x[0-9a-f]+, running\n    #0 0x[0-9a-f]+ fault_panic at apps/'
                     r'selftest/faults.c:\d+\n    #1 0x[0-9a-f]+ fault_thread at', cores[2]), cores[2]
    for core in (1, 3):
        assert re.search(r'  "loop" at 0x[0-9a-f]+, running\n', cores[core]), cores[core]
    assert re.search(r'  "loop" at 0x[0-9a-f]+, ready\n(?:    #.*\n)*    #\d+ 0x[0-9a-f]+ '
                     r'scheduler_run at ', cores[2]), cores[2]
    assert value(shown, "selected") == "3"  # as it was before


def test_editor(tmp_path: pathlib.Path) -> None:
    """What .vscode/launch.json tells an editor does the same, over gdb's machine interface."""
    built("hello")
    text = re.sub(r"^\s*//.*$", "", (ROOT / ".vscode/launch.json").read_text(), flags=re.MULTILINE)
    configuration = json.loads(text)["configurations"][0]
    assert configuration["type"] == "cppdbg" and configuration["MIMode"] == "gdb"

    def fill(line: str) -> str:
        return line.replace("${workspaceFolder}", str(ROOT)).replace("${input:app}", "hello")

    program = pathlib.Path(fill(configuration["program"]))
    assert program.is_file()
    script = [f"-file-exec-and-symbols {program}"]
    script += [fill(command["text"]) for command in configuration["customLaunchSetupCommands"]]
    script = [f"{line} --net none" if line.startswith("toril start") else line for line in script]
    script += ["-thread-info", "-stack-list-frames", "-exec-next", "kill", "-gdb-exit"]
    gdb = subprocess.Popen(["gdb", "-q", "--interpreter=mi2"], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, text=True, cwd=tmp_path, errors="replace",
                           env={**os.environ, "TMPDIR": str(tmp_path)})
    shown, _ = gdb.communicate("".join(line + "\n" for line in script), timeout=LOAD_HANG_S)
    assert re.search(r'\*stopped,.*func="main",.*fullname="[^"]*/apps/hello.c"', shown), shown
    assert len(re.findall(r'target-id="Thread', shown)) >= 4, shown
    assert re.search(r'\^done,stack=\[frame=\{level="0",[^}]*func="main"', shown), shown
    assert running_with(str(tmp_path)) == []


def test_wrong_use(tmp_path: pathlib.Path) -> None:
    """A machine that cannot start is said, and gdb ends."""
    done = subprocess.run([TORIL, "debug", "hello", "--net", "none", "--qemu", "-device no-such-device"],
                          input="", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=LOAD_HANG_S)
    assert "no-such-device" in done.stdout
    assert "the machine ended before it could wait for gdb" in done.stdout


# ---- the other cores in a report -----------------------------------------------------------------

def other_cores(console: str) -> str:
    """The part of a report that tells of the cores that did not make it."""
    found = re.search(r"^other cores:\n(.*)\ntoril: stopped by a (?:panic|fault)$", console,
                      re.MULTILINE | re.DOTALL)
    assert found, console
    return found[1]


@pytest.mark.parametrize("cores", [2, 8])
def test_report_of_idle_cores(boot: Starter, cores: int) -> None:
    """Cores that halt in the same place are told together, each once."""
    machine = boot("selftest", smp=cores, net="none", append="-- fault=panic core=1")
    machine.expect_end(125)
    others = other_cores(machine.console)
    assert "does not answer" not in others
    heads = [line for line in others.split("\n") if line.startswith("core ")]
    named = [int(core) for head in heads for core in re.findall(r"core (\d+)", head)]
    assert sorted(named) == [core for core in range(cores) if core != 1], others
    # Core 0 may be at what the boot left for later.
    assert all(head.endswith(', thread "loop":') for head in heads if "core 0" not in head), others
    assert len(heads) <= 3, others
    assert "bringup_core_main+0x" in others or cores == 2
    # One may have been about to wake: on the stack of interrupts, where there is no more to tell.
    loops = re.findall(r"scheduler_run\+0x|thread_entry\+0x|vector_entries\+0x", others)
    assert len(loops) == len(heads), others


@pytest.mark.parametrize("core", [0, 3])
def test_report_of_busy_cores(boot: Starter, core: int) -> None:
    """A core that spins is told with its thread and how it got there."""
    machine = boot("selftest", net="none", append=f"-- fault=busy core={core}")
    machine.expect_end(125)
    assert machine.find(r"fault_busy\+0x[0-9a-f]+$")
    others = other_cores(machine.console)
    heads = [line for line in others.split("\n") if line.startswith("core ")]
    named = sorted(int(one) for head in heads for one in re.findall(r"core (\d+)", head))
    assert named == [one for one in range(4) if one != core], others
    assert all('thread "spinner":' in head for head in heads), others
    assert len(re.findall(r"^  [0-9a-f]{16}  fault_spin\+0x", others, re.MULTILINE)) == len(heads)
    assert len(re.findall(r"  thread_entry\+0x", others)) == len(heads), others


def test_report_of_an_interrupt(boot: Starter) -> None:
    """A backtrace goes through the interrupt to what it interrupted."""
    machine = boot("selftest", smp=1, net="none", append="-- fault=interrupt core=0")
    machine.expect_end(125)
    report = machine.console[machine.console.index("toril: panic: "):]
    assert re.search(r"fault_in_handler\+0x.*\n.*interrupt_dispatch\+0x.*\n(?:.*\n)?"
                     r".*fault_interrupt\+0x[0-9a-f]+, interrupted\n.*fault_thread\+0x", report), report
    assert "other cores:" not in report

# SPDX-License-Identifier: MIT
"""The command itself: what it says, its statuses, and that it leaves nothing behind."""

from __future__ import annotations

import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import termios

import pytest

from conftest import HANG_S, ROOT, TORIL, Starter, built


def toril(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end."""
    return subprocess.run([TORIL, *arguments], capture_output=True, text=True, timeout=HANG_S)


def test_help_fits_a_screen() -> None:
    """24 lines of 80 columns."""
    done = toril("help")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


WRONG = [
    ["run", "--bogus"],
    ["run", "no-such-app"],
    ["run", "hello", "--smp"],
    ["run", "hello", "--smp", "0"],
    ["run", "hello", "--smp", "four"],
    ["run", "hello", "--memory", "1"],
    ["run", "hello", "--net", "wifi"],
    ["run", "hello", "--port", "80"],
    ["run", "hello", "--port", "0:80"],
    ["run", "hello", "--port", "8080:99999"],
    ["run", "hello", "--net", "none", "--port", "8080:80"],
    ["run", "hello", "--disk", "/no/such/file"],
    ["run", "hello", "--accel", "warp"],
    ["run", "hello", "--timeout", "soon"],
    ["run", "hello", "--console", "/no/such/folder/file"],
    ["run", "hello", "more"],
    ["build"],
    ["build", "no-such-app"],
    ["test", "everything"],
    ["test", "unit", "-k"],
    ["no-such-command"],
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_wrong_use(arguments: list[str]) -> None:
    """One clear line and status 2."""
    done = toril(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"toril: .*\n", done.stderr), done.stderr


def test_port_taken() -> None:
    """A port that is in use is said at once."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        done = toril("run", "hello", "--port", f"{port}:80")
    assert done.returncode == 2
    assert re.fullmatch(rf"toril: port {port} .*taken.*\n", done.stderr), done.stderr


def leftovers(folder: pathlib.Path) -> list[str]:
    """What machines that ended left in their folder for temporary files."""
    return [entry.name for entry in folder.iterdir() if entry.name.startswith("toril.")]


def running_with(text: str) -> list[str]:
    """Command lines of processes that name `text`."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if text in command:
            found.append(command)
    return found


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal(boot: Starter, tmp_path: pathlib.Path, number: signal.Signals,
                status: int) -> None:
    """A signal ends the machine: nothing runs on, nothing stays on disk."""
    machine = boot("hello", net="none", append="exit=halt", inside=["env", f"TMPDIR={tmp_path}"])
    machine.wait_for(r"toril: main returned 0")
    assert leftovers(tmp_path)
    machine.send_signal(number)
    machine.expect_end(status)
    assert leftovers(tmp_path) == []
    assert running_with(str(tmp_path)) == []


def test_ctrl_c(tmp_path: pathlib.Path) -> None:
    """On a terminal Ctrl-C ends the machine and leaves the terminal's settings as they were."""
    image = built("hello") / "BOOTX64.EFI"
    try:
        child, terminal = pty.fork()
    except OSError as error:
        pytest.skip(f"no pseudo-terminal here: {error}")
    if child == 0:
        os.environ["TMPDIR"] = str(tmp_path)
        os.execv(TORIL, [TORIL, "run", "hello", "--image", str(image), "--net", "none",
                         "--append", "exit=halt", "--timeout", str(HANG_S)])
    before = termios.tcgetattr(terminal)
    shown = b""
    while b"main returned" not in shown:
        shown += os.read(terminal, 4096)
    os.write(terminal, b"\x03")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 130
    assert termios.tcgetattr(terminal) == before
    assert leftovers(tmp_path) == []
    assert running_with(str(tmp_path)) == []
    os.close(terminal)


def test_timeout(boot: Starter) -> None:
    """A machine that does not end is ended after --timeout, with status 124."""
    machine = boot("hello", net="none", append="exit=halt", more=["--timeout", "15"])
    machine.expect_end(124)
    assert machine.find(r"^toril: no end after 15 s"), machine.console


def test_unexpected_end(boot: Starter) -> None:
    """QEMU that cannot start is status 126, with QEMU's own words."""
    machine = boot("hello", net="none", qemu="-device no-such-device")
    machine.expect_end(126)
    assert machine.find(r"no-such-device"), machine.console


def test_side_by_side(boot: Starter) -> None:
    """Machines that run at the same time do not disturb each other."""
    machines = [boot("hello", net="none", append=f"-- {status}") for status in (1, 2, 3)]
    for status, machine in enumerate(machines, start=1):
        machine.expect_end(status)


def test_console_file(boot: Starter, tmp_path: pathlib.Path) -> None:
    """--console keeps the console's text."""
    file = tmp_path / "a console, kept"
    boot("hello", net="none", more=["--console", str(file)]).expect_end(0)
    assert "hello from ring 0\n" in file.read_text()


def test_build_results() -> None:
    """What `./toril build` leaves."""
    folder = built("hello")
    assert (folder / "BOOTX64.EFI").read_bytes()[:2] == b"MZ"
    assert (folder / "toril.elf").read_bytes()[:4] == b"\x7fELF"
    assert "kernel_main" in (folder / "toril.map").read_text()
    assert folder.parent == ROOT / "build"

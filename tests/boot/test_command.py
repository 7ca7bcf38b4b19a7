# SPDX-License-Identifier: MIT
"""The command itself: what it says, its statuses, and that it leaves nothing behind."""

from __future__ import annotations

import os
import pathlib
import pty
import re
import shlex
import shutil
import signal
import socket
import subprocess
import termios

import pytest

from conftest import HANG_S, ROOT, TORIL, Starter, built, running_with


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
    ["run", "hello", "--card", "ne2000"],
    ["run", "hello", "--net", "none", "--card", "e1000"],
    ["run", "hello", "--net", "none", "--net", "user"],
    ["run", "hello", "--card", "e1000", "--card", "e1000e"],
    ["run", "hello", "--port", "80"],
    ["run", "hello", "--port", "0:80"],
    ["run", "hello", "--port", "8080:99999"],
    ["run", "hello", "--port", "8080:80/sctp"],
    ["run", "hello", "--net", "none", "--port", "8080:80"],
    ["run", "hello", "--disk", "/no/such/file"],
    ["run", "hello", "--accel", "warp"],
    ["run", "hello", "--timeout", "soon"],
    ["run", "hello", "--console", "/no/such/folder/file"],
    ["run", "hello", "more"],
    ["run", "hello", "--image", "/no/such/file"],
    ["run", "hello", "--image", str(ROOT / "README.md")],
    ["build"],
    ["build", "no-such-app"],
    ["build", "./no-such-app"],
    ["build", "README.md"],
    ["build", "/"],
    ["debug", "no-such-app"],
    ["debug", "hello", "--smp", "0"],
    ["debug", "hello", "--image", "/no/such/file"],
    ["bench", "yields", "many"],
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


@pytest.mark.parametrize("kind, protocol", [(socket.SOCK_STREAM, ""), (socket.SOCK_DGRAM, "/udp")])
def test_port_taken(kind: socket.SocketKind, protocol: str) -> None:
    """A port that is in use is said at once."""
    with socket.socket(type=kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        done = toril("run", "hello", "--port", f"{port}:80{protocol}")
    assert done.returncode == 2
    assert re.fullmatch(rf"toril: port {port} .*taken.*\n", done.stderr), done.stderr


def leftovers(folder: pathlib.Path) -> list[str]:
    """What machines that ended left in their folder for temporary files."""
    return [entry.name for entry in folder.iterdir() if entry.name.startswith("toril.")]


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


# Stands in for QEMU: notes each machine's arguments as a line, in shell quotes. A machine to probe
# KVM with speaks if $KVM says so, and goes on until it is ended; any other is one whose main returned.
FAKE_QEMU = r"""#!/bin/bash
if [ "$1" = --version ]; then echo "QEMU emulator version $VERSION"; exit; fi
printf '%q ' "$@" >>"$MACHINES"; echo >>"$MACHINES"
for word; do
    case $word,$KVM in
    file:*/probe,works) echo hello >"${word#file:}"; exec sleep 1000 ;;
    file:*/probe,*) echo "failed to initialize kvm" >&2; exit 1 ;;
    esac
done
echo "[    0.001] toril: main returned 0"
exit 1
"""


class FakeHost:
    """A copy of the command, so that what it remembers stays apart, and a QEMU of ours."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self._machines = folder / "machines"
        (folder / "bin").mkdir()
        qemu = folder / "bin/qemu-system-x86_64"
        qemu.write_text(FAKE_QEMU)
        qemu.chmod(0o755)
        shutil.copy(TORIL, folder / "toril")
        (folder / "tools").symlink_to(pathlib.Path(TORIL).parent / "tools")

    def run(self, *arguments: str, kvm: str = "", version: str = "1") -> tuple[str, list[list[str]]]:
        """Runs a machine. Returns: what the command said, and the arguments of each QEMU."""
        self._machines.write_text("")
        done = subprocess.run(
            [self.folder / "toril", "run", "--image", str(built("hello") / "BOOTX64.EFI"),
             "--net", "none", *arguments], capture_output=True, text=True, timeout=HANG_S,
            env={**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "KVM": kvm,
                 "VERSION": version, "MACHINES": str(self._machines), "TMPDIR": str(self.folder)})
        assert done.returncode == 0, done.stderr
        return done.stderr, list(map(shlex.split, self._machines.read_text().splitlines()))


@pytest.fixture
def fake_host(tmp_path: pathlib.Path) -> FakeHost:
    """A host whose QEMU the test makes up."""
    return FakeHost(tmp_path)


@pytest.fixture
def kvm_host(fake_host: FakeHost) -> FakeHost:
    """The same, where the device that KVM is reached by is there."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        pytest.skip("this host has no /dev/kvm that can be opened")
    return fake_host


def accelerator(arguments: list[str]) -> str:
    """What a QEMU with these arguments uses; it is always named."""
    return arguments[arguments.index("-accel") + 1]


def test_accel_kvm(kvm_host: FakeHost) -> None:
    """Where a firmware speaks under KVM, the machine gets it; the proof is kept, nothing runs on."""
    said, (probe, machine) = kvm_host.run(kvm="works")
    assert said == "toril: KVM\n"
    assert (accelerator(probe), accelerator(machine)) == ("kvm", "kvm")
    assert machine[machine.index("-cpu") + 1] == "max"
    assert any("OVMF_CODE" in word for word in probe)
    said, (machine,) = kvm_host.run(kvm="works")
    assert (said, accelerator(machine)) == ("toril: KVM\n", "kvm")
    assert leftovers(kvm_host.folder) == []
    assert running_with(str(kvm_host.folder)) == []


def test_accel_kvm_fails(kvm_host: FakeHost) -> None:
    """Where none does, the machine gets TCG, and it is said; another QEMU is tried anew."""
    for tries in (2, 1):
        said, machines = kvm_host.run(kvm="fails")
        assert len(machines) == tries
        assert accelerator(machines[-1]) == "tcg"
        assert re.fullmatch(r"toril: TCG: .*firmware does not start.*\n", said), said
    said, machines = kvm_host.run(kvm="works", version="2")
    assert [accelerator(machine) for machine in machines] == ["kvm", "kvm"]
    assert said == "toril: KVM\n"


@pytest.mark.parametrize("accel", ["kvm", "tcg"])
def test_accel_named(fake_host: FakeHost, accel: str) -> None:
    """What --accel names is taken as it is, without a try and without a word."""
    said, (machine,) = fake_host.run("--accel", accel)
    assert (said, accelerator(machine)) == ("", accel)


def test_app_of_ones_own(tmp_path: pathlib.Path) -> None:
    """An app outside of this tree is built and run by its path, blanks in it or not, with its files."""
    folder = tmp_path / "a folder" / "test_app_of_ones_own"
    (folder / "www").mkdir(parents=True)
    (folder / "www" / "index.html").write_text("a page\n")
    (folder / "files" / "deep").mkdir(parents=True)
    (folder / "files" / "deep" / "one file?.txt").write_text("7 files\n")
    (folder / "main.c").write_text("""
        #include <stdio.h>
        #include <string.h>
        #include "own.h"
        #include "http/resources.h"
        #include "kernel/core.h"
        int main(int argc, char **argv)
        {
            int idle;
            http_serve(http_files, http_files_count);
            const struct http_resource *page = http_find("/", 1);
            if (page == NULL || strstr(page->forms[0].full.data, "a page") == NULL)
                return 1;
            int number = 0;
            FILE *file = fopen("deep/one file?.txt", "r");
            if (file == NULL || fscanf(file, "%d files", &number) != 1 || number != 7)
                return 2;
            fwrite("any \\377 bytes\\0 ", 1, 13, stdout);
            return argc + OWN + (int)core_count();
        }""")
    (folder / "own.h").write_text("#define OWN 40\n")
    try:
        done = subprocess.run([TORIL, "run", ".", "--net", "none", "--append", "-- 1 2"],
                              cwd=folder, capture_output=True, text=True, errors="replace",
                              timeout=HANG_S)
        assert done.returncode == 3 + 40 + 4, done.stdout + done.stderr
        assert "unused variable" in done.stderr
        assert "with test_app_of_ones_own, at" in done.stdout
    finally:
        (ROOT / "build/apps/test_app_of_ones_own").unlink(missing_ok=True)
        shutil.rmtree(ROOT / "build/test_app_of_ones_own", ignore_errors=True)


def test_thread_local_variables(tmp_path: pathlib.Path) -> None:
    """No register leads to variables of a thread: who has some is told when the app is linked."""
    folder = tmp_path / "test_thread_local_variables"
    folder.mkdir()
    (folder / "main.c").write_text(
        "_Thread_local int first, second = 2;\nint main(void) { return first++ + second++; }\n")
    try:
        done = toril("build", str(folder))
        assert done.returncode != 0
        assert "_Thread_local" in done.stderr and "PERCORE" in done.stderr, done.stderr
    finally:
        (ROOT / "build/apps" / folder.name).unlink(missing_ok=True)
        shutil.rmtree(ROOT / "build" / folder.name, ignore_errors=True)


def test_what_is_not_there(tmp_path: pathlib.Path) -> None:
    """What an app asks for in vain is said when it is linked."""
    folder = tmp_path / "test_what_is_not_there"
    folder.mkdir()
    (folder / "one.c").write_text("void *dlopen(const char *, int); int other(void);\n"
                                  "int main(void) { return other() + (dlopen(0, 0) != 0); }\n")
    try:
        done = toril("build", str(folder))
        assert done.returncode != 0
        for said in (" other: neither in the app", " dlopen: nothing is loaded"):
            assert said in done.stderr, done.stderr
    finally:
        (ROOT / "build/apps" / folder.name).unlink(missing_ok=True)
        shutil.rmtree(ROOT / "build" / folder.name, ignore_errors=True)


def test_build_results() -> None:
    """What `./toril build` leaves."""
    folder = built("hello")
    assert (folder / "BOOTX64.EFI").read_bytes()[:2] == b"MZ"
    assert (folder / "toril.elf").read_bytes()[:4] == b"\x7fELF"
    assert "kernel_main" in (folder / "toril.map").read_text()
    assert folder.parent == ROOT / "build"

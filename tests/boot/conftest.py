# SPDX-License-Identifier: MIT
"""Boot tests: machines run by `./toril run`, their consoles read line by line.

Every time-out here is a hang detector, many times longer than a slow host needs.
"""

from __future__ import annotations

import functools
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TORIL = str(ROOT / "toril")
HANG_S = 120
LOAD_HANG_S = 300

# A job in the background of a script has SIGINT ignored, a shell cannot trap what was ignored when it
# began, and the machines are to be stopped as from a terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ask_monitor(path: pathlib.Path, command: str) -> str:
    """Gives QEMU's monitor, a socket, one command, and then ends QEMU. Returns: what it said."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(f"{command}\nquit\n".encode())
        said = b""
        while part := connection.recv(4096):
            said += part
    return said.decode(errors="replace")


def press_power_button(monitor: pathlib.Path) -> None:
    """Has QEMU press the machine's power button; it says so once it did."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(monitor))
        connection.sendall(b"system_powerdown\n")
        said = b""
        while said.count(b"(qemu) ") < 2 and (part := connection.recv(4096)):
            said += part


@functools.cache
def build(app: str) -> str:
    """Builds an app, once a test run. Returns: what went wrong, or nothing."""
    done = subprocess.run([TORIL, "build", app], stderr=subprocess.PIPE, text=True)
    return done.stderr if done.returncode != 0 else ""


def built(app: str) -> pathlib.Path:
    """The folder with the app's BOOTX64.EFI, toril.elf and toril.map."""
    wrong = build(app)
    assert not wrong, f"./toril build {app}:\n{wrong}"
    return ROOT / "build" / app


class Machine:
    """One machine: its console so far, its end, and the host's way to its port 80."""

    def __init__(self, command: Sequence[str], port: int | None) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def lines(self) -> list[str]:
        """The console's lines so far, those of the command between them."""
        with self._changed:
            return list(self._lines)

    @property
    def console(self) -> str:
        """The console's text so far."""
        return "\n".join(self.lines)

    def find(self, pattern: str) -> re.Match[str] | None:
        """The first place on the console so far that matches, or None."""
        return re.search(pattern, self.console, re.MULTILINE)

    def wait_for(self, pattern: str, hang_s: float = HANG_S) -> re.Match[str]:
        """Waits until the console shows `pattern`; fails when the machine ends without it."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self.find_locked(pattern), hang_s)
            found = self.find_locked(pattern)
        assert found, f"the console never showed {pattern!r}:\n{self.console}"
        return found

    def find_locked(self, pattern: str) -> re.Match[str] | None:
        """As find(), for who holds the lock."""
        return re.search(pattern, "\n".join(self._lines), re.MULTILINE)

    def wait_end(self, hang_s: float = HANG_S) -> int:
        """Waits for the machine's end. Returns: the status of `./toril run`."""
        try:
            status = self._process.wait(hang_s)
        except subprocess.TimeoutExpired:
            self.stop()
            pytest.fail(f"the machine did not end:\n{self.console}")
        self._reader.join(HANG_S)
        return status

    def expect_end(self, status: int, hang_s: float = HANG_S) -> None:
        """Waits for the machine's end, which must have this status."""
        ended_with = self.wait_end(hang_s)
        assert ended_with == status, f"ended with {ended_with}, not {status}:\n{self.console}"

    def type(self, keys: str) -> None:
        """Types at the machine's console."""
        assert self._process.stdin is not None
        self._process.stdin.write(keys)
        self._process.stdin.flush()

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal to the command that runs the machine."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """Ends the machine, if it still runs."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(HANG_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._reader.join(HANG_S)


class Starter:
    """Starts machines, and knows them all."""

    def __init__(self, folder: Callable[[], pathlib.Path]) -> None:
        self._folder = folder
        self._machines: list[Machine] = []

    def __call__(self, app: str, *, smp: int = 4, memory: int = 512, net: str = "user",
                 append: str = "", cfg: str | None = None, machine: str = "q35",
                 firmware: str | None = None, serial: bool = True, shell: bool = False,
                 qemu: str = "", more: Sequence[str] = (),
                 inside: Sequence[str] = ()) -> Machine:
        """Boots an app. `cfg` is text for toril.cfg; `inside` a command to run the machine in."""
        command = [*inside, TORIL, "run", app, "--image", str(built(app) / "BOOTX64.EFI"),
                   "--smp", str(smp), "--memory", str(memory), "--net", net,
                   "--machine", machine, *more]
        port = None
        if net == "user":
            port = free_port()
            command += ["--port", f"{port}:80"]
        if append:
            command += ["--append", append]
        if cfg is not None:
            files = self._folder()
            (files / "toril.cfg").write_text(cfg)
            command += ["--files", str(files)]
        if firmware is not None:
            command += ["--firmware", firmware]
        if not serial:
            command += ["--no-serial"]
        if shell:
            command += ["--shell"]
        if qemu:
            command += ["--qemu", qemu]
        started = Machine(command, port)
        self._machines.append(started)
        return started

    @property
    def started(self) -> int:
        """How many so far."""
        return len(self._machines)

    def stop(self, first: int = 0) -> None:
        """Ends those machines that were started after the first ones."""
        for machine in self._machines[first:]:
            machine.stop()


@pytest.fixture(scope="module")
def boot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Starts machines. One that a test starts ends with it; a fixture's, with the last test of the file."""
    starter = Starter(lambda: tmp_path_factory.mktemp("files"))
    yield starter
    starter.stop()


@pytest.fixture(autouse=True)
def end_with_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Ends what a test started, though it failed: the next one wants the tap device."""
    starter = request.getfixturevalue("boot") if "boot" in request.fixturenames else None
    before = starter.started if starter else 0
    yield
    if starter:
        starter.stop(before)


@pytest.fixture(scope="module")
def http(boot: Starter) -> Machine:
    """A web server with four cores that answered its first request."""
    machine = boot("http")
    machine.wait_for(r"^Toril is serving ")
    return machine


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


class Namespace:
    """A network of its own: tap devices, this side at .1 of each, nobody else on them."""

    def __init__(self) -> None:
        # It lasts as long as this process, which says when it is inside. No mount is needed.
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._holder.stdout is not None
        self.usable = self._holder.stdout.readline() != b""
        self.inside = ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net"]

    def create(self) -> None:
        """Makes the tap devices: tap0, and tap1 with many queues and 10.78.0.1/24."""
        assert self.usable, "unshare --net failed"
        for words in ("tuntap add tap0 mode tap", "address add 10.77.0.1/24 dev tap0",
                      "link set tap0 up", "tuntap add tap1 mode tap multi_queue",
                      "address add 10.78.0.1/24 dev tap1", "link set tap1 up"):
            self.run(["ip", *words.split()])

    def run(self, command: Sequence[str], hang_s: float = HANG_S) -> str:
        """Runs a command in it, which must succeed. Returns: its output."""
        done = subprocess.run([*self.inside, *command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=hang_s)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}"
        return done.stdout

    def delete(self) -> None:
        """Lets it go."""
        self._holder.kill()
        self._holder.wait()


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    """A network namespace with a tap device; tests are skipped where none can be made."""
    if os.geteuid() != 0:
        pytest.skip("a network namespace with a tap device needs root")
    if not os.path.exists("/dev/net/tun"):
        pytest.skip("this host has no /dev/net/tun for a tap device")
    made = Namespace()
    try:
        made.create()
    except AssertionError as why:
        made.delete()
        pytest.skip(f"this host makes no network namespace with a tap device: {why}")
    yield made
    made.delete()

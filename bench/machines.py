# SPDX-License-Identifier: MIT
"""Machines to be measured, one at a time, and the load on them. For a network namespace of our own.

All go through `./toril run`, so that they differ in nothing but the image.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from types import FrameType, TracebackType
from typing import IO

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/bench"
HOST, GUEST, GUEST_MAC = "192.0.2.2", "192.0.2.15", "52:54:00:12:34:56"
PATH = "/hello.txt"
HAND_OVER = "BdsDxe: starting"  # OVMF's last word, when it has loaded the image
NO_HAND_OVER = "No bootable option"  # too little memory
HANG_S = 60  # of every step: a hang detector
END_S = 15  # a machine that is told to end has ended
LIFE_S = 600  # no machine is needed for longer
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


class Failed(Exception):
    """A machine that does not serve, or a tool that does not measure."""


@dataclasses.dataclass
class Shape:
    """What a machine is made of."""

    cores: int = 1
    memory_mib: int = 512
    card: str = "virtio"
    counted: bool = False  # by build/bench/count.so
    rss: bool = False
    netdev: str = ""  # QEMU's, called `line`, in place of a tap device


@dataclasses.dataclass
class Load:
    """What wrk measured."""

    requests: int
    per_s: float
    p99_s: float


def end_in_order() -> None:
    """From now on Ctrl-C, SIGTERM and SIGHUP end the script with SystemExit, and its machine first."""

    def end(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


def run(*command: str, hang_s: float = HANG_S) -> str:
    """Runs a tool that must succeed. Returns: its output."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=hang_s)
    except subprocess.TimeoutExpired as why:
        raise Failed(f"{command[0]}: no end after {hang_s:.0f} s") from why
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stdout.strip()}")
    return done.stdout


def busy_share(seconds: float = 0.5) -> float:
    """How much of this host's CPUs others use, of 1, while we wait. Spec: proc(5), /proc/stat."""

    def times() -> list[int]:
        return [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]

    before = times()
    time.sleep(seconds)
    spent = [after - was for after, was in zip(times(), before)]
    return 1 - (spent[3] + spent[4]) / max(1, sum(spent))  # idle, and waiting for disks


def make_tap(queues: bool) -> None:
    """A new tap0; with queues, a card gets a pair for each core."""
    subprocess.run(["ip", "link", "delete", "tap0"], stderr=subprocess.DEVNULL)
    for words in (f"tuntap add dev tap0 mode tap {'multi_queue' if queues else ''}",
                  f"address add {HOST}/24 dev tap0", "link set tap0 txqueuelen 1000 up",
                  f"neigh replace {GUEST} lladdr {GUEST_MAC} dev tap0 nud permanent"):
        run("ip", *words.split())


def qemu_options(shape: Shape) -> list[str]:
    """The same for all systems, beside those that `./toril run` has options for."""
    # A single virtual core of QEMU 7.2 drops fences, and a notification with them now and then if
    # there is an event index; and it runs `rep movsb` byte by byte.
    options = ["-cpu max,-erms,-fsrm"]
    if shape.cores == 1:
        options.append("-global virtio-net-pci.event_idx=off")
    if shape.rss:
        options.append("-global virtio-net-pci.rss=on")
    if shape.netdev:
        options.append(f"{shape.netdev} -device virtio-net-pci,netdev=line,romfile=,mac={GUEST_MAC}")
    return options


class Machine:
    """A machine that runs, from its start to the end of the `with`."""

    def __init__(self, image: pathlib.Path, shape: Shape, append: str = "") -> None:
        if not shape.netdev:
            make_tap(shape.cores > 1)
        self.handed_over_s: float | None = None
        self.console = ""
        self._counts_file: IO[bytes] | None = None
        qemu = qemu_options(shape)
        if shape.counted:
            self._counts_file = tempfile.NamedTemporaryFile(prefix="toril-count.")
            qemu.append(f"-plugin {BUILD / 'count.so'},to={self._counts_file.name}")
        # It ends by itself even if this script is killed.
        command = ["setpriv", "--pdeathsig", "TERM", str(ROOT / "toril"), "run", "--image", str(image),
                   "--timeout", str(LIFE_S), "--smp", str(shape.cores), "--memory", str(shape.memory_mib),
                   *(("--net", "none") if shape.netdev else ("--net", "tap=tap0", "--card", shape.card)),
                   "--accel", "tcg,thread=single" if shape.counted else "auto",
                   "--append", f"ip={GUEST}/24,gw={HOST} plain_http=on {append}", "--qemu", " ".join(qemu)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, text=True, errors="replace",
                                         start_new_session=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if HAND_OVER in line and self.handed_over_s is None:
                self.handed_over_s = time.monotonic()
            self.console += line

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)  # its session is its own
            self._process.wait()
        self._reader.join()
        if self._counts_file:
            self._counts_file.close()

    def runs(self) -> bool:
        """It has not ended by itself."""
        return self._process.poll() is None

    def wait_handed_over(self, hang_s: float = HANG_S) -> float | None:
        """Waits until the firmware is done. Returns: when that was, None if it never is."""
        deadline_s = time.monotonic() + hang_s
        while self.handed_over_s is None and self.runs() and time.monotonic() < deadline_s:
            if NO_HAND_OVER in self.console:
                break
            time.sleep(0.002)
        return self.handed_over_s

    def wait_served(self, hang_s: float = HANG_S) -> float | None:
        """Waits for the first 200. Returns: seconds since the firmware was done, None if it never comes."""
        began_s = self.wait_handed_over(hang_s)
        if began_s is None:
            return None
        while self.runs() and time.monotonic() < began_s + hang_s:
            if answers():
                return time.monotonic() - began_s
        return None

    def require_served(self, hang_s: float = HANG_S) -> float:
        """As wait_served(), but a machine that does not serve has failed."""
        took_s = self.wait_served(hang_s)
        if took_s is None:
            raise Failed(f"does not serve; its console:\n{self.console.strip()}")
        return took_s

    def counts(self) -> tuple[int, int]:
        """Instructions executed so far, and locked ones."""
        assert self._counts_file is not None
        return struct.unpack("=QQ", pathlib.Path(self._counts_file.name).read_bytes())


def answers() -> bool:
    """The machine answers a request with 200, at once."""
    with socket.socket() as client:
        client.settimeout(0.01)  # while nobody is there the first packet is lost: try again soon
        try:
            client.connect((GUEST, 80))
            client.settimeout(1)
            client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: {GUEST}\r\nConnection: close\r\n\r\n".encode())
            return client.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            time.sleep(0.001)
            return False


def wrk(connections: int, seconds: float, close: bool = False) -> Load:
    """Loads the machine from one thread of the host."""
    more = ["-H", "Connection: close"] if close else []
    said = run("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s", "--latency", *more,
               f"http://{GUEST}{PATH}", hang_s=seconds + HANG_S)
    if wrong := re.search(r"Socket errors:.*|Non-2xx.*", said):
        # wrk counts as read errors the ends of connections that it asked for
        if not close or not re.fullmatch(r"Socket errors: connect 0, read \d+, write 0, timeout 0", wrong[0]):
            raise Failed(f"wrk: {wrong[0]}")
    requests = re.search(r"(\d+) requests in", said)
    per_s = re.search(r"Requests/sec: +([\d.]+)", said)
    p99 = re.search(r"99% +([\d.]+)(us|ms|s|m)", said)
    if not requests or not per_s or not p99 or int(requests[1]) == 0:
        raise Failed(f"wrk: {said}")
    return Load(int(requests[1]), float(per_s[1]), float(p99[1]) * UNITS[p99[2]])


def ping_median_s(*how: str) -> float:
    """Of round trips. How: how many, and when the next is sent, as ping wants it said."""
    trips = re.findall(r"time=([\d.]+) ms", run("ping", *how, GUEST))
    return sorted(float(trip) for trip in trips)[len(trips) // 2] / 1e3


def udp_median_s(count: int = 4000) -> float:
    """Of round trips of 64 bytes, one after the other."""
    return float(run(str(BUILD / "udp_load"), GUEST, "7", str(count), "64").split()[0]) / 1e6


def wait_echo(machine: Machine) -> None:
    """Waits until the echo server answers: its first answer, lost ones left out."""
    if machine.wait_handed_over() is not None:
        for _ in range(10):
            try:
                udp_median_s(1)
                return
            except Failed:
                continue
    raise Failed(f"no echo; its console:\n{machine.console.strip()}")


def metrics() -> str:
    """What Toril says of itself."""
    said = b""
    try:
        with socket.create_connection((GUEST, 80), timeout=10) as client:
            client.sendall(f"GET /metrics HTTP/1.1\r\nHost: {GUEST}\r\nConnection: close\r\n\r\n".encode())
            while part := client.recv(65536):
                said += part
    except OSError as why:
        raise Failed(f"/metrics: {why}") from why
    return said.decode()


def messages_between_cores() -> int:
    """That Toril's cores have sent each other."""
    return sum(int(value) for value in re.findall(r"^toril_exchange_sent\S* (\d+)", metrics(), re.M))

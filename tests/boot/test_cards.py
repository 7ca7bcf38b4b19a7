# SPDX-License-Identifier: MIT
"""The network cards that are not virtio, under the same load, pings and pulled cables."""

from __future__ import annotations

import http.client
import pathlib
import random
import re
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from clients import ask_all_cores, ask_many
from conftest import HANG_S, LOAD_HANG_S, Machine, Namespace, Starter

QUEUES = {"e1000": 1, "e1000e": 2}


@pytest.fixture(scope="module", params=sorted(QUEUES))
def served(boot: Starter, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A web server behind such a card."""
    machine = boot("http", more=["--card", request.param])
    machine.wait_for(r"^Toril is serving ")
    assert machine.find(rf"e1000: {request.param} at \S+: .* link up"), machine.console
    yield machine
    assert not machine.find(r"^toril: (panic|fault): "), machine.console
    assert not machine.find(r"shut off"), machine.console
    machine.stop()


def get(machine: Machine, path: str) -> bytes:
    """What is served at a path."""
    with urllib.request.urlopen(f"{machine.url}{path}", timeout=HANG_S) as answer:
        return answer.read()


def test_many_requests(served: Machine) -> None:
    """10,000 requests on 64 connections: every answer is whole and right."""
    assert served.port
    ask_many(served.port, 10000, 64, get(served, "/hello.txt"))


def test_megabyte(served: Machine) -> None:
    """More than 1 MiB each way on one connection: what comes back says that all arrived, in order."""
    pages = {path: get(served, path) for path in ("/app.js", "/hello.txt", "/logo.svg")}
    chosen = random.Random(1)
    paths, sent, received_bytes = [], b"", 0
    while len(sent) < 1 << 20 or received_bytes < 1 << 20:
        path = chosen.choice([*pages, "/missing"])
        paths.append(path)
        filling = chosen.randbytes(chosen.randrange(1, 700)).hex()
        sent += f"GET {path} HTTP/1.1\r\nHost: t\r\nX-Filling: {filling}\r\n\r\n".encode()
        received_bytes += len(pages.get(path, b""))
    with socket.create_connection(("127.0.0.1", served.port), HANG_S) as connection:
        connection.settimeout(LOAD_HANG_S)
        sender = threading.Thread(target=connection.sendall, args=[sent], daemon=True)
        sender.start()
        stream = connection.makefile("rb")
        for path in paths:
            status = stream.readline()
            body = stream.read(int(http.client.parse_headers(stream)["content-length"]))
            if path == "/missing":
                assert status.startswith(b"HTTP/1.1 404 "), status
            else:
                assert status.startswith(b"HTTP/1.1 200 "), status
                assert body == pages[path]
        sender.join(HANG_S)


def test_idle(served: Machine) -> None:
    """Without work the cores halt, and for long: the card is not looked at all the time."""
    before = figures(served)
    time.sleep(3)  # what is looked at is what happens meanwhile; none of it is compared with time
    after = figures(served)
    halts = after["toril_halts_total"] - before["toril_halts_total"]
    halted_s = after["toril_halted_seconds_total"] - before["toril_halted_seconds_total"]
    assert halts > 0
    assert halted_s / halts > 0.002, (halts, halted_s)


def figures(machine: Machine) -> dict[str, float]:
    """The sums over all cores of /metrics."""
    sums: dict[str, float] = {}
    for name, value in re.findall(r"^(\w+)(?:\{[^}]*\})? (\S+)$", get(machine, "/metrics").decode(),
                                  re.MULTILINE):
        sums[name] = sums.get(name, 0) + float(value)
    return sums


Monitor = Callable[[str], None]


@pytest.fixture(params=sorted(QUEUES))
def on_tap(boot: Starter, namespace: Namespace, request: pytest.FixtureRequest,
           tmp_path: pathlib.Path) -> Iterator[tuple[str, Machine, Monitor]]:
    """The card's name, a web server behind it at 10.77.0.2, and QEMU's monitor."""
    path = str(tmp_path / "monitor")
    machine = boot("http", net="tap=tap0", append="ip=10.77.0.2/24 net_cores=4",
                   inside=namespace.inside,
                   qemu=f"-monitor unix:{path},server,nowait", more=["--card", request.param])
    machine.wait_for(r"http: listening on ")

    def monitor(command: str) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            connection.sendall(f"{command}\n".encode())
            answer = b""
            while answer.count(b"(qemu)") < 2:
                answer += connection.recv(4096)

    yield request.param, machine, monitor
    assert not machine.find(r"^toril: (panic|fault): "), machine.console
    machine.stop()


def test_on_tap(on_tap: tuple[str, Machine, Monitor], namespace: Namespace) -> None:
    """The host's own TCP/IP, which checks what the card summed up, agrees with all that comes."""
    card, machine, monitor = on_tap
    assert machine.find(rf"net: 4 cores serve, {QUEUES[card]} with queues of their own")
    asked = ask_all_cores(namespace, "http://10.77.0.2")
    assert len(asked) == 4 and all(asked.values()), asked
    for size in (10, 1400):
        ping(namespace, size)
    # One frame over two of the card's buffers; the answer comes back in fragments.
    namespace.run(["ip", "link", "set", "tap0", "mtu", "9000"])
    ping(namespace, 3000)
    namespace.run(["ip", "link", "set", "tap0", "mtu", "1500"])

    monitor("set_link net off")
    machine.wait_for(rf"net: {card} at \S+: link down")
    monitor("set_link net on")
    machine.wait_for(rf"net: {card} at \S+: link up")
    ping(namespace, 100)
    assert bad_segments(namespace) == 0


def ping(namespace: Namespace, size_bytes: int) -> None:
    """Three pings that must come back."""
    answer = namespace.run(["ping", "-c", "3", "-i", "0.2", "-w", "60", "-s", str(size_bytes),
                            "10.77.0.2"])
    assert re.search(r"\b[3-9] received", answer), answer


def bad_segments(namespace: Namespace) -> int:
    """How many damaged segments this side's TCP has received."""
    counters = namespace.run(["cat", "/proc/net/snmp"])
    names, values = (line.split() for line in counters.splitlines() if line.startswith("Tcp:"))
    return int(values[names.index("InErrs")])

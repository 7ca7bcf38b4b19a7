# SPDX-License-Identifier: MIT
"""App http with arguments, one machine with all of them; in the end it is asked to stop."""

from __future__ import annotations

import pathlib
import socket

import pytest

from clients import ask_many, curl
from conftest import HANG_S, Machine, Starter, press_power_button

Server = tuple[Machine, pathlib.Path]


@pytest.fixture(scope="module")
def server(boot: Starter, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A web server with a virtual host and an access log, and QEMU's monitor."""
    monitor = tmp_path_factory.mktemp("qemu") / "monitor"
    machine = boot("http", qemu=f"-monitor unix:{monitor},server,nowait",
                   append="-- stop=100 vhost=example.org:example access_log=combined")
    machine.wait_for(r"http: listening on ")
    return machine, monitor


def test_virtual_hosts(server: Server) -> None:
    """A client that asks for another name gets what is in that name's folder, and nothing else."""
    url = server[0].url
    assert "Another host" in curl("-H", "Host: example.org:80", f"{url}/")
    assert "Another host" not in curl(f"{url}/")
    assert "404" == curl("-H", "Host: EXAMPLE.ORG", "-o", "/dev/null", "-w", "%{http_code}",
                         f"{url}/metrics")


def test_access_log(server: Server) -> None:
    """Each request is a line of the console, what the client wrote escaped."""
    machine = server[0]
    curl("-A", 'a"\\b', "-e", "http://x/", "-H", "Range: bytes=0-9", f"{machine.url}/hello.txt")
    machine.wait_for(r'^\S+ - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] '
                     r'"GET /hello\.txt HTTP/1\.1" 206 10 "http://x/" "a\\x22\\x5Cb"$')
    assert machine.port
    ask_many(machine.port, 200, 8, curl(f"{machine.url}/hello.txt").encode())
    curl(f"{machine.url}/last")
    machine.wait_for(r'"GET /last HTTP/1\.1" 404 |the access log has lost \d+ lines')


def test_graceful_stop(server: Server) -> None:
    """It ends idle connections, finishes a request that began, and lets nobody in. The last one."""
    started, monitor = server
    assert started.port
    address = ("127.0.0.1", started.port)
    with socket.create_connection(address, HANG_S) as idle, \
            socket.create_connection(address, HANG_S) as busy:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n")
        assert idle.recv(4096).startswith(b"HTTP/1.1 200 ")
        busy.sendall(b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\nGET /hello.txt HTTP/1.1\r\n")
        assert busy.recv(4096).startswith(b"HTTP/1.1 200 ")
        press_power_button(monitor)
        started.wait_for(r"\] toril: the power button asks for the end; a second time does not wait")
        started.wait_for(r"\] http: nobody is let in any more; answers under way: [12]$")
        assert idle.recv(4096) == b""
        busy.sendall(b"Host: t\r\n\r\n")
        answer = b"".join(iter(lambda: busy.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 200 ") and b"\r\nConnection: close\r\n" in answer
        assert len(answer.split(b"\r\n\r\n", 1)[1]) == 128
    started.expect_end(0)

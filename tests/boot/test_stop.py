# SPDX-License-Identifier: MIT
"""The end of a machine that somebody outside wishes."""

from __future__ import annotations

import pathlib
import socket

import pytest

from conftest import HANG_S, Starter


def press_power_button(monitor: pathlib.Path) -> None:
    """Has QEMU press the machine's power button; it says so once it did."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(monitor))
        connection.sendall(b"system_powerdown\n")
        said = b""
        while said.count(b"(qemu) ") < 2 and (part := connection.recv(4096)):
            said += part


@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_power_button(boot: Starter, tmp_path: pathlib.Path, machine: str) -> None:
    """An app that does not wait for its end is ended at once, in order, on both chipsets."""
    monitor = tmp_path / "monitor"
    started = boot("stress", smp=2, net="none", machine=machine,
                   qemu=f"-monitor unix:{monitor},server,nowait",
                   append="-- messages=1000000000000")
    started.wait_for(r"toril: main after ")
    press_power_button(monitor)
    started.wait_for(r"\] toril: the power button ends the machine$")
    started.expect_end(0)


def test_graceful_stop(boot: Starter, tmp_path: pathlib.Path) -> None:
    """A web server ends idle connections, finishes a request that began, and lets nobody in."""
    monitor = tmp_path / "monitor"
    started = boot("http", qemu=f"-monitor unix:{monitor},server,nowait", append="-- stop=100")
    started.wait_for(r"http: listening on ")
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

# SPDX-License-Identifier: MIT
"""App service: handlers, and the bodies that real clients send them."""

from __future__ import annotations

import os
import pathlib
import socket

import pytest

from clients import curl, talk
from conftest import HANG_S, Machine, Starter


@pytest.fixture(scope="module")
def service(boot: Starter) -> Machine:
    """The service with two cores, after its first answer."""
    machine = boot("service", smp=2)
    machine.wait_for(r"^Toril is serving ")
    return machine


def test_hello(service: Machine) -> None:
    """Parameters and query arrive decoded."""
    assert curl(f"{service.url}/hello/w%C3%B6rld") == "hello, wörld\n"
    assert curl(f"{service.url}/hello/a%2Fb?times=2") == "hello, a/b, and again\n"


def test_refused(service: Machine) -> None:
    """The server itself answers what fits no route."""
    status = ("-o", "/dev/null", "-w", "%{http_code}")
    assert curl(*status, f"{service.url}/hello/") == "404"
    assert curl(*status, "-X", "POST", f"{service.url}/hello/a") == "405"
    answer = talk(service, b"PUT /length HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    assert b"\r\nAllow: POST\r\n" in answer


@pytest.mark.parametrize("coding", ["Content-Length", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("size", [0, 1, 1500, 65536])
def test_bodies(service: Machine, tmp_path: pathlib.Path, coding: str, size: int) -> None:
    """Of every size up to the limit, in both codings."""
    body = tmp_path / "body"
    body.write_bytes(os.urandom(size))
    coded = ["-H", coding] if ":" in coding else []
    assert curl(*coded, "--data-binary", f"@{body}", f"{service.url}/length") == f"{size}\n"


def test_continue(service: Machine, tmp_path: pathlib.Path) -> None:
    """A client that asks first is told to go on, or that its body is too large before it sends it."""
    body = tmp_path / "body"
    body.write_bytes(bytes(60000))
    asking = ("-s", "-i", "-H", "Expect: 100-continue", "--expect100-timeout", "60")
    answer = curl(*asking, "--data-binary", f"@{body}", f"{service.url}/length")
    assert answer.startswith("HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\n"), answer
    body.write_bytes(bytes(65537))
    answer = curl(*asking, "-w", "%{size_upload}", "--data-binary", f"@{body}", f"{service.url}/length")
    assert answer.startswith("HTTP/1.1 413 ") and answer.endswith("\n0"), answer


def test_pipelined(service: Machine) -> None:
    """Requests behind bodies are read where the bodies end."""
    post = b"POST /length HTTP/1.1\r\nHost: t\r\n"
    answer = talk(service, (post + b"Content-Length: 5\r\n\r\nhello"
                            + post + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n") * 50
                  + b"GET /hello/end HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    bodies = [part.split(b"\r\n\r\n", 1)[1] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert bodies == [b"5\n", b"3\n"] * 50 + [b"hello, end\n"]


def test_later(service: Machine) -> None:
    """A handler in a thread may wait; its core goes on meanwhile, and so does the machine when the
    client goes away."""
    assert service.port
    slow = [socket.create_connection(("127.0.0.1", service.port), HANG_S) for _ in range(8)]
    for connection in slow:
        connection.sendall(b"GET /later/2000 HTTP/1.1\r\nHost: t\r\n\r\n")
    assert curl(f"{service.url}/hello/meanwhile") == "hello, meanwhile\n"
    slow.pop().close()
    for connection in slow:
        connection.settimeout(HANG_S)
        assert connection.recv(65536).endswith(b"\r\n\r\nnow\n")
        connection.close()
    assert curl(f"{service.url}/later/1") == "now\n"

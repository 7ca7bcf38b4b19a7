# SPDX-License-Identifier: MIT
"""App http, asked by real clients and by bad ones."""

from __future__ import annotations

import datetime
import email.utils
import pathlib
import re
import socket

import pytest

from clients import ask_many, curl, talk
from conftest import HANG_S, Machine


def test_front_page(http: Machine) -> None:
    """GET / gives a page with its exact length and type."""
    head, body = curl("-i", f"{http.url}/").split("\n\n", 1)  # text mode reads CR LF as LF
    assert head.startswith("HTTP/1.1 200 OK")
    assert re.search(rf"^content-length: {len(body.encode())}$", head, re.I | re.M), head
    assert re.search(r"^content-type: text/html", head, re.I | re.M), head
    assert "Toril" in body


def test_date(http: Machine) -> None:
    """The date is the firmware's clock, which is QEMU's, counted on."""
    head = curl("-I", f"{http.url}/hello.txt")
    date = re.search(r"^date: (.*GMT)", head, re.I | re.M)
    assert date, head
    away = email.utils.parsedate_to_datetime(date[1]) - datetime.datetime.now(datetime.timezone.utc)
    assert abs(away) < datetime.timedelta(hours=1), head


def test_head(http: Machine) -> None:
    """HEAD /hello.txt has the header of GET and no body."""
    head = curl("-I", f"{http.url}/hello.txt")
    assert head.startswith("HTTP/1.1 200 OK")
    assert re.search(r"^content-length: 128\r?$", head, re.I | re.M), head
    answer = talk(http, b"HEAD /hello.txt HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    assert answer.endswith(b"\r\n\r\n")


def test_small_file(http: Machine) -> None:
    """/hello.txt is 128 bytes."""
    assert len(curl(f"{http.url}/hello.txt")) == 128


def test_not_modified(http: Machine) -> None:
    """A client that has the file already is told so, without a body."""
    head = curl("-I", f"{http.url}/hello.txt")
    tag = re.search(r'^etag: ((?:W/)?"[^"]+")', head, re.I | re.M)
    assert tag, head
    known = curl("-D", "-", "-H", f"If-None-Match: {tag[1]}", f"{http.url}/hello.txt")
    assert known.startswith("HTTP/1.1 304 ")
    assert known.replace("\r", "").endswith("\n\n"), "a 304 has no body"
    other = curl("-D", "-", "-H", 'If-None-Match: "other"', f"{http.url}/hello.txt")
    assert other.startswith("HTTP/1.1 200 ")


def test_not_modified_since(http: Machine, tmp_path: pathlib.Path) -> None:
    """curl, asking again with the time of what it has, gets nothing."""
    first, second = tmp_path / "first", tmp_path / "second"
    curl("-R", "-o", str(first), f"{http.url}/hello.txt")
    answer = curl("-z", str(first), "-w", "%{http_code}", "-o", str(second), f"{http.url}/hello.txt")
    assert answer == "304"


def test_ranges(http: Machine, tmp_path: pathlib.Path) -> None:
    """curl gets parts of a file, goes on with half of one, and is told where there is nothing."""
    whole = curl(f"{http.url}/style.css")
    assert curl("-r", "10-19", f"{http.url}/style.css") == whole[10:20]
    assert curl("-r", "-7", f"{http.url}/style.css") == whole[-7:]
    half = tmp_path / "half"
    half.write_text(whole[:1000])
    curl("-C", "-", "-o", str(half), f"{http.url}/style.css")
    assert half.read_text() == whole
    parts = curl("-r", "0-9,1000-1009", f"{http.url}/style.css")
    assert parts.count(f"/{len(whole)}\n") == 2 and whole[:10] in parts and whole[1000:1010] in parts
    behind = curl("-r", "1000000-", "-w", "%{http_code}", "-D", "-", f"{http.url}/style.css")
    assert behind.endswith("416") and f"Content-Range: bytes */{len(whole)}" in behind


def test_compressed(http: Machine) -> None:
    """A client that takes gzip gets less, and the same once it is unpacked."""
    plain = curl(f"{http.url}/style.css")
    size = curl("--compressed", "-w", "%{size_download}", "-o", "/dev/null", f"{http.url}/style.css")
    assert int(size) < len(plain) / 2
    assert curl("--compressed", f"{http.url}/style.css") == plain
    assert "406" == curl("-H", "Accept-Encoding: br, *;q=0", "-w", "%{http_code}", "-o", "/dev/null",
                         f"{http.url}/style.css")


def test_health(http: Machine) -> None:
    """/healthz answers 200."""
    assert curl("-o", "/dev/null", "-w", "%{http_code}", f"{http.url}/healthz") == "200"


SAMPLE = re.compile(r'([a-z_][a-z0-9_]*)((?:\{[a-z]+="[^"\n]*"(?:,[a-z]+="[^"\n]*")*\})?) (\d+(?:\.\d+)?)')
UNITS = ("_seconds", "_bytes", "_seconds_total", "_bytes_total")


def read_metrics(text: str) -> tuple[dict[str, str], dict[str, float]]:
    """Checks what a Prometheus server and its linter would. Returns: types, values of samples."""
    assert text.endswith("\n")
    types: dict[str, str] = {}
    values: dict[str, float] = {}
    helped = current = ""
    for line in text.splitlines():
        if match := re.fullmatch(r"# HELP (toril_[a-z0-9_]+) (\S.*\S)", line):
            helped = match[1]
            assert helped not in types, f"{helped}: declared twice, or its samples are apart"
            assert match[2].endswith("."), line
        elif match := re.fullmatch(r"# TYPE (\S+) (counter|gauge)", line):
            assert match[1] == helped, f"{line}: HELP comes right before"
            current, types[match[1]] = match[1], match[2]
        else:
            match = SAMPLE.fullmatch(line)
            assert match, f"not a sample: {line!r}"
            assert match[1] == current, f"{line}: under {current}"
            assert match[1] + match[2] not in values, f"{line}: twice"
            values[match[1] + match[2]] = float(match[3])
    for name, kind in types.items():
        assert name.endswith("_total") == (kind == "counter"), f"{name} is a {kind}"
        assert not re.search(r"_(?:ns|us|ms|kib|count)(?:_|$)", name), f"{name}: base units only"
        assert any(re.split("[{ ]", sample)[0] == name for sample in values), f"{name} has no sample"
    return types, values


def test_metrics(http: Machine) -> None:
    """/metrics is text in the Prometheus format; the counters of each core are there and only grow."""
    types, first = read_metrics(curl(f"{http.url}/metrics"))
    again, second = read_metrics(curl(f"{http.url}/metrics"))
    assert again == types
    for name in ("switches_total", "loops_total", "halts_total", "halted_seconds_total",
                 "interrupts_total", "interrupts_unexpected_total", "threads", "exchange_sent_total",
                 "exchange_taken_total", "exchange_bells_total", "memory_free_bytes",
                 "memory_free_longest_bytes", "heap_blocks", "heap_used_bytes", "heap_held_bytes",
                 "timers_expired_total", "network_received_frames_total",
                 "network_sent_bytes_total", "network_dropped_checksum_total",
                 "network_interrupts_lost_total", "tcp_sent_segments_total"):
        cores = {sample.split('"')[1] for sample in second
                 if sample.startswith(f'toril_{name}{{core="')}
        assert len(cores) == 4, f"{name}: {cores}"
    assert second['toril_heap_blocks{core="0"}'] > 0
    for sample, value in first.items():
        if types[sample.split("{")[0]] == "counter":
            assert second[sample] >= value, f"{sample} went back from {value} to {second[sample]}"
    received, = [sample for sample in second if sample.startswith(
        'toril_network_received_frames_total{core="0",device="virtio-net at 00:')]
    assert second[received] > first[received] > 0


def test_keep_alive(http: Machine) -> None:
    """curl fetches three files through one connection."""
    connects = curl("-o", "/dev/null", "-o", "/dev/null", "-o", "/dev/null",
                    "-w", "%{http_code} %{num_connects}\n",
                    f"{http.url}/", f"{http.url}/hello.txt", f"{http.url}/healthz")
    assert connects.split() == ["200", "1", "200", "0", "200", "0"]


def test_pipelining(http: Machine) -> None:
    """Requests sent at once are answered each, in order."""
    first = b"GET /hello.txt HTTP/1.1\r\nHost: t\r\n\r\n"
    missing = b"GET /no-such-file HTTP/1.1\r\nHost: t\r\n\r\n"
    last = b"HEAD /healthz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
    answer = talk(http, first * 5 + missing + first + last)
    statuses = re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert statuses == [b"200"] * 5 + [b"404", b"200", b"200"]


def test_bytes_one_by_one(http: Machine) -> None:
    """A request may come in any pieces."""
    assert http.port
    with socket.create_connection(("127.0.0.1", http.port), HANG_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"GET /hello.txt HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n":
            connection.sendall(bytes([byte]))
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")


HOST = b"Host: t\r\n"
REFUSED: dict[str, tuple[bytes, set[int]]] = {
    "no such file": (
        b"GET /no-such-file HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", {404}),
    "not a request": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", {400}),
    "no target": (b"GET\r\n" + HOST + b"\r\n", {400}),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", {400}),
    "two hosts": (b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", {400}),
    "blank before the colon": (b"GET / HTTP/1.1\r\nHost : t\r\n\r\n", {400}),
    # RFC 9112, 5.2 leaves the choice between refusing and reading it as one line.
    "a folded header": (
        b"GET /nowhere HTTP/1.1\r\n" + HOST + b"Connection: close\r\nA: b\r\n c\r\n\r\n",
        {400, 404}),
    "a NUL in a header": (b"GET / HTTP/1.1\r\n" + HOST + b"A: \0\r\n\r\n", {400}),
    "a length that is no number": (
        b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1x\r\n\r\n", {400}),
    "a length beyond 64 bits": (
        b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\n", {400, 413}),
    "two lengths": (
        b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", {400}),
    "length and chunks": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        {400}),
    "method not allowed": (
        b"DELETE /hello.txt HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", {405}),
    "a body too large": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 9000000000\r\n\r\n", {413}),
    "a target too long": (b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", {414, 431}),
    "a header too large": (
        b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"b" * 100000 + b"\r\n\r\n", {431}),
    "too many headers": (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 10000 + b"\r\n", {431}),
    "a later version": (b"GET / HTTP/3.0\r\n" + HOST + b"\r\n", {505}),
    "out of the root": (
        b"GET /../../secret HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", {400, 404}),
    "a NUL in the target": (
        b"GET /%00 HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", {400, 404}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(http: Machine, name: str) -> None:
    """A request that cannot be served gets its status, and the server goes on."""
    request, statuses = REFUSED[name]
    answer = talk(http, request)
    status = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert status, f"no status line in {answer[:200]!r}"
    assert int(status[1]) in statuses, answer[:200]
    assert len(curl(f"{http.url}/hello.txt")) == 128


def test_request_that_never_ends(http: Machine) -> None:
    """Half a request is answered 408 and its connection closed."""
    answer = talk(http, b"GET / HTTP/1.1\r\nHos")
    assert answer.startswith(b"HTTP/1.1 408 "), answer[:200]


REQUESTS, CONNECTIONS = 10000, 64


def test_many_requests(http: Machine) -> None:
    """10,000 requests on 64 connections: every answer is whole and right."""
    assert http.port
    ask_many(http.port, REQUESTS, CONNECTIONS, curl(f"{http.url}/hello.txt").encode())


def test_many_connections(http: Machine) -> None:
    """A new connection for each request, twice as many as stay in TIME-WAIT unnoticed."""
    for _ in range(500):
        assert talk(http, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")

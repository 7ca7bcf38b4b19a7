# SPDX-License-Identifier: MIT
"""Resource /kv of app http: values of every size, and every key linearizable over all cores."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import pathlib
import random
import time
from collections import defaultdict
from typing import Iterator

import pytest

from clients import Connection, curl, metric
from conftest import LOAD_HANG_S, Machine, Starter

KEYS = 4
CLIENTS = 12
OPERATIONS = 60  # of each client


@pytest.fixture(scope="module")
def http(boot: Starter) -> Machine:
    """Four cores that all serve: connections and keys lie on each."""
    machine = boot("http", append="net_cores=4")
    machine.wait_for(r"^Toril is serving ")
    return machine


@pytest.fixture(autouse=True)
def nothing_stays(http: Machine) -> Iterator[None]:
    """What a test put it takes away again; then no memory is in use."""
    yield
    assert metric(http, "toril_kv_keys") == 0
    assert metric(http, "toril_kv_used_bytes") == 0


async def ask(connection: Connection, method: str, key: str, body: bytes = b"",
              fields: str = "") -> tuple[int, dict[str, str], bytes]:
    """One request and its answer: status, fields, body."""
    reader, writer = connection
    writer.write(f"{method} /kv/{key} HTTP/1.1\r\nHost: t\r\n{fields}"
                 f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    lines = head.split("\r\n")
    found = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    body = await reader.readexactly(int(found.get("content-length", "0")))
    return int(lines[0].split()[1]), found, body


async def connect(http: Machine) -> Connection:
    """A connection that was served: QEMU's user network has room for one that waits."""
    assert http.port
    connection = await asyncio.open_connection("127.0.0.1", http.port)
    assert (await ask(connection, "GET", "nothing"))[0] == 404
    return connection


# ---- linearizable --------------------------------------------------------------------------------

@dataclasses.dataclass
class Event:
    """A read or write of a key by one client. No two writes have the same value."""

    value: bytes
    is_write: bool
    begin: int
    end: int


def is_linearizable(history: list[Event]) -> bool:
    """Whether one order of all reads and writes of a key explains what was read (Gibbons, Korach:
    "Testing shared memories", 1997). All of a value must happen between its zone's two ends: the
    first end of any and the last begin of any."""
    of_value: dict[bytes, list[Event]] = defaultdict(list)
    for event in history:
        of_value[event.value].append(event)
    zones = []
    for events in of_value.values():
        writes = [event for event in events if event.is_write]
        if len(writes) != 1 or any(event.end < writes[0].begin for event in events):
            return False
        zones.append((min(event.end for event in events), max(event.begin for event in events)))
    forward = sorted((low, high) for low, high in zones if low < high)
    if any(first[1] > second[0] for first, second in zip(forward, forward[1:])):
        return False
    backward = [(low, high) for high, low in zones if low <= high]
    return not any(outer[0] < low and high < outer[1]
                   for outer in forward for low, high in backward)


def test_the_judge() -> None:
    """Histories that are linearizable, and some that are not."""
    def write(value: bytes, begin: int, end: int) -> Event:
        return Event(value, True, begin, end)

    def read(value: bytes, begin: int, end: int) -> Event:
        return Event(value, False, begin, end)

    assert is_linearizable([write(b"1", 0, 1), read(b"1", 2, 3), write(b"2", 4, 5), read(b"2", 6, 7)])
    assert is_linearizable([write(b"1", 0, 9), write(b"2", 0, 9), read(b"2", 1, 3), read(b"1", 4, 5)])
    assert not is_linearizable([write(b"1", 0, 1), write(b"2", 2, 3), read(b"1", 4, 5)])  # stale
    assert not is_linearizable([write(b"1", 2, 3), read(b"1", 0, 1)])  # from the future
    assert not is_linearizable([read(b"1", 0, 1)])  # from nowhere
    assert not is_linearizable([write(b"1", 0, 1), write(b"2", 2, 9), read(b"2", 3, 4),
                                read(b"1", 5, 6)])  # back again


def test_linearizable(http: Machine) -> None:
    """Clients on all cores read and write the same few keys at once."""
    history: dict[str, list[Event]] = defaultdict(list)

    async def client(number: int, connection: Connection) -> None:
        """Reads and writes in turn, as its own random numbers say."""
        choose = random.Random(number)
        for step in range(OPERATIONS):
            key = f"shared{choose.randrange(KEYS)}"
            is_write = choose.random() < 0.5
            value = f"{number}.{step}".encode() if is_write else b""
            begin = time.monotonic_ns()
            status, _, body = await ask(connection, "PUT" if is_write else "GET", key, value)
            assert status in ((201, 204) if is_write else (200, 404))
            read = body if status == 200 else b""  # 404: as if that had been written at first
            history[key].append(Event(value if is_write else read, is_write, begin,
                                      time.monotonic_ns()))

    async def all_clients() -> None:
        """All at once."""
        connections = [await connect(http) for _ in range(CLIENTS)]
        await asyncio.gather(*(client(number, each) for number, each in enumerate(connections)))
        for key in list(history):
            assert (await ask(connections[0], "DELETE", key))[0] == 204
        for _, writer in connections:
            writer.close()

    asyncio.run(asyncio.wait_for(all_clients(), LOAD_HANG_S))
    assert sum(map(len, history.values())) == CLIENTS * OPERATIONS
    for key, events in history.items():
        assert is_linearizable([Event(b"", True, 0, 0), *events]), key


def test_compare_and_set(http: Machine) -> None:
    """A counter that many clients raise with If-Match loses nothing."""
    async def client(connection: Connection, times: int) -> int:
        """Raises it. Returns: how often another was first."""
        lost = 0
        while times:
            _, fields, body = await ask(connection, "GET", "counter")
            status, _, _ = await ask(connection, "PUT", "counter", str(int(body) + 1).encode(),
                                     f"If-Match: {fields['etag']}\r\n")
            assert status in (204, 412)
            lost += status == 412
            times -= status == 204
        return lost

    async def all_clients() -> None:
        """All at once."""
        connections = [await connect(http) for _ in range(6)]
        create = [ask(each, "PUT", "counter", b"0", "If-None-Match: *\r\n") for each in connections]
        created = [status for status, _, _ in await asyncio.gather(*create)]
        assert sorted(created) == [201] + [412] * 5
        lost = sum(await asyncio.gather(*(client(each, 8) for each in connections)))
        assert lost > 0, "nobody was in anybody's way"
        assert (await ask(connections[0], "GET", "counter"))[2] == b"48"
        assert (await ask(connections[0], "DELETE", "counter"))[0] == 204
        for _, writer in connections:
            writer.close()

    asyncio.run(asyncio.wait_for(all_clients(), LOAD_HANG_S))


# ---- values --------------------------------------------------------------------------------------

def test_values(http: Machine, tmp_path: pathlib.Path) -> None:
    """Of every size come back byte for byte, and more is refused before it is sent."""
    file, back = tmp_path / "file", tmp_path / "back"
    for size in (1, 1459, 65536, 1 << 20):
        file.write_bytes(os.urandom(size))
        for coding in ([], ["-H", "Transfer-Encoding: chunked"]):
            curl("-f", *coding, "-T", str(file), f"{http.url}/kv/%00%20file%2Fx")
            curl("-f", "-o", str(back), f"{http.url}/kv/%00%20file%2Fx")
            assert back.read_bytes() == file.read_bytes()
    assert curl("-f", f"{http.url}/kv/") == "%00%20file%2Fx\n"
    curl("-f", "-X", "DELETE", f"{http.url}/kv/%00%20file%2Fx")
    file.write_bytes(bytes((1 << 20) + 1))
    status = curl("-T", str(file), "-o", "/dev/null", "-w", "%{http_code}", f"{http.url}/kv/large")
    assert status == "413"


def test_clients_that_go(http: Machine) -> None:
    """In the middle of a body: nothing of them stays, and there is no value."""
    async def all_clients() -> None:
        """One after another."""
        for _ in range(16):
            _, writer = await connect(http)
            writer.write(b"PUT /kv/left HTTP/1.1\r\nHost: t\r\nContent-Length: 1048576\r\n\r\n"
                         + bytes(300000))
            await writer.drain()
            writer.transport.abort()

    asyncio.run(asyncio.wait_for(all_clients(), LOAD_HANG_S))
    while metric(http, "toril_http_connections") > 1:  # what they sent may still be on its way
        pass

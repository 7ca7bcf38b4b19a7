# SPDX-License-Identifier: MIT
"""What clients of app http do, for the tests of more than one file."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess

from conftest import HANG_S, LOAD_HANG_S, Machine, Namespace

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def ask_many(port: int, requests: int, connections: int, expected: bytes) -> None:
    """Asks for /hello.txt again and again, on many connections at once: every answer is `expected`."""
    remaining = iter(range(requests - connections))

    async def ask(connection: Connection) -> None:
        """One request and its answer."""
        reader, writer = connection
        writer.write(b"GET /hello.txt HTTP/1.1\r\nHost: t\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        assert await reader.readexactly(len(expected)) == expected

    async def client(connection: Connection) -> int:
        """Asks as long as there is something to ask. Returns: how often it was answered."""
        answered = 0
        for _ in remaining:
            await ask(connection)
            answered += 1
        connection[1].close()
        return answered

    async def all_clients() -> int:
        """Runs all connections at once. They are opened one after another: QEMU's user network
        listens with room for one, and who does not get in tries again seconds later."""
        opened = []
        for _ in range(connections):
            opened.append(await asyncio.open_connection("127.0.0.1", port))
            await ask(opened[-1])
        return sum(await asyncio.gather(*map(client, opened)))

    answered = asyncio.run(asyncio.wait_for(all_clients(), LOAD_HANG_S))
    assert answered + connections == requests


def curl(*arguments: str) -> str:
    """What curl prints; it must succeed."""
    done = subprocess.run(["curl", "-sS", "--noproxy", "*", "--max-time", str(HANG_S), *arguments],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def talk(machine: Machine, request: bytes) -> bytes:
    """Sends bytes, then reads until the server closes the connection."""
    assert machine.port
    with socket.create_connection(("127.0.0.1", machine.port), HANG_S) as connection:
        try:
            connection.sendall(request)
        except ConnectionError:
            pass  # refused half-way; the answer is still to be read
        answer = b""
        try:
            while chunk := connection.recv(65536):
                answer += chunk
        except ConnectionResetError:
            pass
        return answer


def metric(machine: Machine, name: str) -> float:
    """Sum of the values of one metric, over all its labels."""
    text = curl(f"{machine.url}/metrics")
    values = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
    assert values, f"no metric {name} in:\n{text}"
    return sum(float(value) for value in values)


def ask_all_cores(namespace: Namespace, url: str, *more: str) -> dict[int, int]:
    """Makes 100 connections, each with a port of its own. Returns: how many requests each core
    answered so far."""
    answers = namespace.run(["curl", "-g", *more, "-s", "-o", "/dev/null", "-w", "%{http_code}\n",
                             "--retry", "5",
                             "--retry-connrefused", "-H", "Connection: close",
                             *[f"{url}/hello.txt"] * 100])
    # Output of all but the first goes to stdout.
    assert answers.count("200\n") == 100, answers
    metrics = namespace.run(["curl", "-g", "-s", f"{url}/metrics"])
    found = re.findall(r'^toril_http_requests_total\{core="(\d+)",class="2xx"\} (\d+)$', metrics,
                       re.MULTILINE)
    return {int(core): int(count) for core, count in found}


def relayed(namespace: Namespace, url: str) -> int:
    """How many frames went from core to core."""
    metrics = namespace.run(["curl", "-s", f"{url}/metrics"])
    found = re.findall(r"^toril_network_relayed_(?:received|sent)_frames_total{.*} (\d+)$", metrics,
                       re.MULTILINE)
    assert found, metrics
    return sum(map(int, found))

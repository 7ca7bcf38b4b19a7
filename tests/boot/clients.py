# SPDX-License-Identifier: MIT
"""What clients of app http do, for the tests of more than one file."""

from __future__ import annotations

import asyncio

from conftest import LOAD_HANG_S

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

# SPDX-License-Identifier: MIT
"""Clients of a web server that take their time, hundreds at once, beside one that does not.

Started with `each`, the server's address and how many of each kind.
"""

from __future__ import annotations

import resource
import socket
import sys
import time

from floods import HANG_S, as_few_as, ask, metrics, wait_until

HOST = b"Host: t\r\n"
LARGE = (b"GET /style.css HTTP/1.1\r\n" + HOST + b"\r\n") * 200  # answers of 1 MB in all
STEP_S = 0.25
DRIP_BYTES = 256  # in a step: 1 KB/s
SMALL_BUFFER = 4096


class Client:
    """What it sends at once, what it sends then, a byte in a step, and how much it takes in a step."""

    begins, goes_on, takes = b"", b"", 65536
    ends_with: bytes | None = None  # what the server says last; None: it resets the connection

    def __init__(self, address: str) -> None:
        self.socket = socket.socket()
        if self.takes < 65536:  # else this side's buffers would take it all
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        self.socket.settimeout(HANG_S)
        self.socket.connect((address, 80))
        self.socket.setblocking(False)
        self.said = b""
        self.ended = False
        self.send(self.begins)

    def send(self, data: bytes) -> None:
        """Sends what there is room for."""
        try:
            self.socket.send(data)
        except BlockingIOError:
            pass
        except OSError:
            self.ended = True

    def step(self) -> None:
        """Does its little."""
        if self.goes_on:
            self.send(self.goes_on[:1])
            self.goes_on = self.goes_on[1:]
        if not self.takes:
            return
        try:
            part = self.socket.recv(self.takes)
            self.said += part
            self.ended |= part == b""
        except BlockingIOError:
            pass
        except ConnectionResetError:
            self.ended = True


class Dripping(Client):
    """Takes a large answer at 1 KB/s, which is no reason to end it."""

    begins, takes = LARGE, DRIP_BYTES


class Deaf(Client):
    """Takes nothing of a large answer."""

    begins, takes = LARGE, 0

    def step(self) -> None:
        """Looks whether there still is a connection, by an error of it."""
        self.ended |= self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


class Slow408(Client):
    """One of those that never finish their request, and are told so."""

    ends_with = b"HTTP/1.1 408 "


class SlowHead(Slow408):
    """Sends its header a byte at a time."""

    begins, goes_on = b"G", b"ET / HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 1000


class SlowBody(Slow408):
    """Sends its body a byte at a time."""

    begins = b"PUT /kv/slow HTTP/1.1\r\n" + HOST + b"Content-Length: 60000\r\n\r\n"
    goes_on = bytes(1000)


class HalfHead(Slow408):
    """Stops in the middle of its header."""

    begins = b"GET / HTTP/1.1\r\nHo"


class HalfBody(Slow408):
    """Stops in the middle of its body."""

    begins = b"PUT /kv/half HTTP/1.1\r\n" + HOST + b"Content-Length: 60000\r\n\r\n" + bytes(30000)


class Silent(Client):
    """Says nothing, and is let go without a word."""

    ends_with = b""


ENDED = (Deaf, SlowHead, SlowBody, HalfHead, HalfBody, Silent)


def run(address: str, clients: list[Client]) -> list[float]:
    """Lets them all be slow until those that are to be ended are. Returns: how long it took the
    client that is not slow, each time."""
    waited_s = []
    deadline_s = time.monotonic() + HANG_S
    while not all(client.ended for client in clients if isinstance(client, ENDED)):
        began_s = time.monotonic()
        assert began_s < deadline_s, "not ended: " + " ".join(
            sorted({type(client).__name__ for client in clients
                    if isinstance(client, ENDED) and not client.ended}))
        ask(address, "/hello.txt")
        waited_s.append(time.monotonic() - began_s)
        for client in clients:
            if not client.ended:
                client.step()
        time.sleep(max(0.0, began_s + STEP_S - time.monotonic()))
    return waited_s


def main() -> None:
    """Has so many of each."""
    address, count = sys.argv[2], int(sys.argv[3])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    ask(address, "/style.css")
    before = metrics(address)
    clients = [kind(address) for kind in (Dripping, *ENDED) for _ in range(count)]
    waited_s = sorted(run(address, clients))
    most = metrics(address)
    for client in clients:
        if isinstance(client, Dripping):
            assert not client.ended and client.said.startswith(b"HTTP/1.1 200 "), client.said[:100]
        elif client.ends_with is not None:
            assert client.said.startswith(client.ends_with), (type(client), client.said[:100])
            assert client.ends_with or not client.said, client.said[:100]
        client.socket.close()
    after = wait_until(address, as_few_as(before))

    def more(name: str) -> int:
        return after[f"toril_{name}"] - before[f"toril_{name}"]

    print(f"clients {len(clients)}, ended {more('http_timeouts_total')}, "
          f"dripped {min(len(client.said) for client in clients if isinstance(client, Dripping))}, "
          f"used {most['toril_heap_used_bytes'] - before['toril_heap_used_bytes']}, "
          f"left {more('heap_used_bytes')}, copied {more('network_received_copied_total')}, "
          f"served {len(waited_s)}, median {waited_s[len(waited_s) // 2] * 1000:.0f}, "
          f"longest {waited_s[-1] * 1000:.0f}")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""App echo: sockets for threads, TCP and UDP, on all cores."""

from __future__ import annotations

from conftest import Namespace, Starter

# Runs beside the machine. Many connections at once, each with more bytes than buffers hold; then
# datagrams of all sizes, each from a port of its own.
CLIENT = """
import asyncio, random, socket

async def stream(size):
    reader, writer = await asyncio.open_connection("10.78.0.2", 7)
    sent = random.randbytes(size)
    writer.write(sent)
    assert await reader.readexactly(size) == sent
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()

async def streams():
    await asyncio.gather(*[stream(random.choice((1, 1000, 30000, 300000))) for _ in range(40)])

asyncio.run(asyncio.wait_for(streams(), 200))

for _ in range(3):  # one that goes away in the middle
    gone = socket.create_connection(("10.78.0.2", 7))
    gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
    gone.sendall(bytes(100000))
    gone.close()

for size in [0, 1, 64, 1472, 1473, 9000, 65507] * 12:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.connect(("10.78.0.2", 7))
        datagrams.settimeout(5)
        sent = random.randbytes(size)
        for attempt in range(20):  # a datagram may be lost
            datagrams.send(sent)
            try:
                assert datagrams.recv(65536) == sent
                break
            except TimeoutError:
                pass
        else:
            raise SystemExit(f"no answer to {size} bytes")

for group, family in (("239.1.2.3", socket.AF_INET), ("ff15::1:2", socket.AF_INET6)):
    for member in range(30):  # they come in at all cores, one answers
        with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
            datagrams.settimeout(5)
            if family == socket.AF_INET6:
                datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF,
                                     socket.if_nametoindex("tap1"))
            for attempt in range(20):
                datagrams.sendto(b"all", (group, 7))
                try:
                    assert datagrams.recv(100) == b"all"
                    break
                except TimeoutError:
                    pass
            else:
                raise SystemExit(f"no answer from {group}")
            datagrams.setblocking(False)
            try:
                if attempt == 0:
                    raise SystemExit(f"one more from {group}: {datagrams.recv(100)}")
            except BlockingIOError:
                pass

with socket.create_connection(("10.78.0.2", 7), 60) as still:
    still.sendall(b"well")
    assert still.recv(4) == b"well"
"""


def test_echo(boot: Starter, namespace: Namespace) -> None:
    """Whatever is sent comes back, by streams and datagrams, and nobody's reset ends the service. What
    is sent to a group comes back once."""
    namespace.run(["ip", "route", "add", "239.0.0.0/8", "dev", "tap1"])
    machine = boot("echo", net="tap=tap1", append="ip=10.78.0.2/24 -- 239.1.2.3 ff15::1:2",
                   inside=namespace.inside)
    machine.wait_for(r"net: 4 cores serve, 4 with queues of their own")
    machine.wait_for(r"echo: listening on port 7")
    namespace.run(["/usr/bin/python3", "-c", CLIENT])
    assert not machine.find(r"^toril: (panic|fault): "), machine.console
    machine.stop()

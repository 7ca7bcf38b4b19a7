# SPDX-License-Identifier: MIT
"""TCP by hand: connections to a web server that end in each way at each stage of their life.

Started with what to do, the server's address and how many of each.
"""

from __future__ import annotations

import random
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator

from floods import ACK, HANG_S, RST, SYN, as_few_as, ask, metrics, open_link, segment, send, wait_until

FIN, PSH = 1, 8
# Beyond the server's gateway, whom this host lets go by: nobody else has these ports.
SOURCE = bytes((20, *random.randbytes(3)))
HELLO = b"GET /hello.txt HTTP/1.1\r\nHost: t\r\n"
LATER = 5000  # beyond what a closed connection has counted


class Peer:
    """One end of a connection, with the numbers of both."""

    def __init__(self, link: socket.socket, ethernet: bytes, target: bytes, port: int) -> None:
        self.link, self.ethernet, self.target, self.port = link, ethernet, target, port
        self.next, self.expected = random.getrandbits(31), 0

    def send(self, flags: int, data: bytes = b"", off: int = 0) -> None:
        """Sends a segment. `off`: by how much its number is wrong."""
        frame = segment(SOURCE, self.target, self.port, flags, (self.next + off) % 2**32,
                        self.expected if flags & ACK else 0, data)
        send(self.link, self.ethernet + b"\x08\0" + frame)
        if not off:
            self.next += len(data) + (flags & (SYN | FIN) != 0)

    def hear(self, wanted: int) -> int:
        """Waits for a segment with one of those flags. Returns: all of its flags."""
        while True:
            frame = self.link.recv(65536)
            if frame[12:14] != b"\x08\0" or frame[23] != 6 or frame[26:30] != self.target or \
                    struct.unpack(">H", frame[36:38])[0] != self.port:
                continue
            number, = struct.unpack(">I", frame[38:42])
            flags = frame[47]
            size = struct.unpack(">H", frame[16:18])[0] - 20 - (frame[46] >> 4) * 4
            if flags & wanted or (size and wanted & PSH):
                self.expected = (number + size + (flags & (SYN | FIN) != 0)) % 2**32
                return flags

    def open(self) -> None:
        """Confirms a connection."""
        self.send(SYN)
        self.hear(SYN)
        self.send(ACK)

    def ask(self, end: bytes) -> None:
        """Asks on a new one."""
        self.open()
        self.send(ACK | PSH, HELLO + end)

    def close(self) -> None:
        """Has the server close: it knows nothing of whether that arrived."""
        self.ask(b"Connection: close\r\n\r\n")
        self.hear(FIN)


# ---- stages: what has happened before the end ---------------------------------------------------


def no_answer(peer: Peer) -> None:
    """Half open: nothing was heard of it."""
    peer.send(SYN)


def half_open(peer: Peer) -> None:
    """Half open."""
    peer.send(SYN)
    peer.hear(SYN)


def silent(peer: Peer) -> None:
    """Open."""
    peer.open()


def head(peer: Peer) -> None:
    """In the header section."""
    peer.ask(b"A: b")


def body(peer: Peer) -> None:
    """In the body."""
    peer.open()
    peer.send(ACK | PSH, b"PUT /kv/s HTTP/1.1\r\nHost: t\r\nContent-Length: 9999\r\n\r\nabc")


def answer(peer: Peer) -> None:
    """While answers are sent, more than the server writes before it hears something."""
    peer.open()
    for _ in range(2):
        peer.send(ACK | PSH, (HELLO.replace(b"hello.txt", b"style.css") + b"\r\n") * 35)
    peer.hear(PSH)


def idle(peer: Peer) -> None:
    """Between two requests."""
    peer.ask(b"\r\n")
    peer.hear(PSH)
    peer.send(ACK)


def fin_wait_1(peer: Peer) -> None:
    """The server has closed."""
    peer.close()


def fin_wait_2(peer: Peer) -> None:
    """The server has closed, and knows that it arrived."""
    peer.close()
    peer.send(ACK)


def closing(peer: Peer) -> None:
    """Both have closed, and know nothing of each other's end."""
    peer.close()
    peer.expected -= 1
    peer.send(ACK | FIN)


def last_ack(peer: Peer) -> None:
    """This side has closed, then the server."""
    peer.open()
    peer.send(ACK | PSH | FIN, HELLO + b"\r\n")
    peer.hear(FIN)


def time_wait(peer: Peer) -> None:
    """All is done, the server first."""
    peer.close()
    peer.send(ACK | FIN)
    peer.hear(ACK)


STAGES: tuple[Callable[[Peer], None], ...] = (
    no_answer, half_open, silent, head, body, answer, idle, fin_wait_1, fin_wait_2, closing,
    last_ack, time_wait)


# ---- ends ---------------------------------------------------------------------------------------


def reset(peer: Peer) -> None:
    """With the number that is waited for, after some that are not."""
    peer.send(RST, off=-10000)
    peer.send(RST, off=10)
    peer.send(RST)


def finish(peer: Peer) -> None:
    """An orderly end in the middle, and not a word any more."""
    peer.send(ACK | FIN)


def finish_and_reset(peer: Peer) -> None:
    """An orderly end in the middle, and a reset for what comes of it."""
    peer.send(ACK | FIN)
    peer.send(RST)
    peer.send(RST, off=-1)  # the end does not count where the connection was not open


def syn(peer: Peer) -> None:
    """As if this side had started anew: with an old number, and then with a new one."""
    peer.send(SYN, off=-10000)
    peer.send(SYN, off=LATER)
    peer.send(RST)
    peer.send(RST, off=LATER + 1)


def vanish(peer: Peer) -> None:
    """Not a word any more."""


AT_ONCE: tuple[Callable[[Peer], None], ...] = (reset, finish_and_reset, syn)
BY_TIME: tuple[Callable[[Peer], None], ...] = (vanish, finish)


def reuse(peer: Peer) -> None:
    """The same two ends connect again while the server remembers: refused with numbers that the old
    connection had, let in with later ones. Spec: RFC 9293, 3.10.7.4."""
    time_wait(peer)
    peer.send(SYN, off=-1000)
    assert not peer.hear(ACK) & SYN, "a connection with old numbers was let in"
    peer.next += LATER
    idle(peer)
    peer.send(RST)


def peers(address: str, count: int) -> Iterator[Peer]:
    """So many, each at a port of its own."""
    link, ethernet = open_link(address)
    link.bind((link.getsockname()[0], 0x0800))  # IPv4 is heard, too
    link.settimeout(HANG_S)
    for port in random.sample(range(1024, 49152), count):
        yield Peer(link, ethernet, socket.inet_aton(address), port)


def end_all(address: str, count: int, ends: tuple[Callable[[Peer], None], ...]) -> int:
    """So many of each stage with each of those ends. Returns: how many in all."""
    pairs = [(stage, end) for end in ends for stage in STAGES for _ in range(count)
             if (stage, end) != (idle, vanish)]  # as `silent`, but a minute later
    for peer, (stage, end) in zip(peers(address, len(pairs)), pairs):
        stage(peer)
        end(peer)
    ask(address, "/hello.txt")
    return len(pairs)


def begin(address: str, count: int) -> None:
    """Leaves alone connections that only the server's time limits end."""
    print(f"connections {end_all(address, count, BY_TIME)}")


def gone(address: str, _: int) -> None:
    """Waits until they are gone."""
    began_s = time.monotonic()
    now = wait_until(address, lambda now: now["toril_tcp_connections"] <= 1 and
                     now["toril_http_connections"] <= 1)
    print(f"seconds {time.monotonic() - began_s:.0f}, half open {now['toril_tcp_half_open']}, "
          f"orphans {now['toril_tcp_orphans']}, given up {now['toril_tcp_orphans_dropped_total']}, "
          f"ended {now['toril_http_timeouts_total']}")


def at_once(address: str, count: int) -> None:
    """All that end at once, and some that come again."""
    before = metrics(address)
    ended = end_all(address, count, AT_ONCE)
    for peer in peers(address, count):
        reuse(peer)
    after = wait_until(address, as_few_as(before))
    print(f"connections {ended}, "
          f"left {after['toril_heap_used_bytes'] - before['toril_heap_used_bytes']}")


def main() -> None:
    """Does what it is told."""
    {"begin": begin, "gone": gone, "ended": at_once}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""Frames that nobody should send: valid ones of all protocols that the machine speaks, with bits
turned, cut, lengthened or put together wrongly, and some of chance alone.

Started with the addresses of both ends, a seed and how many frames have to arrive, at least.
"""

from __future__ import annotations

import random
import socket
import struct
import sys

from floods import checksum, open_link, send

BROADCAST = b"\xff" * 6
UDP, TCP, ICMP, IGMP, ICMP6 = 17, 6, 1, 2, 58
DNS_ANSWER = (b"\x12\x34\x81\x80\0\1\0\2\0\0\0\0\1a\4test\0\0\1\0\1\xc0\x0c\0\5\0\1\0\0\0\x09\0\2"
              b"\xc0\x0c\xc0\x0c\0\1\0\1\0\0\0\x09\0\4\1\2\3\4")
REQUEST = b"GET /hello.txt HTTP/1.1\r\nHost: t\r\n\r\n"


class Frames:
    """Makes frames from this side to the machine."""

    def __init__(self, ethernet: bytes, source: str, target: str, seed: int) -> None:
        self.chance = random.Random(seed)
        self.ethernet = ethernet
        self.source, self.target = socket.inet_aton(source), socket.inet_aton(target)
        mac = ethernet[:6]
        self.target6 = b"\xfe\x80" + bytes(6) + bytes((mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe,
                                                       mac[3], mac[4], mac[5]))
        self.source6 = b"\xfe\x80" + bytes(13) + b"\1"
        self.makers = (self.arp, self.icmp, self.udp, self.dns, self.dhcp, self.tcp, self.tcp,
                       self.fragment, self.igmp, self.icmp6, self.udp6, self.tcp6, self.fragment6,
                       self.vlan, self.noise)

    def data(self, most: int) -> bytes:
        """Some bytes."""
        return self.chance.randbytes(self.chance.randrange(most + 1))

    def pick(self, *values: int) -> int:
        """One of them, or any number of 16 bits."""
        return self.chance.choice((*values, self.chance.getrandbits(16)))

    # ---- IPv4 ----

    def ip4(self, protocol: int, payload: bytes, offset: int = 0, number: int = 0) -> bytes:
        """A packet in its frame. `offset`: of a fragment, with its flags."""
        options = self.data(2) * 4 if self.chance.random() < 0.05 else b""
        options += bytes(-len(options) % 4)
        head = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0,
                           20 + len(options) + len(payload), number, offset, 64, protocol, 0)
        head += self.source + self.target + options
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        return self.ethernet + b"\x08\0" + head + payload

    def sealed(self, protocol: int, text: bytes, at: int, version: int = 4) -> bytes:
        """The same bytes with the checksum that belongs at `at`."""
        ends = self.source + self.target if version == 4 else self.source6 + self.target6
        summed = ends + struct.pack(">HH", protocol, len(text)) + text
        return text[:at] + struct.pack(">H", checksum(summed + bytes(len(summed) % 2))) + text[at + 2:]

    def udp_text(self, version: int, source: int, port: int, data: bytes) -> bytes:
        """A datagram."""
        text = struct.pack(">HHHH", source, port, 8 + len(data), 0) + data
        return self.sealed(UDP, text, 6, version)

    def tcp_text(self, version: int) -> bytes:
        """A segment, with options now and then."""
        options = b""
        if self.chance.random() < 0.5:
            options = self.chance.choice((b"\2\4\5\xb4", b"\1\1\5\x0a" + self.chance.randbytes(8),
                                          b"\3\3\7\0", self.chance.randbytes(8)))
        flags = self.chance.choice((2, 16, 24, 17, 4, 18, self.chance.getrandbits(8)))
        data = REQUEST if self.chance.random() < 0.3 else self.data(100)
        text = struct.pack(">HHIIBBHHH", self.chance.randrange(1024, 1400), self.pick(80, 80, 80, 443),
                           self.chance.getrandbits(32), self.chance.getrandbits(32),
                           (5 + len(options) // 4) << 4, flags, self.pick(0, 64240), 0, 0)
        return self.sealed(TCP, text + options + data, 16, version)

    def arp(self) -> bytes:
        """A question or an answer, also from others and about others."""
        mac = b"\2\0\0" + self.chance.randbytes(3)
        sender = self.target[:3] + bytes((self.chance.randrange(100, 255),))
        return self.chance.choice((BROADCAST, self.ethernet[:6])) + mac + b"\x08\6" + struct.pack(
            ">HHBBH", 1, 0x800, 6, 4, self.pick(1, 2)) + mac + sender + bytes(6) + self.target

    def icmp(self) -> bytes:
        """An echo, or word of a packet that did not arrive."""
        text = struct.pack(">BBHI", self.chance.choice((8, 8, 0, 3, 5, 11, 13)), 0, 0,
                           self.chance.getrandbits(32)) + self.data(200)
        text += bytes(len(text) % 2)
        return self.ip4(ICMP, text[:2] + struct.pack(">H", checksum(text)) + text[4:])

    def udp(self) -> bytes:
        """A datagram to some port."""
        return self.ip4(UDP, self.udp_text(4, self.pick(53, 67, 123), self.pick(7, 68, 53), self.data(300)))

    def dns(self) -> bytes:
        """An answer that nobody asked for."""
        return self.ip4(UDP, self.udp_text(4, 53, self.pick(49152), DNS_ANSWER))

    def dhcp(self) -> bytes:
        """What a DHCP server says."""
        text = struct.pack(">BBBBIHH", 2, 1, 6, 0, self.chance.getrandbits(32), 0, 0) + bytes(4) + \
            self.target + self.source + bytes(4) + self.ethernet[:6] + bytes(10 + 192) + \
            b"\x63\x82\x53\x63\x35\1" + bytes((self.chance.randrange(8),)) + b"\x36\4" + self.source + \
            b"\x33\4\0\0\2\x58\1\4\xff\xff\xff\0\3\4" + self.source + b"\xff"
        return self.ip4(UDP, self.udp_text(4, 67, 68, text))

    def tcp(self) -> bytes:
        """A segment to the web server, of no connection or of a new one."""
        return self.ip4(TCP, self.tcp_text(4))

    def fragment(self) -> bytes:
        """A piece of a larger packet, of few packets, so that they meet."""
        offset = self.chance.randrange(0, 400) | self.chance.choice((0, 0x2000, 0x2000))
        return self.ip4(self.chance.choice((ICMP, UDP, TCP)), self.data(64) * 8, offset,
                        self.chance.randrange(8))

    def igmp(self) -> bytes:
        """A question about groups."""
        text = struct.pack(">BBH4s", self.pick(0x11, 0x16) & 255, 100, 0, b"\xe0\0\0\xfb")
        return self.ip4(IGMP, text[:2] + struct.pack(">H", checksum(text)) + text[4:])

    # ---- IPv6 ----

    def ip6(self, following: int, payload: bytes) -> bytes:
        """A packet in its frame."""
        return self.ethernet + b"\x86\xdd" + struct.pack(
            ">IHBB", 6 << 28, len(payload), following, 255) + self.source6 + self.target6 + payload

    def icmp6(self) -> bytes:
        """An echo, or what neighbours, routers and listeners say."""
        kind = self.chance.choice((128, 129, 1, 2, 3, 4, 130, 131, 134, 135, 136, 137))
        text = struct.pack(">BBHI", kind, 0, 0, self.chance.getrandbits(32))
        if kind in (135, 136):
            text += self.target6 + b"\1\1" + self.ethernet[6:12]
        elif kind == 134:  # of no life: others go on being believed
            text = text[:6] + b"\0\0" + bytes(8) + b"\3\4\x40\xc0" + bytes(12) + \
                b"\xfd\1" + bytes(14)
        else:
            text += self.data(100)
        return self.ip6(ICMP6, self.sealed(ICMP6, text, 2, 6))

    def udp6(self) -> bytes:
        """A datagram to some port."""
        return self.ip6(UDP, self.udp_text(6, self.pick(53, 547), self.pick(546), self.data(300)))

    def tcp6(self) -> bytes:
        """A segment to the web server."""
        return self.ip6(TCP, self.tcp_text(6))

    def fragment6(self) -> bytes:
        """A piece of a larger packet, or other headers before what is carried."""
        if self.chance.random() < 0.5:
            offset = self.chance.randrange(0, 400) << 3 | self.chance.randrange(2)
            return self.ip6(44, struct.pack(">BBHI", UDP, 0, offset, self.chance.randrange(8)) +
                            self.data(64) * 8)
        return self.ip6(self.chance.choice((0, 43, 60)), bytes((ICMP6, 0)) + self.data(14) +
                        self.data(40))

    # ---- and others ----

    def vlan(self) -> bytes:
        """Another maker's, with a tag."""
        frame = self.chance.choice(self.makers[:13])()
        return frame[:12] + b"\x81\0" + struct.pack(">H", self.pick(0, 1)) + frame[12:]

    def noise(self) -> bytes:
        """No protocol."""
        return self.chance.choice((self.ethernet[:6], BROADCAST)) + self.chance.randbytes(8) + \
            self.data(1000)

    def mutated(self, frame: bytes) -> bytes:
        """The frame with a few mistakes, behind its addresses."""
        wrong = bytearray(frame)
        for _ in range(self.chance.choice((0, 1, 1, 2, 4, 8))):
            at = self.chance.randrange(12, len(wrong))
            wrong[at] = self.chance.choice((wrong[at] ^ 1 << self.chance.randrange(8), 0, 255,
                                            self.chance.getrandbits(8)))
        kind = self.chance.random()
        if kind < 0.1:
            del wrong[self.chance.randrange(14, len(wrong) + 1):]
        elif kind < 0.2:
            wrong += self.data(200)
        return bytes(wrong[:1514])

    def make(self) -> bytes:
        """A frame."""
        frame = self.chance.choice(self.makers)()
        return frame if self.chance.random() < 0.3 else self.mutated(frame)


BATCH, ALIKE = 2000, 10


def arrived(name: str) -> int:
    """How many frames the machine has taken from its end of the line. Spec: proc(5), /proc/net/dev."""
    with open("/proc/net/dev") as table:
        row = next(line for line in table if line.strip().startswith(name + ":"))
    return int(row.split(":")[1].split()[9])


def main() -> None:
    """Sends until as many as it was told have arrived; some find no room on the way."""
    source, target, seed, count = sys.argv[1:]
    link, ethernet = open_link(target)
    name = link.getsockname()[0]
    frames = Frames(ethernet, source, target, int(seed))
    begin = now = arrived(name)
    while now - begin < int(count):
        for _ in range(BATCH):
            frame = frames.make()
            send(link, frame)
            for _ in range(1, ALIKE):
                send(link, frames.mutated(frame))
        now = arrived(name)
    print(f"arrived {now - begin}")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""A router and a DHCPv6 server on one interface: what machines under test ask and are told.

    router6.py INTERFACE PREFIX DNS [GIVEN]

Advertises PREFIX (of 64 bits) and DNS to who asks for routers. With GIVEN, an address, it says that
addresses are to be asked for, and gives it. Its own link-local address must be there already.
"""

from __future__ import annotations

import selectors
import socket
import struct
import sys

SOLICITATION, ADVERTISEMENT = 133, 134
MANAGED = 0x80
SOLICIT, ADVERTISE, REPLY = 1, 2, 7
CLIENT_ID, SERVER_ID, IA_NA, IA_ADDRESS = 1, 2, 3, 5
LIFETIME_S = 3600


def group_socket(kind: int, protocol: int, interface: str, group: str) -> socket.socket:
    """A socket on the interface that hears a group; what it sends is for this link."""
    made = socket.socket(socket.AF_INET6, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    index = socket.if_nametoindex(interface)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                    socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index))
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    return made


def advertisement(prefix: bytes, dns: bytes, flags: int) -> bytes:
    """RFC 4861 section 4.2 with options 3 (the prefix) and 25 (the DNS server); the kernel sums."""
    return (struct.pack("!BBHBBHII", ADVERTISEMENT, 0, 0, 64, flags, LIFETIME_S, 0, 0)
            + struct.pack("!BBBBIII", 3, 4, 64, 0xC0, LIFETIME_S, LIFETIME_S, 0) + prefix
            + struct.pack("!BBHI", 25, 3, 0, LIFETIME_S) + dns)


def option(code: int, value: bytes) -> bytes:
    """RFC 8415 section 21.1."""
    return struct.pack("!HH", code, len(value)) + value


def client_id(question: bytes) -> bytes:
    """Who asks."""
    at = 4
    while at + 4 <= len(question):
        code, length = struct.unpack_from("!HH", question, at)
        if code == CLIENT_ID:
            return question[at + 4:at + 4 + length]
        at += 4 + length
    return b""


def answer(question: bytes, given: bytes) -> bytes:
    """What a client is told: the address, for some time."""
    address = option(IA_ADDRESS, given + struct.pack("!II", LIFETIME_S, LIFETIME_S))
    return (bytes([ADVERTISE if question[0] == SOLICIT else REPLY]) + question[1:4]
            + option(CLIENT_ID, client_id(question)) + option(SERVER_ID, b"\0\2\0\0test")
            + option(IA_NA, struct.pack("!III", 1, 0, 0) + address))


def main(interface: str, prefix: str, dns: str, given: str = "") -> None:
    """Serves until it is ended."""
    def packed(text: str) -> bytes:
        return socket.inet_pton(socket.AF_INET6, text)

    router = group_socket(socket.SOCK_RAW, socket.IPPROTO_ICMPV6, interface, "ff02::2")
    server = group_socket(socket.SOCK_DGRAM, 0, interface, "ff02::1:2")
    server.bind(("::", 547))
    selector = selectors.DefaultSelector()
    selector.register(router, selectors.EVENT_READ)
    selector.register(server, selectors.EVENT_READ)
    word = advertisement(packed(prefix), packed(dns), MANAGED if given else 0)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj is router and router.recv(2048)[0] == SOLICITATION:
                router.sendto(word, ("ff02::1", 0))
            elif key.fileobj is server:
                question, client = server.recvfrom(2048)
                if given:
                    server.sendto(answer(question, packed(given)), client)


if __name__ == "__main__":
    main(*sys.argv[1:])

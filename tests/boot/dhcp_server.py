# SPDX-License-Identifier: MIT
"""A DHCP server on one interface, for one machine under test.

    dhcp_server.py INTERFACE OWN GIVEN MTU TIME_SERVER DNS...

Gives the address GIVEN to whoever asks, with the interface's MTU, a time server and DNS servers.
"""

from __future__ import annotations

import socket
import struct
import sys

COOKIE = b"\x63\x82\x53\x63"
FIXED_BYTES = 236
DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
LEASE_S = 3600


def packed(*addresses: str) -> bytes:
    """IPv4 addresses, one behind the other."""
    return b"".join(map(socket.inet_aton, addresses))


def option(code: int, value: bytes) -> bytes:
    """RFC 2132 section 2."""
    return bytes([code, len(value)]) + value


def options_of(message: bytes) -> dict[int, bytes]:
    """What a client says."""
    found, at = {}, FIXED_BYTES + len(COOKIE)
    while at + 1 < len(message) and message[at] != 255:
        if message[at] == 0:
            at += 1
            continue
        found[message[at]] = message[at + 2:at + 2 + message[at + 1]]
        at += 2 + message[at + 1]
    return found


def main(interface: str, own: str, given: str, mtu: str, time_server: str, *dns: str) -> None:
    """Serves until it is ended."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    server.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    server.bind(("", 67))
    known = {54: packed(own), 51: struct.pack("!I", LEASE_S), 1: packed("255.255.255.0"),
             3: packed(own), 6: packed(*dns), 42: packed(time_server),
             26: struct.pack("!H", int(mtu))}
    print("ready", flush=True)
    while True:
        question = server.recv(2048)
        asked = options_of(question)
        kind = {DISCOVER: OFFER, REQUEST: ACK}.get(asked.get(53, b"\0")[0])
        if kind is None:
            continue
        wanted = {code: value for code, value in known.items()
                  if code in (54, 51) or code in asked.get(55, b"")}
        head = bytes([2]) + question[1:16] + packed(given, own) + question[24:FIXED_BYTES]
        server.sendto(head + COOKIE + option(53, bytes([kind])) +
                      b"".join(option(*row) for row in wanted.items()) + b"\xff",
                      ("255.255.255.255", 68))


if __name__ == "__main__":
    main(*sys.argv[1:])

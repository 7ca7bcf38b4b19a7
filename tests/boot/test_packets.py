# SPDX-License-Identifier: MIT
"""Packets to look at: on the console and in a file."""

from __future__ import annotations

import pathlib
import struct

from clients import curl
from conftest import Starter

ETHERNET = 1  # link type of the file format, draft-ietf-opsawg-pcap section 4
HTTP = 80


def frames(recorded: bytes) -> list[bytes]:
    """The frames of a pcap file."""
    magic, *_, link_type = struct.unpack_from("<IHHiIII", recorded)
    assert (magic, link_type) == (0xA1B2C3D4, ETHERNET)
    found, at = [], 24
    while at < len(recorded):
        *_, kept, length = struct.unpack_from("<4I", recorded, at)
        assert kept == length
        found.append(recorded[at + 16:at + 16 + kept])
        at += 16 + kept
    return found


def is_from_port(frame: bytes, port: int) -> bool:
    """A TCP segment from there, by IPv4 without options."""
    return (frame[12:15], frame[23:24]) == (b"\x08\x00\x45", b"\x06") and \
        frame[34:36] == port.to_bytes(2, "big")


def test_packets(boot: Starter, tmp_path: pathlib.Path) -> None:
    """One line for each packet with option net=trace, and all of them with --pcap."""
    pcap = tmp_path / "all.pcap"
    machine = boot("http", append="net=trace", more=["--pcap", str(pcap)])
    machine.wait_for(r"^Toril is serving ")
    assert curl(f"{machine.url}/hello.txt").startswith("Hello")
    machine.wait_for(r"net: core 0 rx \d+: 10\.0\.2\.2:\d+ > 10\.0\.2\.15:80 tcp S seq \d+ win \d+, "
                     r"0 bytes$")
    machine.wait_for(r"net: core 0 tx \d+: 10\.0\.2\.15:80 > 10\.0\.2\.2:\d+ tcp SA seq ")
    machine.wait_for(r"net: core 0 tx \d+: 10\.0\.2\.15:80 > 10\.0\.2\.2:\d+ tcp P?A .*, [1-9]\d+ bytes")
    machine.wait_for(r"net: core 0 tx \d+: 0\.0\.0\.0:68 > 255\.255\.255\.255:67 udp \d+ bytes")
    machine.wait_for(r"net: core 0 rx \d+: arp ")
    machine.stop()
    answers = [frame for frame in frames(pcap.read_bytes()) if is_from_port(frame, HTTP)]
    assert any(b"HTTP/1.1 200 OK\r\n" in frame for frame in answers)

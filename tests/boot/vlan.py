# SPDX-License-Identifier: MIT
"""The other side of a VLAN, for hosts whose kernel has none: frames on one interface that carry a tag
come out of a tap device without it, and what goes into that gets the tag.

    vlan.py INTERFACE ID TAP
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import sys

ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA, PACKET_VNET_HDR, PACKET_OUTGOING = 263, 8, 15, 4
TP_STATUS_VLAN_VALID = 1 << 4
TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 2, 0x1000, 0x4000
# struct virtio_net_hdr, in front of each frame: what is left to the receiver to sum up and to cut.
VNET_HEADER_BYTES = 10
FRAME_BYTES_MAX = 65536


def tag_of(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    """The VLAN of a received frame, which the kernel has taken out of it."""
    for level, kind, data in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:  # struct tpacket_auxdata
            status, tag = struct.unpack_from("@I12xH", data)
            return tag & 0xFFF if status & TP_STATUS_VLAN_VALID else None
    return None


def main(interface: str, number: str, name: str) -> None:
    """Carries frames until it is ended."""
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    packets.bind((interface, ETH_P_ALL))
    packets.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    packets.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("@16sH22x", name.encode(),
                                        IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    print("ready", flush=True)
    while True:
        readable, _, _ = select.select([packets, tap], [], [])
        if packets in readable:
            frame, ancillary, _, sender = packets.recvmsg(FRAME_BYTES_MAX, 64)
            if sender[2] != PACKET_OUTGOING and tag_of(ancillary) == int(number):
                os.write(tap, frame)
        if tap in readable:
            frame = os.read(tap, FRAME_BYTES_MAX)  # summed up: the tap device was told nothing else
            at = VNET_HEADER_BYTES + 12
            packets.send(frame[:at] + struct.pack("!HH", 0x8100, int(number)) + frame[at:])


if __name__ == "__main__":
    main(*sys.argv[1:])

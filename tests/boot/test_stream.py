# SPDX-License-Identifier: MIT
"""Streams through a card with and without what it can take over from the machine."""

from __future__ import annotations

import textwrap

import pytest

from conftest import Namespace, Starter

ADDRESS = "10.77.0.2"

CLIENT = textwrap.dedent("""
    import socket, sys, time
    address, size = sys.argv[1], 16 << 20
    def connect(port):
        for _ in range(100):
            try:
                return socket.create_connection((address, port), 60)
            except OSError:
                time.sleep(0.1)
        sys.exit("no connection")
    line = lambda number: bytes(32 + (number + column) % 95 for column in range(72)) + b"\\r\\n"
    period = b"".join(line(number) for number in range(95))
    expected = period * (size // len(period) + 2)
    source = connect(19)
    stamps = source.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[5] & 1  # tcpi_options
    assert stamps == int(sys.argv[2]), stamps
    done = 0
    while done < size:
        part = source.recv(1 << 20)
        assert part and part == expected[done % len(period):][:len(part)], done
        done += len(part)
    sink = connect(9)
    sink.sendall(expected[:size])
    sink.shutdown(socket.SHUT_WR)
    assert sink.recv(1) == b""  # all of it was taken
    print("all", size)
""")

OFFLOADS = "csum=off,guest_csum=off,host_tso4=off,host_tso6=off,guest_tso4=off,guest_tso6=off"
CARDS = {
    "all": ("", r"\+host_tso4 .*\+guest_tso4 .*\+mrg_rxbuf"),
    "packed": ("packed=on", r"\+ring_packed"),
    "no mrg_rxbuf": ("mrg_rxbuf=off", r"\+host_tso4 .*-guest_tso4 .*-mrg_rxbuf"),
    "no offloads": (OFFLOADS + ",indirect_desc=off", r"-indirect_desc -csum .*-host_tso4"),
}
STAMPED = ("packed", "no offloads")  # their machines have time stamps


@pytest.mark.parametrize("card", CARDS)
def test_stream(boot: Starter, namespace: Namespace, card: str) -> None:
    """16 MiB each way, those that come back byte for byte."""
    options, said = CARDS[card]
    qemu = " ".join(f"-global virtio-net-pci.{option}" for option in options.split(",") if option)
    stamped = card in STAMPED
    machine = boot("stream", net="tap=tap0", inside=namespace.inside, qemu=qemu,
                   append=f"ip={ADDRESS}/24" + stamped * " tcp_timestamps=on")
    machine.wait_for(said)
    machine.wait_for(r"stream: discard on port 9, chargen on port 19")
    assert namespace.run(["/usr/bin/python3", "-c", CLIENT, ADDRESS, str(int(stamped))]).startswith("all ")
    machine.stop()


SEGMENT = textwrap.dedent("""
    import socket, sys
    with socket.create_connection((sys.argv[1], 9), 60) as stream:
        print(stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
""")


@pytest.mark.parametrize(("mtu", "option", "segment"), [(9000, "", 8960), (576, "", 536),
                                                        (9000, "mtu=4000", 3960)])
def test_mtu(boot: Starter, namespace: Namespace, mtu: int, option: str, segment: int) -> None:
    """Frames of another length than Ethernet's, and TCP segments that fill them."""
    namespace.run(["ip", "link", "set", "tap0", "mtu", str(mtu)])
    machine = boot("stream", net="tap=tap0", append=f"ip={ADDRESS}/24 {option}",
                   inside=namespace.inside, qemu=f"-global virtio-net-pci.host_mtu={mtu}")
    machine.wait_for(rf"mtu {mtu}, link up")
    machine.wait_for(r"stream: discard on port 9, chargen on port 19")
    assert namespace.run(["/usr/bin/python3", "-c", CLIENT, ADDRESS, "0"]).startswith("all ")
    assert int(namespace.run(["/usr/bin/python3", "-c", SEGMENT, ADDRESS])) == segment
    machine.stop()
    namespace.run(["ip", "link", "set", "tap0", "mtu", "1500"])

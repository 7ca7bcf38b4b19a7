# SPDX-License-Identifier: MIT
"""Machines with two network cards: each serves its own network, and neither waits for the other."""

from __future__ import annotations

import pathlib
import re
import subprocess
from collections.abc import Callable, Iterator

import pytest

from clients import ask_all_cores
from conftest import Machine, Namespace, Starter
from test_fetch import Servers, servers  # noqa: F401 (a fixture)
from test_ip6 import router  # noqa: F401 (a fixture)

FIRST, SECOND = "virtio-net at 00:02.0", "virtio-net at 00:03.0"
OWN = ("5054:ff:fe12:3456", "5054:ff:fe12:3457")  # what QEMU's hardware addresses make of a prefix
ELSEWHERE = "192.0.2.77"


def sent_frames(namespace: Namespace, device: str) -> int:
    """How many frames a card has sent."""
    metrics = namespace.run(["curl", "-s", "http://10.77.0.2/metrics"])
    found = re.findall(rf'^toril_network_sent_frames_total\{{core="\d+",device="{device}"\}} (\d+)$',
                       metrics, re.M)
    assert len(found) == 4, metrics
    return sum(map(int, found))


def test_both_serve(boot: Starter, namespace: Namespace, router: Callable[..., None]) -> None:  # noqa: F811
    """On tap0 and tap1, the second with queues for each core, on both links a router with the same
    address: all cores answer on each card, by both families, link-local addresses included, and each
    answer leaves by the card of its question, also to who is on neither's network."""
    for number in (0, 1):
        namespace.run(["ip", "link", "set", f"tap{number}", "addrgenmode", "none"])
        router(f"tap{number}", f"2001:db8:7{7 + number}::", f"2001:db8:7{7 + number}::53")
        namespace.run(["ip", "address", "add", f"2001:db8:7{7 + number}::1/64", "dev", f"tap{number}",
                       "nodad"])
    namespace.run(["ip", "address", "add", f"{ELSEWHERE}/32", "dev", "tap0"])
    machine = boot("http", net="tap=tap0", inside=namespace.inside, more=["--net", "tap=tap1"],
                   append="ip=10.77.0.2/24,gw=10.77.0.1 ip.1=10.78.0.2/24,gw=10.78.0.1 mtu.1=1400")
    machine.wait_for(r"http: listening on 10\.77\.0\.2:80")
    for card, device in enumerate((FIRST, SECOND)):
        address = f"2001:db8:7{7 + card}:0:{OWN[card]}"
        machine.wait_for(rf"net: {address}/64 by router advertisement, router fe80::1, .*, {device}$")
        ask_all_cores(namespace, f"http://[{address}]")
        ask_all_cores(namespace, f"http://[fe80::{OWN[card]}%tap{card}]")
    before = sent_frames(namespace, SECOND)
    asked = ask_all_cores(namespace, "http://10.77.0.2")
    assert len(asked) == 4 and all(asked.values()), asked
    assert sent_frames(namespace, SECOND) - before < 100
    before = sent_frames(namespace, FIRST)
    ask_all_cores(namespace, "http://10.78.0.2")
    ask_all_cores(namespace, "http://10.78.0.2", "--interface", ELSEWHERE)
    assert sent_frames(namespace, FIRST) - before < 100  # what asks for the figures
    assert " 0% packet loss" in namespace.run(["ping", "-c", "3", "-i", "0.2", "-s", "4000",
                                               "10.78.0.2"])
    expect_seen(machine, namespace)
    assert not machine.find(r"^toril: (panic|fault): "), machine.console
    machine.stop()


def expect_seen(machine: Machine, namespace: Namespace) -> None:
    """Addresses, routes and neighbours say which card they are of."""
    metrics = namespace.run(["curl", "-s", "http://10.77.0.2/metrics"])
    for row in (f'address{{address="10.77.0.2/24",origin="option ip",state="preferred",device="{FIRST}"}}',
                f'address{{address="10.78.0.2/24",origin="option ip",state="preferred",device="{SECOND}"}}',
                f'route{{destination="10.78.0.0/24",router="",device="{SECOND}"}}',
                f'link_up{{device="{SECOND}",mac="52:54:00:12:34:57",mtu="1500"}}'):
        assert f"toril_network_{row} 1\n" in metrics, metrics
    machine.type("n")
    machine.wait_for(rf"^card       {FIRST}, link up, ")
    machine.wait_for(rf"^card       {SECOND}, link up, ")
    machine.wait_for(rf"^address    10\.78\.0\.2/24 by option ip, preferred, {SECOND}$")
    machine.wait_for(rf"^neighbour  10\.78\.0\.1 at .*, {SECOND}$")


def test_client(boot: Starter, namespace: Namespace, servers: Servers) -> None:  # noqa: F811
    """Questions and connections leave by the card in whose network the server is."""
    machine = boot("fetch", net="tap=tap0", inside=namespace.inside,
                   more=["--net", "tap=tap1", "--ca", str(servers.authority)],
                   append="net=trace ip=10.77.0.2/24,gw=10.77.0.1 ip.1=10.78.0.2/24,dns=10.78.0.1 "
                          "-- http://server.test:8000/")
    machine.expect_end(0)
    assert machine.find(r"^hello$")
    wrong = [line for line in machine.lines if "10.78.0.1" in line and SECOND not in line and
             "trace" not in line and " tx " in line]
    assert not wrong, wrong
    assert machine.find(rf"net: core 0 {SECOND} tx \d+: .*10\.78\.0\.2.* > 10\.78\.0\.1")


@pytest.fixture
def vlan7(namespace: Namespace) -> Iterator[str]:
    """A VLAN on tap0: an interface with what is in it."""
    other_side = subprocess.Popen([*namespace.inside, "/usr/bin/python3",
                                   str(pathlib.Path(__file__).with_name("vlan.py")), "tap0", "7",
                                   "vlan7"], stdout=subprocess.PIPE)
    assert other_side.stdout is not None and other_side.stdout.readline() == b"ready\n"
    for words in ("link set lo up", "address replace 10.79.0.1/24 dev vlan7", "link set vlan7 up",
                  "address replace 2001:db8:79::1/64 dev vlan7 nodad",
                  f"address replace {BEYOND}/32 dev lo", f"address replace {BEYOND6}/128 dev lo"):
        namespace.run(["ip", *words.split()])
    yield "vlan7"
    other_side.kill()
    other_side.wait()


BEYOND, BEYOND6 = "198.51.100.7", "2001:db8:99::7"  # behind a router
GIVEN = "2001:db8:79::abcd"
# Asks an echo server from one address, by many ports: datagrams of both sizes, whole and in
# fragments, and connections. What answers from elsewhere than what was asked is not heard.
ASK = """
import socket, sys

source, asked, interface = sys.argv[1:]
family = socket.AF_INET6 if ":" in asked else socket.AF_INET
scope = socket.if_nametoindex(interface) if asked.startswith("fe80:") else 0
own, to = ((source, 0, 0, scope), (asked, 7, 0, scope)) if ":" in asked else ((source, 0), (asked, 7))
for size in [100, 3000] * 8:
    with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(own)
        datagrams.connect(to)
        datagrams.settimeout(3)
        for attempt in range(20):  # a datagram may be lost
            datagrams.send(bytes(size))
            try:
                assert datagrams.recv(65536) == bytes(size)
                break
            except TimeoutError:
                pass
        else:
            raise SystemExit(f"no answer to {size} bytes from {asked} for {source}")
    with socket.socket(family) as connection:
        connection.settimeout(60)
        connection.bind(own)
        connection.connect(to)
        connection.sendall(bytes(size))
        while size > 0:
            size -= len(connection.recv(size))
"""


def test_vlan_on_second(boot: Starter, namespace: Namespace, vlan7: str,
                        router: Callable[..., None]) -> None:  # noqa: F811
    """The second card, of another kind, is in a VLAN by option and gets addresses from a router and by
    DHCPv6: each is served, and answers itself, by streams and datagrams, to who is there and to who is
    behind the router, though the first card has one, too."""
    router(vlan7, "2001:db8:79::", "2001:db8:79::53", GIVEN)
    machine = boot("echo", net="tap=tap1", inside=namespace.inside,
                   more=["--net", "tap=tap0", "--card", "virtio", "--card", "e1000e"],
                   append="ip=10.78.0.2/24,gw=10.78.0.1 ip.1=10.79.0.2/24,gw=10.79.0.1 vlan.1=7")
    machine.wait_for(r"echo: listening on port 7")
    made = f"2001:db8:79:0:{OWN[1]}"
    for address in (f"{made}/64 by router advertisement", f"{GIVEN}/128 by DHCPv6"):
        machine.wait_for(rf"net: {address}, router fe80::1, .*, e1000e at 00:03\.0$")
    for source, asked in (("10.78.0.1", "10.78.0.2"), ("10.79.0.1", "10.79.0.2"), (BEYOND, "10.79.0.2"),
                          ("2001:db8:79::1", made), ("2001:db8:79::1", GIVEN), (BEYOND6, GIVEN),
                          (BEYOND6, made), ("fe80::1", f"fe80::{OWN[1]}")):
        namespace.run(["/usr/bin/python3", "-c", ASK, source, asked, vlan7])
    assert not machine.find(r"^toril: (panic|fault): "), machine.console


def test_other_kind(boot: Starter, namespace: Namespace) -> None:
    """A card that nobody answers holds up neither the boot nor the other card, of another kind and
    with other options; an option for a card that is not there is named."""
    namespace.run(["ip", "link", "set", "lo", "up"])
    machine = boot("http", net="tap=tap0", inside=namespace.inside,
                   more=["--net", "user", "--card", "virtio", "--card", "e1000",
                         "--port", "8077:80"], append="ip6=off ip.2=10.9.0.2/24 net_cores=4")
    machine.wait_for(r"http: listening on 10\.0\.3\.15:80")
    assert machine.find(r"options: ip\.2=10\.9\.0\.2/24: there is no network card 2")
    asked = ask_all_cores(namespace, "http://127.0.0.1:8077")
    assert len(asked) == 4 and all(asked.values()), asked
    machine.wait_for(rf"net: no DHCP lease at {FIRST} after 10 s: still trying")
    machine.stop()

# SPDX-License-Identifier: MIT
"""IPv6: addresses from routers, DHCPv6 and options, and service on them by all cores."""

from __future__ import annotations

import pathlib
import subprocess
from collections.abc import Callable, Iterator

import pytest

from clients import ask_all_cores
from conftest import Namespace, Starter

ROUTER = pathlib.Path(__file__).with_name("router6.py")
# What QEMU's default hardware address makes of a prefix.
OWN = "5054:ff:fe12:3456"
CLIENT = "2001:db8:99::1"


@pytest.fixture
def router(namespace: Namespace) -> Iterator[Callable[..., None]]:
    """Starts a router on one of the tap devices."""
    running = []

    def start(interface: str, *words: str) -> None:
        namespace.run(["ip", "address", "replace", "fe80::1/64", "dev", interface, "nodad"])
        process = subprocess.Popen([*namespace.inside, "/usr/bin/python3", str(ROUTER), interface,
                                    *words], stdout=subprocess.PIPE)
        running.append(process)
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_router(boot: Starter, namespace: Namespace, router: Callable[..., None]) -> None:
    """The machine makes itself an address of what a router advertises. All cores serve on it, on
    the link-local one, and by IPv4, and reach who is behind the router."""
    router("tap1", "2001:db8:78::", "2001:db8:78::53")
    namespace.run(["ip", "address", "add", "2001:db8:78::1/64", "dev", "tap1", "nodad"])
    namespace.run(["ip", "link", "set", "lo", "up"])
    namespace.run(["ip", "address", "add", f"{CLIENT}/128", "dev", "lo"])
    machine = boot("http", net="tap=tap1", append="ip=10.78.0.2/24", inside=namespace.inside)
    machine.wait_for(rf"net: 2001:db8:78:0:{OWN}/64 by router advertisement, router fe80::\S+, "
                     r"DNS 2001:db8:78::53")
    machine.wait_for(r"http: listening on ")
    served = ask_all_cores(namespace, f"http://[2001:db8:78:0:{OWN}]")
    assert len(served) == 4 and all(count >= 5 for count in served.values()), served
    again = ask_all_cores(namespace, f"http://[2001:db8:78:0:{OWN}]",
                          "--interface", CLIENT)
    assert all(again[core] > served[core] + 4 for core in served), (served, again)
    metrics = namespace.run(["curl", "-s", "http://10.78.0.2/metrics"])
    assert f'toril_network_address{{address="2001:db8:78:0:{OWN}/64",' in metrics, metrics
    assert 'toril_network_route{destination="::/0",router="fe80::' in metrics, metrics
    assert 'toril_network_neighbour{address="10.78.0.1",' in metrics, metrics
    ask_all_cores(namespace, f"http://[fe80::{OWN}%tap1]")
    ask_all_cores(namespace, "http://10.78.0.2")
    assert " 0% packet loss" in namespace.run(["ping", "-6", "-c", "3", "-i", "0.2", "-s", "4000",
                                               f"2001:db8:78:0:{OWN}"])
    machine.stop()


def test_dhcp6(boot: Starter, namespace: Namespace, router: Callable[..., None]) -> None:
    """Where the router says so, an address is asked for. With one pair of queues, cores that get
    their frames from another one serve on it too. Nothing is known of IPv4."""
    router("tap0", "2001:db8:77::", "2001:db8:77::53", "2001:db8:77::abcd")
    namespace.run(["ip", "address", "add", "2001:db8:77::1/64", "dev", "tap0", "nodad"])
    machine = boot("http", net="tap=tap0", append="net_cores=4", inside=namespace.inside)
    machine.wait_for(r"net: 2001:db8:77::abcd/128 by DHCPv6, router fe80::")
    machine.wait_for(r"http: listening on \[2001:db8:77:")
    served = ask_all_cores(namespace, "http://[2001:db8:77::abcd]")
    assert len(served) == 4 and all(served.values()), served
    machine.stop()


def test_static(boot: Starter, namespace: Namespace) -> None:
    """An address by option; another machine has the second one, which is then not used."""
    namespace.run(["ip", "address", "add", "fd00:77::1/64", "dev", "tap0", "nodad"])
    machine = boot("http", net="tap=tap0", append="ip=10.77.0.2/24 ip6=fd00:77::2/64,gw=fd00:77::1",
                   inside=namespace.inside)
    machine.wait_for(r"net: fd00:77::2/64 by option ip6, router fd00:77::1, no DNS")
    status = namespace.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                            "--retry", "30", "--retry-connrefused", "http://[fd00:77::2]/"])
    assert status == "200"
    machine.stop()
    machine = boot("http", net="tap=tap0", append="ip=10.77.0.2/24 ip6=fd00:77::1/64",
                   inside=namespace.inside)
    machine.wait_for(r"net: fd00:77::1 is another machine's already: it is not used")
    machine.stop()

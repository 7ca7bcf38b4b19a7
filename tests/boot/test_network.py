# SPDX-License-Identifier: MIT
"""Networks that are odd, absent or silent."""

from __future__ import annotations

import re

from conftest import Machine, Namespace, Starter

SERVING = r"^Toril is serving "


def test_ping(boot: Starter, namespace: Namespace) -> None:
    """The machine answers pings of all sizes, and HTTP, at the address it was given."""
    machine = boot("http", net="tap=tap0", append="ip=10.77.0.2/24", inside=namespace.inside)
    machine.wait_for(r"net: 10\.77\.0\.2/24 by option ip")
    answer = namespace.run(["ping", "-c", "5", "-i", "0.2", "-w", "60", "10.77.0.2"])
    assert re.search(r"\b5 received", answer), answer
    large = namespace.run(["ping", "-c", "2", "-s", "1400", "-w", "60", "10.77.0.2"])
    assert re.search(r"\b[2-9] received", large), large
    status = namespace.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                            "--retry", "30", "--retry-connrefused", "http://10.77.0.2/"])
    assert status == "200"
    machine.stop()


def test_no_lease(boot: Starter, namespace: Namespace) -> None:
    """Without a DHCP server the machine says that it has no address, and goes on."""
    machine = boot("http", net="tap=tap0", inside=namespace.inside)
    machine.wait_for(r"net: no DHCP lease after \d+ s")
    assert not machine.find(r"^toril: (panic|fault): "), machine.console
    machine.stop()


def test_static_address(boot: Starter) -> None:
    """An address from the options takes the place of DHCP."""
    machine = boot("http", append="ip=10.0.2.15/24,gw=10.0.2.2")
    machine.wait_for(SERVING)
    machine.wait_for(r"net: 10\.0\.2\.15/24 by option ip, gateway 10\.0\.2\.2")
    machine.stop()


def test_no_card(boot: Starter) -> None:
    """Without a network card the console says so and the machine does not panic."""
    machine = boot("http", net="none")
    machine.wait_for(r"net: no network: there is no network card")
    check_alive(machine)


def test_unsupported_card(boot: Starter) -> None:
    """A card without a driver is named, so that its owner knows what is missing."""
    machine = boot("http", net="none", qemu="-netdev user,id=n -device e1000,netdev=n,romfile=")
    machine.wait_for(r"net: network card 8086:100e at \S+: there is no driver")
    machine.wait_for(r"net: no network: none of 1 network card is usable")
    check_alive(machine)


def check_alive(machine: Machine) -> None:
    """The machine was not ended by a panic; it ends now."""
    assert not machine.find(r"^toril: (panic|fault): "), machine.console
    machine.stop()

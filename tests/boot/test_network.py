# SPDX-License-Identifier: MIT
"""Networks that are odd, absent or silent."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest

from clients import ask_all_cores, relayed
from conftest import Machine, Namespace, Starter

SERVING = r"^Toril is serving "


def test_ping(boot: Starter, namespace: Namespace) -> None:
    """The machine answers pings of all sizes, and HTTP, at the address it was given."""
    machine = boot("http", net="tap=tap0", append="ip=10.77.0.2/24", inside=namespace.inside)
    machine.wait_for(r"net: 10\.77\.0\.2/24 by option ip")
    answer = namespace.run(["ping", "-c", "5", "-i", "0.2", "-w", "60", "10.77.0.2"])
    assert re.search(r"\b[5-9] received", answer), answer  # one too many may be under way
    large = namespace.run(["ping", "-c", "2", "-s", "1400", "-w", "60", "10.77.0.2"])
    assert re.search(r"\b[2-9] received", large), large
    status = namespace.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                            "--retry", "30", "--retry-connrefused", "http://10.77.0.2/"])
    assert status == "200"
    # Datagrams that nobody takes are answered by errors, but not each.
    namespace.run(["/usr/bin/python3", "-c", "import socket\n"
                   "sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                   "for i in range(200):\n"
                   "    sender.sendto(b'x', ('10.77.0.2', 9999))\n"])
    metrics = namespace.run(["curl", "-s", "--retry", "30", "http://10.77.0.2/metrics"])
    withheld = re.findall(r"^toril_icmp_dropped_errors_total.* (\d+)$", metrics, re.MULTILINE)
    assert 100 < sum(map(int, withheld)) < 200, metrics
    machine.stop()


@pytest.mark.parametrize(("steering", "said"), [
    ("", r"frames go to 4 cores by connection"),
    ("-global virtio-net-pci.rss=on", r"frames go to 4 cores by hash \(RSS\)"),
])
def test_queues(boot: Starter, namespace: Namespace, steering: str, said: str) -> None:
    """With a pair of queues for each core, all cores serve; nothing travels between them."""
    machine = boot("http", net="tap=tap1", append="ip=10.78.0.2/24", inside=namespace.inside,
                   qemu=steering)
    machine.wait_for(said)
    machine.wait_for(r"net: 4 cores serve, 4 with queues of their own")
    machine.wait_for(r"http: listening on ")
    served = ask_all_cores(namespace, "http://10.78.0.2")
    assert len(served) == 4 and all(served.values()), served
    assert relayed(namespace, "http://10.78.0.2") == 0
    # Each core learned this side's address, whichever heard the answer.
    namespace.run(["ip", "neighbour", "flush", "dev", "tap1"])
    served = ask_all_cores(namespace, "http://10.78.0.2")
    assert all(count >= 10 for count in served.values()), served
    machine.stop()


def test_one_queue(boot: Starter, namespace: Namespace) -> None:
    """With one pair of queues, others that shall serve get the frames of their connections."""
    machine = boot("http", net="tap=tap0", append="ip=10.77.0.2/24 net_cores=4",
                   inside=namespace.inside)
    machine.wait_for(r"net: 4 cores serve, 1 with queues of their own")
    machine.wait_for(r"http: listening on ")
    served = ask_all_cores(namespace, "http://10.77.0.2")
    assert len(served) == 4 and all(served.values()), served
    assert relayed(namespace, "http://10.77.0.2") > 100
    machine.stop()


AGAIN = """
import errno, socket, time

def connect():
    while True:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        connection.settimeout(4)  # TIME-WAIT lasts 5 s
        connection.bind(("10.77.0.1", 40123))
        try:
            connection.connect(("10.77.0.2", 80))
            return connection
        except OSError as why:
            if why.errno != errno.EADDRNOTAVAIL:
                raise
            time.sleep(0.01)  # this side's end is not acknowledged yet

for _ in range(30):
    connection = connect()
    connection.sendall(b"GET /hello.txt HTTP/1.1\\r\\nHost: t\\r\\nConnection: close\\r\\n\\r\\n")
    answer = b""
    while piece := connection.recv(4096):
        answer += piece
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    connection.close()
"""


def test_same_port_again(boot: Starter, namespace: Namespace) -> None:
    """A client that comes back from the port of a connection just ended is served at once."""
    machine = boot("http", net="tap=tap0", append="ip=10.77.0.2/24", inside=namespace.inside)
    machine.wait_for(r"http: listening on ")
    namespace.run(["/usr/bin/python3", "-c", AGAIN])
    machine.stop()


def test_fewer_cores(boot: Starter, namespace: Namespace) -> None:
    """Option net_cores leaves the other cores to the app."""
    machine = boot("http", net="tap=tap1", append="ip=10.78.0.2/24 net_cores=2",
                   inside=namespace.inside)
    machine.wait_for(r"net: 2 cores serve, 2 with queues of their own")
    machine.wait_for(r"http: listening on ")
    served = ask_all_cores(namespace, "http://10.78.0.2")
    assert [served[core] > 0 for core in range(4)] == [True, True, False, False], served
    machine.stop()


def test_no_lease(boot: Starter, namespace: Namespace) -> None:
    """Without a DHCP server the machine says that it has no address, and goes on."""
    machine = boot("http", net="tap=tap0", inside=namespace.inside)
    machine.wait_for(r"net: no DHCP lease after \d+ s")
    assert not machine.find(r"^toril: (panic|fault): "), machine.console
    machine.stop()


def test_lease(boot: Starter, namespace: Namespace) -> None:
    """What a lease names holds: the longest packet, on all cores; DNS and time servers are known."""
    server = subprocess.Popen([*namespace.inside, "/usr/bin/python3",
                               str(pathlib.Path(__file__).with_name("dhcp_server.py")), "tap0",
                               "10.77.0.1", "10.77.0.9", "1200", "10.77.0.5",
                               *(f"10.77.0.{i}" for i in range(10, 16))], stdout=subprocess.PIPE)
    assert server.stdout is not None and server.stdout.readline() == b"ready\n"
    machine = boot("http", net="tap=tap0", append="net_cores=4", inside=namespace.inside)
    machine.wait_for(r"net: 10\.77\.0\.9/24 by DHCP, gateway 10\.77\.0\.1, DNS 10\.77\.0\.10 and "
                     r"10\.77\.0\.11, MTU 1200, NTP 10\.77\.0\.5, virtio-net")
    machine.wait_for(r"http: listening on 10\.77\.0\.9:80")
    metrics = namespace.run(["curl", "-s", "http://10.77.0.9/metrics"])
    assert "\ntoril_network_mtu_bytes 1200\n" in metrics, metrics
    assert 'toril_network_time_server{address="10.77.0.5"} 1' in metrics, metrics
    sizes = namespace.run(["/usr/bin/python3", "-c", LARGEST_SEGMENTS])
    assert set(sizes.split()) == {str(1200 - 20 - 20)}, sizes
    machine.stop()
    server.kill()
    server.wait()


LARGEST_SEGMENTS = """
import socket

for _ in range(16):  # on whichever cores
    connection = socket.create_connection(("10.77.0.9", 80), 60)
    print(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
    connection.close()
"""


def test_static_address(boot: Starter) -> None:
    """An address from the options takes the place of DHCP."""
    machine = boot("http", append="ip=10.0.2.15/24,gw=10.0.2.2")
    machine.wait_for(SERVING)
    machine.wait_for(r"net: 10\.0\.2\.15/24 by option ip, gateway 10\.0\.2\.2")
    machine.stop()


def test_vlan(boot: Starter, namespace: Namespace) -> None:
    """With option vlan all frames carry its tag, and others are not heard. All cores serve."""
    other_side = subprocess.Popen([*namespace.inside, "/usr/bin/python3",
                                   str(pathlib.Path(__file__).with_name("vlan.py")), "tap1", "7",
                                   "vlan7"], stdout=subprocess.PIPE)
    assert other_side.stdout is not None and other_side.stdout.readline() == b"ready\n"
    for words in ("address add 10.79.0.1/24 dev vlan7", "link set vlan7 up"):
        namespace.run(["ip", *words.split()])
    # The other side hears frames as they are: the machine sums and cuts for itself.
    machine = boot("http", net="tap=tap1", append="ip=10.79.0.2/24 vlan=7",
                   inside=namespace.inside, qemu="-global virtio-net-pci.csum=off")
    machine.wait_for(r"net: 4 cores serve, 4 with queues of their own")
    machine.wait_for(r"http: listening on ")
    namespace.run(["sh", "-c", "ping -c 1 -W 1 10.78.0.2; true"])  # without a tag
    served = ask_all_cores(namespace, "http://10.79.0.2")
    assert len(served) == 4 and all(served.values()), served
    metrics = namespace.run(["curl", "-s", "http://10.79.0.2/metrics"])
    others = re.findall(r"^toril_network_received_other_vlan_total{.*} (\d+)$", metrics,
                        re.MULTILINE)
    assert sum(map(int, others)) > 0, metrics
    machine.stop()
    other_side.kill()
    other_side.wait()


def test_no_card(boot: Starter) -> None:
    """Without a network card the console says so and the machine does not panic."""
    machine = boot("http", net="none")
    machine.wait_for(r"net: no network: there is no network card")
    check_alive(machine)


def test_unsupported_card(boot: Starter) -> None:
    """A card without a driver is named, so that its owner knows what is missing."""
    machine = boot("http", net="none", qemu="-netdev user,id=n -device rtl8139,netdev=n,romfile=")
    machine.wait_for(r"net: network card 10ec:8139 at \S+: there is no driver")
    machine.wait_for(r"net: no network: none of 1 network card is usable")
    check_alive(machine)


def check_alive(machine: Machine) -> None:
    """The machine was not ended by a panic; it ends now."""
    assert not machine.find(r"^toril: (panic|fault): "), machine.console
    machine.stop()

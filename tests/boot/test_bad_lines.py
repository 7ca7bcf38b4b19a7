# SPDX-License-Identifier: MIT
"""What goes over a bad line arrives byte for byte, both ways: app http's values, put and got."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import subprocess
import textwrap
import time
from typing import Iterator

import pytest

from bad_line import BadLine
from conftest import HANG_S, Machine, Namespace, Starter

ADDRESS, HOST = "10.79.0.2", "10.79.0.1"
MIB = 1 << 20
SEED = 20250117
OUTAGE_S = 6

# Puts random bytes in parts, then gets them back, in connections of their own.
CLIENT = textwrap.dedent("""
    import http.client, random, sys
    address, size, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    random.seed(seed)
    parts = [random.randbytes(min(size - at, 1 << 20)) for at in range(0, size, 1 << 20)]
    def ask(method, bodies):
        connection = http.client.HTTPConnection(address, timeout=100)
        for number, body in enumerate(bodies):
            connection.request(method, f"/kv/part{number}", body)
            answer = connection.getresponse()
            assert answer.status // 100 == 2, (method, answer.status)
            yield answer.read()
        connection.close()
    none = [None] * len(parts)
    list(ask("PUT", parts))
    for sent, got in zip(parts, ask("GET", none), strict=True):
        assert len(got) == len(sent), len(got)
        assert got == sent, next(i for i in range(len(sent)) if got[i] != sent[i])
    list(ask("DELETE", none))
    print("all", size)
""")

# Puts a value, asks for it, says that it will send no more, and says when the answer begins.
LAST_CLIENT = textwrap.dedent("""
    import http.client, random, socket, sys
    address, value = sys.argv[1], random.randbytes(30000)
    connection = http.client.HTTPConnection(address, timeout=100)
    connection.request("PUT", "/kv/last", value)
    assert connection.getresponse().status // 100 == 2
    connection.close()
    with socket.create_connection((address, 80), 100) as connection:
        connection.sendall(b"GET /kv/last HTTP/1.1\\r\\nHost: t\\r\\n\\r\\n")
        connection.shutdown(socket.SHUT_WR)
        said = connection.recv(1)
        print("begun", flush=True)
        while part := connection.recv(65536):
            said += part
    assert said.endswith(value), len(said)
    print("all")
""")


@dataclasses.dataclass
class Badness:
    """What a line does, the most that fits a frame of it, and how much is sent over it."""

    loss: float = 0
    late: float = 0
    duplicate: float = 0
    damage: float = 0
    delay_ms: float = 0  # each way
    mtu: int = 1500
    size: int = 3 * MIB


LINES = {
    "good": Badness(),
    "loss 1 %": Badness(loss=0.01),
    "loss 5 %": Badness(loss=0.05, size=MIB),
    "order": Badness(late=0.05),
    "duplicates": Badness(duplicate=0.1),
    "delay": Badness(delay_ms=50),
    "damage": Badness(damage=0.02, size=2 * MIB),
    "mtu 576": Badness(mtu=576),
    "mtu 9000": Badness(mtu=9000),
    "mtu 576, loss": Badness(mtu=576, loss=0.02, size=MIB),
    "mtu 9000, loss": Badness(mtu=9000, loss=0.02),
    "all": Badness(loss=0.01, late=0.02, duplicate=0.02, damage=0.01, delay_ms=20, size=MIB // 2),
}


@pytest.fixture(scope="module")
def line(namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BadLine]:
    """A line to tap device `line0`."""
    with BadLine("line0", tmp_path_factory.mktemp("line"), SEED, namespace.inside) as made:
        for words in (f"address add {HOST}/24 dev line0", "link set line0 up"):
            namespace.run(["ip", *words.split()])
        yield made


@pytest.fixture(scope="module")
def server(boot: Starter, line: BadLine) -> Machine:
    """A web server at its other end, for frames of every length."""
    machine = boot("http", net="none", append=f"ip={ADDRESS}/24 plain_http=on", smp=2,
                   qemu=f"{line.qemu} -device virtio-net-pci,netdev=line,romfile=,host_mtu=9000")
    machine.wait_for(r"mtu 9000, link up")
    machine.wait_for(r"^\[.*http: .*80")
    return machine


@pytest.mark.parametrize("name", LINES)
def test_every_byte(server: Machine, line: BadLine, namespace: Namespace, name: str) -> None:
    """Up and down; and the line was as bad as it was meant to be."""
    bad = LINES[name]
    namespace.run(["ip", "link", "set", "line0", "mtu", str(bad.mtu)])
    line.become(loss=bad.loss, late=bad.late, duplicate=bad.duplicate, damage=bad.damage,
                delay_ms=bad.delay_ms)
    said = namespace.run(["/usr/bin/python3", "-c", CLIENT, ADDRESS, str(bad.size),
                          str(list(LINES).index(name))])
    assert said.strip() == f"all {bad.size}"
    counts = line.become()
    assert min(counts["passed"]) > bad.size // bad.mtu // 3  # acknowledgements at least
    for what, chance in (("lost", bad.loss), ("late", bad.late), ("duplicated", bad.duplicate),
                         ("damaged", bad.damage)):
        assert (sum(counts[what]) > 0) == (chance > 0), counts


def test_it_was_noticed(server: Machine, line: BadLine, namespace: Namespace) -> None:
    """What was damaged was dropped by its checksums; what was lost was sent again, seldom for a
    timeout; and what came twice was told. All of it is counted."""
    line.become()
    metrics = namespace.run(["curl", "-s", f"http://{ADDRESS}/metrics"])

    def count(name: str) -> int:
        found = re.findall(rf'^toril_{name}_total{{core="\d+"}} (\d+)', metrics, re.M)
        assert found, f"{name} is not in: {metrics}"
        return sum(map(int, found))

    assert count("network_dropped_checksum") > 0
    assert count("tcp_resent_early_segments") > 100
    assert count("tcp_timeouts") < count("tcp_resent_early_segments") / 4
    assert count("tcp_resent_needless_segments") > 0
    assert server.find("panic") is None


def test_last_answer(server: Machine, line: BadLine, namespace: Namespace) -> None:
    """Nothing comes through for longer than a connection may wait in LAST-ACK; its answer does, then."""
    namespace.run(["ip", "link", "set", "line0", "mtu", "1500"])
    line.become(delay_ms=300)
    client = subprocess.Popen([*namespace.inside, "/usr/bin/python3", "-c", LAST_CLIENT, ADDRESS],
                              stdout=subprocess.PIPE, text=True)
    assert client.stdout is not None and client.stdout.readline() == "begun\n"
    line.become(loss=1)
    time.sleep(OUTAGE_S)
    lost = line.become()["lost"]
    assert client.communicate(timeout=HANG_S)[0] == "all\n"
    assert lost[1] > 0  # from the machine

# SPDX-License-Identifier: MIT
"""The web server under what many clients, or bad ones, do to it: it goes on serving, and has its
memory back afterwards. What they do is in floods.py, frames.py, slow_clients.py and stages.py."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from conftest import LOAD_HANG_S, ROOT, Machine, Namespace, Starter

SERVER = "10.77.0.2"
# The table of connections stays as large as it was: at most so much for each.
TABLE_BYTES = 64


class Server:
    """A web server on a tap device, and who asks it from the other side."""

    def __init__(self, namespace: Namespace, machine: Machine, address: str = SERVER) -> None:
        self._namespace = namespace
        self._address = address
        self.machine = machine

    def suffer(self, what: str, *numbers: int) -> dict[str, list[int]]:
        """Runs a script of this folder. Returns: the numbers behind the words that it printed."""
        script, _, kind = what.partition(" ")
        words = [kind, self._address] if kind else ["10.77.0.1", self._address]
        said = self._namespace.run(["/usr/bin/python3", f"{ROOT}/tests/boot/{script}.py", *words,
                                    *map(str, numbers)], LOAD_HANG_S)
        print(said)
        assert not self.machine.find(r"^toril: (panic|fault): "), self.machine.console
        return {name.strip(): [int(number) for number in re.findall(r"-?\d+", values)]
                for name, values in re.findall(r"([A-Za-z -]+[A-Za-z])((?: -?[\d.]+)+)", said)}


@pytest.fixture(scope="module")
def server(boot: Starter, namespace: Namespace) -> Iterator[Server]:
    """One machine for all tests here."""
    machine = boot("http", net="tap=tap0", inside=namespace.inside, smp=2,
                   append=f"ip={SERVER}/24,gw=10.77.0.1 -- connections=12000")
    machine.wait_for(r"http: listening on ")
    made = Server(namespace, machine)
    # Their time is over when the last test looks.
    assert made.suffer("stages begin", 10)["connections"][0] >= 200
    yield made
    machine.stop()


def test_many_connections(server: Server) -> None:
    """10,000 are open, and answer again; an idle one takes less than 4 KiB."""
    said = server.suffer("floods many", 10000)
    assert said["bytes each"][0] < 4096
    assert said["left"][0] < 10000 * TABLE_BYTES


def test_syn_flood(server: Server) -> None:
    """Clients are served while others open connections that they never confirm."""
    said = server.suffer("floods syn", 3000)
    assert said["dropped"][0] > 1000, "the flood was too small to shut anybody out"
    assert said["served"][0] > 10


def test_frames(server: Server) -> None:
    """A million frames of all protocols, wrong ones most of them; the tests behind say that all is well."""
    assert server.suffer("frames", 3, 1000000)["arrived"][0] >= 1000000


def test_slow_clients(server: Server) -> None:
    """Hundreds that read, write or stop as slowly as they like hold nobody up. Who takes or says
    nothing, or never finishes a request, is ended by a time limit, and told so if it can be."""
    said = server.suffer("slow_clients each", 72)
    assert said["clients"][0] >= 500
    assert said["ended"][0] >= 72 * 6
    assert said["dripped"][0] > 10000
    assert said["copied"][0] > 0, "there always were enough receive buffers"
    assert said["left"][0] < 200000


def test_resets(server: Server) -> None:
    """Connections are reset at every stage."""
    assert server.suffer("floods resets", 500)["left"][0] < 65536


def test_ends_at_every_stage(server: Server) -> None:
    """By segments made by hand: resets, ends and new beginnings, with right numbers and wrong ones."""
    assert server.suffer("stages ended", 10)["left"][0] < 65536


def test_churn(server: Server) -> None:
    """Connections that the server ends first are remembered, which shuts nobody out, and forgotten."""
    said = server.suffer("floods churn", 20000)
    assert said["in TIME-WAIT"][0] > 1000
    assert said["left"][0] < 20000 * TABLE_BYTES


def test_vanished_clients(server: Server) -> None:
    """Connections whose clients said nothing any more, at every stage, are all ended."""
    said = server.suffer("stages gone", 0)
    assert said["half open"] == said["orphans"] == [0]
    assert said["given up"][0] > 0


def test_no_memory(boot: Starter, namespace: Namespace) -> None:
    """A machine with little memory says 503 once it has none, and serves when it has some again."""
    machine = boot("http", net="tap=tap1", inside=namespace.inside, smp=1, memory=64,
                   append="ip=10.78.0.2/24 -- kv=256")
    machine.wait_for(r"http: listening on ")
    said = Server(namespace, machine, "10.78.0.2").suffer("floods fill", 1200)
    machine.stop()
    assert said["stored"][0] > 100 and said["refused"][0] > 100
    assert said["left"][0] < 1024 * 1024

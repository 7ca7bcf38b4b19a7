# SPDX-License-Identifier: MIT
"""App fetch, and below it names, connections from each core, and the date from a time server."""

from __future__ import annotations

import pathlib
import re
import subprocess
from collections.abc import Iterator

import pytest

from conftest import HANG_S, Namespace, Starter
from servers import BODY

HERE = pathlib.Path(__file__).resolve().parent
BASE = "ip=10.78.0.2/24,dns=10.78.0.1 ntp=server.test"


class Servers:
    """tests/boot/servers.py, inside of the namespace."""

    def __init__(self, namespace: Namespace, folder: pathlib.Path) -> None:
        self.authority = folder / "authority.pem"
        key = folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "30000",
                        "-subj", "/CN=server.test", "-addext", "subjectAltName=DNS:server.test",
                        "-keyout", str(key), "-out", str(self.authority)],
                       check=True, capture_output=True, timeout=HANG_S)
        self._process = subprocess.Popen(
            [*namespace.inside, "/usr/bin/python3", str(HERE / "servers.py"), "10.78.0.1",
             str(self.authority), str(key)], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "serving\n"

    def stop(self) -> list[str]:
        """Ends them. Returns: what they said."""
        self._process.kill()
        return self._process.communicate(timeout=HANG_S)[0].splitlines()


@pytest.fixture
def servers(namespace: Namespace, tmp_path: pathlib.Path) -> Iterator[Servers]:
    """Servers at 10.78.0.1."""
    made = Servers(namespace, tmp_path)
    yield made
    made.stop()


def test_fetch(boot: Starter, namespace: Namespace, servers: Servers) -> None:
    """Bodies of all kinds come whole, and each failure is told; the date is the server's."""
    urls = ["http://server.test:8000/from/here", "http://10.78.0.1:8000/until-close",
            "https://server.test:8443/chunked", "https://alias.test:8443/",
            "http://server.test:8000/cut", "http://server.test:8000/loop",
            "http://nobody.test/", "http://server.test:81/", "ftp://server.test/",
            "http://server.test:8000/missing"]
    machine = boot("fetch", net="tap=tap1", append=f"{BASE} -- {' '.join(urls)}",
                   inside=namespace.inside, more=["--ca", str(servers.authority)])
    machine.expect_end(3)
    body = [line for line in machine.lines if line.startswith("line ")]
    assert body == BODY.decode().splitlines() * 3, machine.console
    assert machine.find(r"^none!$")
    for wrong in (r"fetch: alias\.test:8443: .*(?:name|certificate)",
                  r"fetch: server\.test:8000: it ended before it was whole",
                  r"fetch: http://server\.test:8000/loop: the server leads on and on",
                  r"fetch: nobody\.test: nobody\.test: there is no such name",
                  r"fetch: server\.test:81: cannot connect to 10\.78\.0\.1:81: Connection refused",
                  r"fetch: ftp://server\.test/: this is no URL",
                  r"fetch: server\.test:8000: the server's answer is 404"):
        assert machine.find(wrong), f"{wrong}\n{machine.console}"
    assert machine.find(r"ntp: it is 20[3-9]\d-\d\d-\d\d .* UTC, says server\.test \(stratum 2")


def test_from_each_core(boot: Starter, namespace: Namespace, servers: Servers) -> None:
    """A connection that a core opens comes back to it, by its port; its TLS sessions go on."""
    machine = boot("fetch", net="tap=tap1", inside=namespace.inside,
                   append="ip=10.78.0.2/24,dns=10.78.0.1 -- everywhere" +
                   " http://server.test:8000/" * 6 + " https://server.test:8443/" * 2,
                   more=["--ca", str(servers.authority)])
    machine.expect_end(0)
    assert machine.find(r"net: 4 cores serve, 4 with queues of their own")
    assert machine.lines.count("hello") == 32, machine.console
    said = "\n".join(servers.stop())
    assert said.count(" resumed") == 4, said
    ports = [int(found) for found in re.findall(r"asked / from (\d+)", said)]
    assert len(ports) == 32
    parts = [(port - 49152) // 4096 for port in ports]
    assert [parts.count(core) for core in range(4)] == [8, 8, 8, 8], ports

# SPDX-License-Identifier: MIT
"""App http and the programs that people use: one machine on a tap, each client by HTTP and HTTPS."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import HANG_S, ROOT, Machine, Namespace, Starter

ADDRESS = "10.78.0.2"
HELLO = (ROOT / "apps/http/www/hello.txt").read_bytes()
SCHEMES = ["http", "https"]


class Host:
    """Where the clients run: beside a machine, alone with it on a network."""

    def __init__(self, machine: Machine, namespace: Namespace, folder: pathlib.Path) -> None:
        self.machine = machine
        self.folder = folder
        self.authority = str(folder / "ca.pem")
        self._inside = namespace.inside

    def run(self, *command: str, status: int = 0) -> str:
        """Runs a client, which must end with `status`. Returns: what it printed, errors too."""
        done = subprocess.run([*self._inside, *command], stdout=subprocess.PIPE, cwd=self.folder,
                              stderr=subprocess.STDOUT, errors="replace", timeout=HANG_S)
        assert done.returncode == status, f"{command} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def curl(self, scheme: str, path: str, *arguments: str) -> str:
        """What curl gets, which checks the certificate."""
        return self.run("curl", "-sS", "--noproxy", "*", "--cacert", self.authority, *arguments,
                        f"{scheme}://{ADDRESS}{path}")


@pytest.fixture(scope="module", name="host")
def fixture_host(boot: Starter, namespace: Namespace,
                 tmp_path_factory: pytest.TempPathFactory) -> Host:
    """Four cores that serve both."""
    folder = tmp_path_factory.mktemp("clients")
    subprocess.run([str(ROOT / "tests/certificates"), str(folder)], check=True)
    machine = boot("http", net="tap=tap1", append=f"ip={ADDRESS}/24 plain_http=on",
                   more=["--cert", str(folder / "chain.pem"), "--key", str(folder / "server.key")],
                   inside=namespace.inside)
    machine.wait_for(r"http: listening on .*:443 with TLS")
    return Host(machine, namespace, folder)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_curl(host: Host, scheme: str) -> None:
    """What curl can ask for: versions, parts, compression, uploads with and without a length."""
    for version in ("--http1.0", "--http1.1", "--http2"):  # HTTP/2 is offered, and not taken
        assert host.curl(scheme, "/hello.txt", version).encode() == HELLO
    assert host.curl(scheme, "/hello.txt", "-r", "3-9").encode() == HELLO[3:10]
    style = (ROOT / "apps/http/www/style.css").read_text()
    assert host.curl(scheme, "/style.css", "--compressed") == style
    assert host.curl(scheme, "/hello.txt", "-I").startswith("HTTP/1.1 200 OK")
    big = host.folder / "big"
    big.write_bytes(bytes(range(256)) * 1500)  # curl waits for 100 Continue
    host.curl(scheme, "/kv/big", "-T", str(big))
    host.curl(scheme, "/kv/chunked", "-T", str(big), "-H", "Transfer-Encoding: chunked")
    for key in ("big", "chunked"):
        host.curl(scheme, f"/kv/{key}", "-o", "back")
        assert (host.folder / "back").read_bytes() == big.read_bytes()
        host.curl(scheme, f"/kv/{key}", "-X", "DELETE", "-f")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_wget(host: Host, scheme: str) -> None:
    """wget finds all that the page needs, goes on with half a file, and takes nothing twice."""
    wget = ["wget", "--no-proxy", f"--ca-certificate={host.authority}", "-nv"]
    base = f"{scheme}://{ADDRESS}"
    mirror = host.folder / f"mirror-{scheme}"
    host.run(*wget, "-p", "-nH", "-P", str(mirror), f"{base}/")
    for name in ("app.js", "style.css", "logo.svg"):
        assert (mirror / name).read_bytes() == (ROOT / "apps/http/www" / name).read_bytes()
    half = mirror / "hello.txt"
    half.write_bytes(HELLO[:50])
    host.run(*wget, "-c", "-P", str(mirror), f"{base}/hello.txt")
    assert half.read_bytes() == HELLO
    half.unlink()
    for said in ("200 OK", "304 Not Modified"):
        assert said in host.run(*wget, "-S", "-N", "-P", str(mirror), f"{base}/hello.txt")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("keep_alive", [[], ["-k"]])
def test_ab(host: Host, scheme: str, keep_alive: list[str]) -> None:
    """ApacheBench speaks HTTP/1.0, with a connection a request or with keep-alive."""
    said = host.run("ab", "-q", "-c", "16", "-n", "400", *keep_alive, f"{scheme}://{ADDRESS}/hello.txt")
    assert re.search(r"^Complete requests: +400$", said, re.MULTILINE), said
    assert re.search(r"^Failed requests: +0$", said, re.MULTILINE), said
    assert "Non-2xx" not in said
    kept = re.search(r"^Keep-Alive requests: +(\d+)$", said, re.MULTILINE)
    assert (kept[1] if kept else "0") == ("400" if keep_alive else "0"), said


@pytest.mark.parametrize("scheme", SCHEMES)
def test_h2load(host: Host, scheme: str) -> None:
    """h2load with eight requests under way on each connection."""
    said = host.run("h2load", "--h1", "-n", "2000", "-c", "16", "-m", "8",
                    f"{scheme}://{ADDRESS}/hello.txt")
    assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in said
    assert "status codes: 2000 2xx" in said


@pytest.mark.parametrize("scheme", SCHEMES)
def test_wrk(host: Host, scheme: str) -> None:
    """wrk has no complaint."""
    said = host.run("wrk", "-t1", "-c32", "-d1s", f"{scheme}://{ADDRESS}/hello.txt")
    assert re.search(r"^ +\d+ requests in ", said, re.MULTILINE), said
    assert "Socket errors" not in said and "Non-2xx" not in said, said


def test_nmap(host: Host) -> None:
    """nmap's probes of dozens of protocols leave the service whole; what it sees of TLS has grade A."""
    said = host.run("nmap", "-Pn", "-n", "-sV", "-p", "80,443", "--script", "ssl-enum-ciphers,http-title",
                    ADDRESS)
    assert re.search(r"^80/tcp +open +http", said, re.MULTILINE), said
    assert re.search(r"^443/tcp +open +ssl/http", said, re.MULTILINE), said
    assert said.count("HTTP/1.1 200 OK") >= 2, said  # it asked both as HTTP
    assert "http-title: Toril" in said
    assert set(re.findall(r"TLSv1\.\d|SSLv\d", said)) == {"TLSv1.2", "TLSv1.3"}
    assert "least strength: A" in said
    assert set(re.findall(r"TLS_\w+ \([^)]+\) - (\w)", said)) == {"A"}
    for scheme in SCHEMES:
        assert host.curl(scheme, "/healthz") == "ok\n"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_chromium(host: Host, scheme: str) -> None:
    """A browser runs the status page: its script refreshes the figures and has no complaint."""
    if not shutil.which("chromium"):
        pytest.skip("no chromium here; it is too large to install for this: apt-get install chromium")
    said = host.run("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-proxy-server",
                    f"--user-data-dir={host.folder}/profile", "--ignore-certificate-errors",
                    "--enable-logging=stderr", "--virtual-time-budget=5000", "--timeout=60000",
                    "--dump-dom", f"{scheme}://{ADDRESS}/")
    assert "CONSOLE" not in said, said
    assert re.search(r'id="live"[^>]*><i></i><span>live</span>', said), said
    assert re.search(r'id="rate">[^<]+ a second<', said), said
    assert ADDRESS in said

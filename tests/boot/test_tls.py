# SPDX-License-Identifier: MIT
"""HTTPS as clients see it: versions, ciphers, certificates, resumption, and machines that cannot.

All certificates are made for the test, by tests/certificates.
"""

from __future__ import annotations

import pathlib
import re
import select
import socket
import ssl
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator

import pytest
from conftest import HANG_S, ROOT, Machine, Starter, free_port, press_power_button

NAME = "toril.test"
REQUEST = b"GET /hello.txt HTTP/1.1\r\nHost: toril.test\r\n\r\n"
HELLO = (ROOT / "apps/http/www/hello.txt").read_bytes()


@pytest.fixture(scope="module", name="certificates")
def fixture_certificates(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with certificates and keys."""
    folder = tmp_path_factory.mktemp("certificates")
    subprocess.run([str(ROOT / "tests/certificates"), str(folder)], check=True)
    return folder


def with_certificate(folder: pathlib.Path, certificate: str, key: str) -> list[str]:
    """What `./toril run` is to be told."""
    return ["--cert", str(folder / certificate), "--key", str(folder / key)]


class Secure:
    """A machine that serves HTTPS, and how to speak to it."""

    def __init__(self, machine: Machine, port: int, folder: pathlib.Path,
                 monitor: pathlib.Path | None = None) -> None:
        self.machine = machine
        self.port = port
        self.folder = folder
        self.monitor = monitor

    def context(self) -> ssl.SSLContext:
        """A client that trusts the test's authority."""
        return ssl.create_default_context(cafile=str(self.folder / "ca.pem"))

    def connect(self, context: ssl.SSLContext, session: ssl.SSLSession | None = None,
                name: str = NAME) -> ssl.SSLSocket:
        """Shakes hands."""
        raw = socket.create_connection(("127.0.0.1", self.port), HANG_S)
        return context.wrap_socket(raw, server_hostname=name, session=session)

    def run(self, command: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a client."""
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=HANG_S)


@pytest.fixture(scope="module", name="secure")
def fixture_secure(boot: Starter, certificates: pathlib.Path,
                   tmp_path_factory: pytest.TempPathFactory) -> Secure:
    """Four cores that all serve HTTPS, plain HTTP beside it, and QEMU's monitor."""
    port = free_port()
    monitor = tmp_path_factory.mktemp("qemu") / "monitor"
    files = tmp_path_factory.mktemp("files")
    (files / "tls").mkdir()
    (files / "tls" / "hosts.pem").write_bytes((certificates / "hosts.pem").read_bytes())
    machine = boot("http", append="net_cores=4 plain_http=on -- stop=100",
                   qemu=f"-monitor unix:{monitor},server,nowait",
                   more=[*with_certificate(certificates, "chain.pem", "server.key"),
                         "--files", str(files), "--port", f"{port}:443"])
    machine.wait_for(r"^Toril is serving https://")
    assert machine.find(r"http: listening on .*:443 with TLS")
    return Secure(machine, port, certificates, monitor)


def ask(connection: ssl.SSLSocket) -> bytes:
    """One request. Returns: the body of its answer."""
    connection.sendall(REQUEST)
    return receive_body(connection)


def receive_body(connection: ssl.SSLSocket) -> bytes:
    """Returns: the body of the answer that comes."""
    answer = b""
    while not answer.endswith(HELLO):
        part = connection.recv(65536)
        assert part, answer
        answer += part
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return answer.partition(b"\r\n\r\n")[2]


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
def test_version(secure: Secure, version: ssl.TLSVersion) -> None:
    """Both versions, with many requests on a connection, and an orderly end."""
    context = secure.context()
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    with secure.connect(context) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
        for _ in range(20):
            assert ask(connection) == HELLO
        connection.sendall(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        while connection.recv(65536):
            pass  # without close_notify this would raise
        assert connection.unwrap() is not None


@pytest.mark.parametrize("version", VERSIONS)
def test_resumed_on_any_core(secure: Secure, version: ssl.TLSVersion) -> None:
    """A session goes on in further connections, whichever core they come to."""
    context = secure.context()
    context.minimum_version = context.maximum_version = version
    with secure.connect(context) as connection:
        ask(connection)
        session = connection.session
    for _ in range(12):
        with secure.connect(context, session) as connection:
            assert connection.session_reused
            assert ask(connection) == HELLO
            if version == ssl.TLSVersion.TLSv1_3:  # a ticket is for one use
                session = connection.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_version_refused(secure: Secure, version: ssl.TLSVersion) -> None:
    """TLS 1.0 and 1.1 are not spoken, whatever the client would allow."""
    context = secure.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so old that Python says so
        context.minimum_version = context.maximum_version = version
    with pytest.raises(ssl.SSLError, match="(?i)protocol.version"):
        secure.connect(context)


WEAK = ["AES128-GCM-SHA256", "AES256-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384",
        "DHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-NULL-SHA", "AECDH-AES128-SHA"]
STRONG = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
          "ECDHE-ECDSA-CHACHA20-POLY1305"]


@pytest.mark.parametrize("cipher", WEAK + STRONG)
def test_cipher(secure: Secure, cipher: str) -> None:
    """Without forward secrecy or authenticated encryption there is no connection."""
    done = secure.run(["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", "-tls1_2",
                       "-cipher", f"{cipher}:@SECLEVEL=0", "-brief"])
    assert ("CONNECTION ESTABLISHED" in done.stderr) == (cipher in STRONG), done.stderr


def test_s_client_sees(secure: Secure) -> None:
    """What a checker looks for: a chain that verifies, no compression, no renegotiation."""
    done = secure.run(["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", "-tls1_2",
                       "-servername", NAME, "-verify_hostname", NAME,
                       "-CAfile", str(secure.folder / "ca.pem")])
    for line in ("Verify return code: 0 (ok)", "Compression: NONE", "Secure Renegotiation IS supported",
                 "Extended master secret: yes"):
        assert line in done.stdout, done.stdout
    refused = secure.run(["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", "-tls1_2"], "R\n")
    assert "no renegotiation" in refused.stderr, refused.stderr


def test_curl(secure: Secure) -> None:
    """curl believes it with the authority, and neither without it nor under another name."""
    base = ["curl", "-sS", "--noproxy", "*", "--resolve", f"{NAME}:{secure.port}:127.0.0.1",
            "--resolve", f"else.test:{secure.port}:127.0.0.1"]
    trust = ["--cacert", str(secure.folder / "ca.pem")]
    good = secure.run([*base, *trust, f"https://{NAME}:{secure.port}/hello.txt"])
    assert good.stdout.encode() == HELLO, good.stderr
    whole = secure.run([*base, *trust, "--request-target", f"https://{NAME}/hello.txt",
                        f"https://{NAME}:{secure.port}/"])
    assert whole.stdout.encode() == HELLO, whole.stderr
    assert secure.run([*base, f"https://{NAME}:{secure.port}/"]).returncode == 60
    assert secure.run([*base, *trust, f"https://else.test:{secure.port}/"]).returncode == 60


@pytest.mark.parametrize("version", VERSIONS)
def test_further_hosts(secure: Secure, version: ssl.TLSVersion) -> None:
    """Clients get the certificate of the host that they name, on whichever core; /metrics has its end."""
    context = secure.context()
    context.minimum_version = context.maximum_version = version
    for name in ("other.test", "any.soon.test", "toril.test") * 4:
        with secure.connect(context, name=name) as connection:
            assert ask(connection) == HELLO
    for name in ("soon.test", "else.test"):
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            secure.connect(context, name=name)
    assert secure.machine.find(r"http: the certificate in \\tls\\hosts.pem for \*\.soon\.test expires on "
                               r"20\d\d-\d\d-\d\d, in 19 days: renew it")
    done = secure.run(["curl", "-sS", "--noproxy", "*", f"{secure.machine.url}/metrics"])
    ends = dict(re.findall(r'^toril_tls_certificate_not_after_seconds{.*host="(.*)"} (\d+)$', done.stdout,
                           re.MULTILINE))
    assert list(ends) == ["toril.test", "other.test", "*.soon.test"], done.stdout
    assert 19 < (int(ends["*.soon.test"]) - time.time()) / 86400 <= 20


def test_more_than_there_is_room_for(secure: Secure) -> None:
    """Thousands of pipelined answers to a client that reads late: all of them come, and right."""
    count = 4000
    with secure.connect(secure.context()) as connection:
        assert ask(connection) == HELLO
        # One thread only: OpenSSL lets no two threads use a connection at once.
        connection.setblocking(False)
        requests = memoryview(REQUEST * count)
        answers = b""
        while answers.count(HELLO) < count:
            requests = requests[send_some(connection, requests):]
            try:
                part = connection.recv(1 << 20)
            except ssl.SSLWantReadError:
                writers = [connection] if requests else []
                assert any(select.select([connection], writers, [], HANG_S)), len(answers)
                continue
            assert part, len(answers)
            answers += part
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == count
    assert answers.endswith(HELLO)


def send_some(connection: ssl.SSLSocket, data: memoryview) -> int:
    """Returns: how many bytes could be sent without waiting."""
    sent = 0
    try:
        while sent < len(data):
            sent += connection.send(data[sent:sent + 16384])
    except ssl.SSLWantWriteError:
        pass
    return sent


def test_many_clients(secure: Secure) -> None:
    """Connections on all cores at once, each with its own bytes."""
    failures: list[BaseException] = []

    def client() -> None:
        try:
            for _ in range(5):
                with secure.connect(secure.context()) as connection:
                    for _ in range(10):
                        assert ask(connection) == HELLO
        except BaseException as why:  # a thread's failure is the test's
            failures.append(why)

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_S)
    assert not failures, failures


def test_no_tls(secure: Secure) -> None:
    """Plain HTTP and noise at the port of HTTPS are refused, and it goes on."""
    for noise in (REQUEST, b"\x16\x03\x01\x40\x01" + b"a" * 20000, b"\x80\x2e\x01\x03\x01", b"\0" * 100):
        with socket.create_connection(("127.0.0.1", secure.port), HANG_S) as raw:
            raw.sendall(noise)
            try:
                while raw.recv(4096):
                    pass
            except ConnectionResetError:
                pass
    with secure.connect(secure.context()) as connection:
        assert ask(connection) == HELLO


def test_after_the_handshake(secure: Secure) -> None:
    """New keys in the middle of a connection are not spoken; who asks for them is sent away."""
    done = secure.run(["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", "-tls1_3"], "K\nK\n")
    assert "KEYUPDATE" in done.stderr + done.stdout
    with secure.connect(secure.context()) as connection:
        assert ask(connection) == HELLO


def test_plain_beside_it(secure: Secure) -> None:
    """Plain HTTP was asked for, too; the counters say what TLS did."""
    done = secure.run(["curl", "-sS", "--noproxy", "*", f"{secure.machine.url}/metrics"])
    counts = dict(line.split(" ") for line in done.stdout.splitlines() if line.startswith("toril_http_tls"))
    assert int(counts["toril_http_tls_handshakes_total"]) >= 1
    assert int(counts["toril_http_tls_failures_total"]) >= 1


def test_values(secure: Secure, tmp_path: pathlib.Path) -> None:
    """What clients keep in the machine goes in and comes back whole, over many records each way."""
    value = bytes(range(256)) * 2000
    (tmp_path / "value").write_bytes(value)
    curl = ["curl", "-sSf", "--noproxy", "*", "--resolve", f"{NAME}:{secure.port}:127.0.0.1",
            "--cacert", str(secure.folder / "ca.pem"), f"https://{NAME}:{secure.port}/kv/over%20tls"]
    assert secure.run([*curl, "-T", str(tmp_path / "value")]).returncode == 0
    assert secure.run([*curl, "-o", str(tmp_path / "same")]).returncode == 0
    assert (tmp_path / "same").read_bytes() == value
    assert secure.run([*curl, "-X", "DELETE"]).returncode == 0
    assert secure.run(curl).returncode == 22


def test_graceful_stop(secure: Secure) -> None:
    """Idle connections end in order, a request that began is answered. The last one of this machine."""
    with secure.connect(secure.context()) as idle, secure.connect(secure.context()) as busy:
        assert ask(idle) == ask(busy) == HELLO
        busy.sendall(REQUEST + REQUEST[:20])
        assert receive_body(busy) == HELLO
        assert secure.monitor
        press_power_button(secure.monitor)
        secure.machine.wait_for(r"\] http: nobody is let in any more; answers under way: [12]$")
        assert idle.recv(4096) == b""
        busy.sendall(REQUEST[20:])
        answer = b"".join(iter(lambda: busy.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 200 ") and b"\r\nConnection: close\r\n" in answer
        assert answer.endswith(HELLO)
    secure.machine.expect_end(0)


# ---- machines that cannot ------------------------------------------------------------------------


@pytest.fixture(name="files")
def fixture_files(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder for the boot disk."""
    (tmp_path / "tls").mkdir()
    yield tmp_path


def test_nothing_asked_for(boot: Starter) -> None:
    """Without a certificate, and nobody asks for plain HTTP: it says so and ends."""
    machine = boot("http", append="plain_http=off")
    machine.expect_end(1)
    assert machine.find(r"http: plain HTTP is served only if it is asked for: option plain_http=on")


def test_key_of_another(boot: Starter, certificates: pathlib.Path) -> None:
    """Plain HTTP does not stand in for a certificate that cannot be used."""
    machine = boot("http", append="plain_http=on",
                   more=with_certificate(certificates, "chain.pem", "rsa.key"))
    machine.expect_end(1)
    assert machine.find(r"http: no HTTPS: the key in \\tls\\key.pem is not that of the first certificate")


def test_expired_by_option(boot: Starter, certificates: pathlib.Path, files: pathlib.Path) -> None:
    """Options name the files; a key that is missing is named, by its path."""
    (files / "tls" / "old.pem").write_bytes((certificates / "expired.pem").read_bytes())
    (files / "tls" / "old.key").write_bytes((certificates / "expired.key").read_bytes())
    port = free_port()
    machine = boot("http", append="tls_cert=/tls/old.pem tls_key=\\tls\\old.key tls_port=444",
                   more=["--files", str(files), "--port", f"{port}:444"])
    machine.wait_for(r"http: listening on .*:444 with TLS")
    assert machine.find(r"http: the certificate in /tls/old.pem for toril.test expired on 20\d\d-\d\d-\d\d: "
                        r"clients will")
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        Secure(machine, port, certificates).connect(
            ssl.create_default_context(cafile=str(certificates / "ca.pem")))

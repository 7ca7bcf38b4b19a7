# SPDX-License-Identifier: MIT
"""What clients do to a web server that they mean no good, on this side of its tap device.

Started with what to do, the server's address and how often; prints what it saw. All answers are
looked at, and all sockets wait HANG_S at most.
"""

from __future__ import annotations

import random
import re
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable

HANG_S = 100
REQUEST = b"GET /hello.txt HTTP/1.1\r\nHost: t\r\n\r\n"
CLOSE = b"GET /hello.txt HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
SYN, RST, ACK = 2, 4, 16
PORTS_AGAIN, FIRST_PORT_AGAIN = 200, 20000  # below those that the host gives


def connect(address: str) -> socket.socket:
    """A connection to port 80."""
    return socket.create_connection((address, 80), HANG_S)


def receive(connection: socket.socket) -> None:
    """Takes one answer, which must be whole and right."""
    said = b""
    while b"\r\n\r\n" not in said or len(said.split(b"\r\n\r\n", 1)[1]) < length(said):
        part = connection.recv(65536)
        assert part, f"the connection ended behind {said!r}"
        said += part
    assert said.startswith(b"HTTP/1.1 200 "), said


def length(said: bytes) -> int:
    """What the answer says of its body."""
    for line in said.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":")[1])
    raise AssertionError(f"no length in {said!r}")


def ask(address: str, path: str) -> str:
    """One request on a connection of its own. Returns: the body of the answer."""
    with connect(address) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode())
        said = b""
        while part := connection.recv(65536):
            said += part
    assert said.startswith(b"HTTP/1.1 200 "), said
    return said.split(b"\r\n\r\n", 1)[1].decode()


def metrics(address: str) -> dict[str, int]:
    """The machine's figures, summed over its cores."""
    sums: dict[str, int] = {}
    for line in ask(address, "/metrics").splitlines():
        name, _, value = line.rpartition(" ")
        if not line.startswith("#") and value.isdigit():
            name = name.partition("{")[0]
            sums[name] = sums.get(name, 0) + int(value)
    return sums


def used_bytes(address: str) -> int:
    """Memory of the heap in use, on all cores."""
    return metrics(address)["toril_heap_used_bytes"]


def wait_until(address: str, condition: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    """Waits for figures that fulfil the condition. Returns: them."""
    end_s = time.monotonic() + HANG_S
    while not condition(now := metrics(address)):
        assert time.monotonic() < end_s, f"it never came to be: {now}"
        time.sleep(0.1)
    return now


def as_few_as(before: dict[str, int]) -> Callable[[dict[str, int]], bool]:
    """That there are not more connections than there were."""
    return lambda now: all(now[name] <= before[name] for name in
                           ("toril_http_connections", "toril_tcp_connections"))


def many(address: str, count: int) -> None:
    """Connections that stay open: all answer, memory is measured, all answer again."""
    before = metrics(address)
    began_s = time.monotonic()
    connections = []
    for _ in range(count):
        connections.append(connect(address))
        connections[-1].sendall(REQUEST)
        receive(connections[-1])
    opened_s = time.monotonic()
    open_now = metrics(address)
    assert open_now["toril_http_connections"] >= count, open_now
    for connection in connections:
        connection.sendall(REQUEST)
    for connection in connections:
        receive(connection)
    again_s = time.monotonic()
    for connection in connections:
        connection.close()
    after = wait_until(address, as_few_as(before))
    each = (open_now["toril_heap_used_bytes"] - before["toril_heap_used_bytes"]) / count
    left = after["toril_heap_used_bytes"] - before["toril_heap_used_bytes"]
    print(f"connections {count}, bytes each {each:.0f}, left {left}, "
          f"seconds {opened_s - began_s:.1f} and {again_s - opened_s:.1f}")


def churn(address: str, count: int) -> None:
    """Connections of one request each, which the server ends: they stay in its TIME-WAIT. Then some
    come again, from ports of this side that it still remembers."""
    before = used_bytes(address)
    said = subprocess.run(["ab", "-q", "-n", str(count), "-c", "50", f"http://{address}/hello.txt"],
                          stdout=subprocess.PIPE, check=True, text=True).stdout
    assert re.search(rf"Complete requests: +{count}\n(.*\n)*Failed requests: +0\n", said), said
    most = metrics(address)
    began_s = time.monotonic()
    for at in range(6 * PORTS_AGAIN):
        with socket.create_connection((address, 80), HANG_S,
                                      ("", FIRST_PORT_AGAIN + at % PORTS_AGAIN)) as connection:
            connection.sendall(CLOSE)
            receive(connection)
            assert connection.recv(1) == b""
    again_s = time.monotonic() - began_s
    after = wait_until(address, lambda now: now["toril_tcp_time_wait"] <= 100)
    print(f"connections {count}, in TIME-WAIT {most['toril_tcp_time_wait']}, bytes "
          f"{most['toril_heap_used_bytes'] - before}, left {after['toril_heap_used_bytes'] - before}, "
          f"again {6 * PORTS_AGAIN} in {again_s:.1f} s")


# ---- segments by hand ---------------------------------------------------------------------------


def checksum(data: bytes) -> int:
    """The Internet's, of an even number of bytes."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return 0xffff - (total & 0xffff) - (total >> 16)


def segment(source: bytes, target: bytes, port: int, flags: int, sequence: int = 0,
            acknowledged: int = 0, data: bytes = b"") -> bytes:
    """An IPv4 packet with a TCP segment to port 80."""
    tcp = struct.pack(">HHIIBBHHH", port, 80, sequence, acknowledged, 5 << 4, flags, 64240, 0, 0)
    tcp += data
    summed = source + target + struct.pack(">HH", 6, len(tcp)) + tcp + bytes(len(tcp) % 2)
    tcp = tcp[:16] + struct.pack(">H", checksum(summed)) + tcp[18:]
    ip = struct.pack(">BBHIBBH", 0x45, 0, 20 + len(tcp), 0x4000, 64, 6, 0) + source + target
    return ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:] + tcp


def open_link(address: str) -> tuple[socket.socket, bytes]:
    """A socket for whole frames. Returns: it, and the addresses that such a frame begins with."""
    connect(address).close()  # the server's hardware address is known now
    with open("/proc/net/arp") as table:
        row = next(line.split() for line in table if line.startswith(address + " "))
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    link.bind((row[5], 0))
    return link, bytes.fromhex(row[3].replace(":", "")) + link.getsockname()[4]


def send(link: socket.socket, frame: bytes) -> None:
    """Sends one frame; one that finds no room is lost, as on a wire."""
    try:
        link.send(frame)
    except OSError:
        pass


def flood(address: str, end_s: float, a_second: int) -> None:
    """First segments of connections, from clients that do not exist."""
    link, ethernet = open_link(address)
    target = socket.inet_aton(address)
    began_s = time.monotonic()
    sent = 0
    while (now_s := time.monotonic()) < end_s:
        if sent > (now_s - began_s) * a_second:
            time.sleep(0.001)
            continue
        source = bytes((random.randrange(20, 100), *random.randbytes(3)))
        send(link, ethernet + b"\x08\0" + segment(
            source, target, random.randrange(1024, 65536), SYN, random.getrandbits(32)))
        sent += 1
    print(f"flood: {sent} in {time.monotonic() - began_s:.1f} s")


def syn(address: str, a_second: int) -> None:
    """A flood of SYNs for 5 s, in which real clients come, too."""
    before = metrics(address)
    end_s = time.monotonic() + 5
    flooder = threading.Thread(target=flood, args=(address, end_s, a_second))
    flooder.start()
    waited_s = []
    time.sleep(1)  # so that there is no room already
    while (began_s := time.monotonic()) < end_s:
        ask(address, "/hello.txt")
        waited_s.append(time.monotonic() - began_s)
    flooder.join()
    after = metrics(address)
    waited_s.sort()
    print(f"served {len(waited_s)}, median {waited_s[len(waited_s) // 2] * 1000:.1f} ms, "
          f"longest {waited_s[-1] * 1000:.0f} ms, half open {after['toril_tcp_half_open']}, dropped "
          f"{after['toril_tcp_half_open_dropped_total'] - before['toril_tcp_half_open_dropped_total']}, "
          f"bytes {after['toril_heap_used_bytes'] - before['toril_heap_used_bytes']}")


# ---- resets -------------------------------------------------------------------------------------


def reset(connection: socket.socket) -> None:
    """Ends a connection by RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def resets(address: str, count: int) -> None:
    """Connections that are reset at each stage of their life."""
    before = metrics(address)
    link, ethernet = open_link(address)
    target = socket.inet_aton(address)
    stages = (b"", REQUEST[:10], REQUEST, REQUEST * 50, CLOSE, b"GET /kv/ HTTP/1.1\r\n",
              b"PUT /kv/a HTTP/1.1\r\nHost: t\r\nContent-Length: 9999\r\n\r\nabc")
    for at in range(count):
        connection = connect(address)
        connection.sendall(stages[at % len(stages)])
        if at % 2:
            connection.recv(100) if stages[at % len(stages)].endswith(b"\r\n\r\n") else None
        if at % 3 == 0:
            connection.shutdown(socket.SHUT_WR)
        reset(connection)
        # One that is half open, reset by its number, by a wrong one, and by an acknowledgement.
        port, number = random.randrange(1024, 30000), random.getrandbits(32)
        source = b"\x14\1\2\3"
        for flags, off in ((SYN, 0), (RST, random.choice((1, 1, 5000))), (ACK, 1), (RST, 1)):
            send(link, ethernet + b"\x08\0" + segment(
                source, target, port, flags, (number + off) % 2**32, random.getrandbits(32)))
    after = wait_until(address, as_few_as(before))
    print(f"connections {count}, "
          f"left {after['toril_heap_used_bytes'] - before['toril_heap_used_bytes']}")


# ---- too little memory --------------------------------------------------------------------------


def put(address: str, key: int, value: bytes) -> str:
    """Stores a value. Returns: the answer's status, or how the connection ended."""
    try:
        with socket.create_connection((address, 80), 5) as connection:
            connection.sendall(b"PUT /kv/%d HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n"
                               b"Connection: close\r\n\r\n" % (key, len(value)) + value)
            return connection.recv(12)[9:].decode() or "closed"
    except OSError as why:
        return type(why).__name__


def fill(address: str, count: int) -> None:
    """Values are stored until the machine has no memory. Then they go, and all is well."""
    put(address, 0, b"")  # the table of values is there now
    before = used_bytes(address)
    answers = [put(address, key, b"x" * 60000) for key in range(count)]
    for key in range(count):
        with connect(address) as connection:
            connection.sendall(b"DELETE /kv/%d HTTP/1.1\r\nHost: t\r\n"
                               b"Connection: close\r\n\r\n" % key)
            while connection.recv(1000):
                pass
    after = wait_until(address, lambda now: now["toril_tcp_time_wait"] <= 100)
    for _ in range(100):
        ask(address, "/hello.txt")
    stored = answers.count("201") + answers.count("204")
    others = set(answers) - {"200", "201", "204", "503"}
    assert not others, f"neither stored nor refused: {others}"
    print(f"stored {stored}, refused {count - stored}, "
          f"left {after['toril_heap_used_bytes'] - before}")


def main() -> None:
    """Does what it is told."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    {"many": many, "churn": churn, "syn": syn, "resets": resets, "fill": fill}[sys.argv[1]](
        sys.argv[2], int(sys.argv[3]))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""What clients in a machine ask, on this side of its tap device: DNS, NTP, HTTP and HTTPS.

Started with an address to serve at, and a certificate with its key; says `serving` when it does,
and then each HTTP request with the port that it came from.
"""

from __future__ import annotations

import socketserver
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = "".join(f"line {i} of the body\n" for i in range(50)).encode()
SECONDS_1900_1970 = 2208988800
YEARS_AHEAD_S = 10 * 365 * 86400  # of this host's clock, so that nobody else can have said it


class Dns(socketserver.BaseRequestHandler):
    """Knows server.test, alias.test and nothing else."""

    def handle(self) -> None:
        """Answers one question."""
        data, sock = self.request
        name = data[12:-4]
        known = name.lower() in (b"\6server\4test\0", b"\5alias\4test\0")
        is_a = data[-4:-2] == b"\0\1"
        answer = data[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1,
                                        known and is_a, 0, 0) + data[12:]
        if known and is_a:
            address = bytes(map(int, sys.argv[1].split(".")))
            answer += b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + address
        sock.sendto(answer, self.client_address)


class Ntp(socketserver.BaseRequestHandler):
    """Says a date ten years ahead."""

    def handle(self) -> None:
        """Answers one question."""
        data, sock = self.request
        now = time.time() + SECONDS_1900_1970 + YEARS_AHEAD_S
        stamp = struct.pack(">II", int(now) & 0xffffffff, int(now % 1 * 2**32))
        sock.sendto(b"\x24\x02\x00\xec" + bytes(8) + b"TEST" + bytes(8) + data[40:48] +
                    stamp + stamp, self.client_address)


class Http(BaseHTTPRequestHandler):
    """Answers in all the ways that there are to end a body."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answers by path."""
        resumed = " resumed" if getattr(self.connection, "session_reused", False) else ""
        sys.stdout.write(f"asked {self.path} from {self.client_address[1]}{resumed}\n")  # at once
        sys.stdout.flush()
        if self.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(0, len(BODY), 37):
                piece = BODY[at:at + 37]
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        elif self.path == "/until-close":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(BODY)
        elif self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"too little\n")
        elif self.path in ("/from/here", "/loop"):
            self.send_response(302)
            self.send_header("Location", "/loop" if self.path == "/loop" else
                             "//alias.test:8000/chunked")
            self.send_header("Content-Length", "9")
            self.end_headers()
            self.wfile.write(b"not here\n")
        else:
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"hello\n" if self.path == "/" else b"none!\n")
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def main() -> None:
    """Serves until it is ended."""
    address, certificate, key = sys.argv[1:]
    secure = ThreadingHTTPServer((address, 8443), Http)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    for server in (socketserver.ThreadingUDPServer((address, 53), Dns),
                   socketserver.ThreadingUDPServer((address, 123), Ntp),
                   ThreadingHTTPServer((address, 8000), Http), secure):
        threading.Thread(target=server.serve_forever).start()
    print("serving", flush=True)


if __name__ == "__main__":
    main()

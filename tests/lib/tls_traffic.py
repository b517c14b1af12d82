# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures of TLS connections: real handshakes (OpenSSL by way of ssl), at times that the caller chooses."""

from __future__ import annotations

import functools
import pathlib
import ssl
import struct
import subprocess

import tshark as tools
from carrier import LINKTYPE_RAW

CLIENT, SERVER = b"\x0a\x00\x00\x01", b"\x0a\x00\x00\x02"
MSS = 1460


@functools.lru_cache(maxsize=None)
def certificate(names: tuple[str, ...], common_name: str = "lab") -> pathlib.Path:
    """A self-signed certificate with these dNSNames, and its key, in one file."""
    path = tools.folder() / "server.pem"
    extension = ["-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)] if names else []
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
                    "-subj", f"/O=Issuer and subject/CN={common_name}", "-keyout", str(path), "-out", f"{path}.crt", *extension],
                   check=True, capture_output=True)
    with path.open("a", encoding="ascii") as file:
        file.write(pathlib.Path(f"{path}.crt").read_text(encoding="ascii"))
    return path


class Capture:
    """A pcap file in the making."""

    def __init__(self):
        self.frames: list[tuple[float, bytes]] = []
        self.connections = 0

    def write(self, name: str) -> pathlib.Path:
        path = tools.folder() / name
        with path.open("wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, LINKTYPE_RAW))
            for time, packet in sorted(self.frames, key=lambda frame: frame[0]):
                file.write(struct.pack("<IIII", 1_700_000_000 + int(time), round(time % 1 * 1e6) % 1_000_000, len(packet), len(packet)))
                file.write(packet)
        path.chmod(0o644)
        return path


class Connection:
    """A TLS connection from its handshake on. captured_from: frames before that time are left out."""

    def __init__(self, capture: Capture, time: float, server_name: str | None = None, *, names: tuple[str, ...] = (),
                 common_name: str = "lab", version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, alpn: tuple[str, ...] = ("http/1.1",),
                 port: int = 443, server: bytes = SERVER, captured_from: float = 0, segment: int = MSS, ciphers: str = "",
                 keylog: pathlib.Path | None = None):
        capture.connections += 1
        self.capture, self.captured_from, self.segment = capture, captured_from, segment
        self.ports, self.hosts, self.sent = (40000 + capture.connections, port), (CLIENT, server), [1000, 5000]
        asking, serving = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
        serving.load_cert_chain(certificate(names, common_name))
        for context in (asking, serving):
            context.minimum_version = context.maximum_version = version
            if alpn:
                context.set_alpn_protocols(list(alpn))
        if ciphers:
            asking.set_ciphers(ciphers)
        if keylog:
            asking.keylog_filename = str(keylog)
        self.wires = ssl.MemoryBIO(), ssl.MemoryBIO()           # to the server, to the client
        self.ends = (asking.wrap_bio(self.wires[1], self.wires[0], server_hostname=server_name),
                     serving.wrap_bio(self.wires[0], self.wires[1], server_side=True))
        self.handshake(time)

    def handshake(self, time: float) -> None:
        open_ends = {0, 1}
        while open_ends:
            for end in (0, 1):
                if end in open_ends:
                    try:
                        self.ends[end].do_handshake()
                        open_ends.discard(end)
                    except ssl.SSLWantReadError:
                        pass
                self.transfer(end, time)
                time += 0.001
        self.send(1, b"", time)

    def transfer(self, end: int, time: float) -> None:
        """What an end wrote goes over the wire, into the capture."""
        data = self.wires[end].read()
        for at in range(0, len(data), self.segment):
            self.frame(end, data[at:at + self.segment], time)
        self.wires[end].write(data)

    def frame(self, end: int, data: bytes, time: float) -> None:
        tcp = struct.pack(">HHIIBBHHH", self.ports[end], self.ports[1 - end], self.sent[end], self.sent[1 - end], 0x50, 0x18, 0xFFFF, 0,
                          0) + data
        header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, self.hosts[end], self.hosts[1 - end])
        self.sent[end] += len(data)
        if time >= self.captured_from:
            self.capture.frames.append((time, header + tcp))

    def send(self, end: int, data: bytes, time: float) -> None:
        """Application data: end 0 is the client."""
        if data:
            self.ends[end].write(data)
        self.transfer(end, time)
        try:
            self.ends[1 - end].read(1 << 20)
        except ssl.SSLWantReadError:
            pass

    def exchange(self, time: float, request: int = 600, response: int = 900, after: float = 0.05) -> None:
        self.send(0, bytes(request), time)
        self.send(1, bytes(response), time + after)

    def long_poll(self, time: float, lasts: float, request: int = 700, response: int = 300, pending: float = 0) -> float:
        """A NotificationWait; pending: seconds between keep-alives behind a head that is sent at once, 0 for neither."""
        self.send(0, bytes(request), time)
        if pending:
            self.send(1, bytes(400), time + 0.01)
            for number in range(1, int(lasts / pending) + 1):
                self.send(1, b"9\r\nPENDING\r\n\r\n", time + number * pending)
        self.send(1, bytes(response), time + lasts)
        return time + lasts

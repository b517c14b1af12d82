# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections of scene.py whose data go through TLS, with a file of keys for Wireshark."""

from __future__ import annotations

import pathlib
import ssl

import tls_traffic
import tshark
from scene import Packet, Tcp


class Tls:
    """Stands in for a connection from its handshake on, which takes some milliseconds from that time on."""

    def __init__(self, link: Tcp, time: float, keys: pathlib.Path):
        self.link = link
        asking, serving = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
        asking.keylog_filename = str(keys)
        serving.load_cert_chain(tls_traffic.certificate(("mail.x.test",)))
        for context in (asking, serving):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.wires = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ends = (asking.wrap_bio(self.wires[1], self.wires[0], server_hostname="mail.x.test"),
                     serving.wrap_bio(self.wires[0], self.wires[1], server_side=True))
        open_ends = {0, 1}
        while open_ends:
            for end in (0, 1):
                if end in open_ends:
                    try:
                        self.ends[end].do_handshake()
                        open_ends.discard(end)
                    except ssl.SSLWantReadError:
                        pass
                self.transfer(time, end)
                time += 0.0005

    def transfer(self, time: float, way: int) -> Packet | None:
        data = self.wires[way].read()
        self.wires[way].write(data)
        return self.link.send(time, way, data) if data else None

    def send(self, time: float, way: int, data: bytes) -> Packet | None:
        self.ends[way].write(data)
        found = self.transfer(time, way)
        try:
            self.ends[1 - way].read(1 << 20)
        except ssl.SSLWantReadError:
            pass
        return found

    def end(self, time: float, way: int, flags: int) -> Packet:
        return self.link.end(time, way, flags)


def new_keys() -> pathlib.Path:
    keys = tshark.folder() / "keys.log"
    keys.touch()
    keys.chmod(0o644)
    return keys

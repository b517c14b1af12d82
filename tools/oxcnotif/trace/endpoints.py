# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses and ports of connections, and what stands for those that a trace does not hold."""

from __future__ import annotations

import dataclasses
import ipaddress

from .model import Connection

# Blocks for documentation (RFC 5737): nobody takes them for addresses of the trace.
_UNKNOWN_CLIENTS = ipaddress.IPv4Network("198.51.100.0/24")
_UNKNOWN_SERVERS = ipaddress.IPv4Network("203.0.113.0/24")
_FIRST_PORT, _LAST_PORT = 49152, 65535

# Ports on which Wireshark expects HTTP.  What was decrypted cannot be written to port 443, where it expects TLS; other
# ports of HTTPS get one each, so that two services of one host stay two.
_HTTP_PORTS = (80, 8080, 8088, 3128, 3132, 5985, 11371, 2869, 2710)


@dataclasses.dataclass(frozen=True)
class Client:
    address: str
    port: int
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Server:
    address: tuple[str, int]
    notes: tuple[str, ...] = ()


def _parsed(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address((text or "").strip().strip("[]").split("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


class Endpoints:
    """Hands out endpoints: real ones, or the same substitute each time for the same name."""

    def __init__(self) -> None:
        self._servers: dict[str, str] = {}
        self._ports: dict[int, int] = {443: _HTTP_PORTS[0]}
        self._next_port = _FIRST_PORT

    def client(self, address: str | None, port: str | int | None) -> Client:
        """An endpoint by the address and port of a trace, either of which may be missing."""
        known = _parsed(address)
        notes = [] if known else ["The client's address is not in the trace"]
        number = int(port) if port and str(port).isdigit() and 0 < int(port) < 65536 else 0
        if not number:
            number = self._next_port
            self._next_port = number + 1 if number < _LAST_PORT else _FIRST_PORT
            notes.append("The client's port is not in the trace")
        return Client(str(known or _UNKNOWN_CLIENTS[1]), number, tuple(notes))

    def server(self, address: str | None, host: str, port: int, secure: bool) -> Server:
        """An endpoint by its address, if the trace has it, and by the host and port of the URL."""
        known = _parsed(address) or _parsed(host)
        notes = [f"Server {host}, port {port}"] if host else []
        if not known:
            count = len(self._servers) % (_UNKNOWN_SERVERS.num_addresses - 2)
            found = self._servers.setdefault(host.lower(), str(_UNKNOWN_SERVERS[count + 1]))
            notes.append("The server's address is not in the trace")
        else:
            found = str(known)
        if secure:
            written = self._ports.get(port)
            if written is None:
                used = len(self._ports)
                written = self._ports[port] = _HTTP_PORTS[used] if used < len(_HTTP_PORTS) else port
            notes.append(f"HTTPS that the proxy decrypted: written in the clear to port {written}")
            port = written
        return Server((found, port), tuple(notes))

    def connection(self, client: Client, server: Server, opened: int | None) -> Connection:
        """A connection between them; IPv4 on one side alone becomes IPv4-mapped IPv6 (RFC 4291 2.5.5.2)."""
        ends = [ipaddress.ip_address(client.address), ipaddress.ip_address(server.address[0])]
        if len({end.version for end in ends}) == 2:
            ends = [ipaddress.IPv6Address(f"::ffff:{end}") if end.version == 4 else end for end in ends]
        return Connection(
            (str(ends[0]), client.port),
            (str(ends[1]), server.address[1]),
            opened,
            notes=[*server.notes, *client.notes],
        )

# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces of decrypting proxies, made of captures: Fiddler archives, HAR and mitmproxy flows as their documentation
(and, for flows, mitmproxy itself) has them.  Nothing of the importer is used here."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import functools
import json
import pathlib
import zipfile

import tshark as tools


@dataclasses.dataclass
class Message:
    head: bytes
    body: bytes  # as on the wire, with chunks
    begun: float
    done: float
    whole: bool = True

    @property
    def start_line(self) -> str:
        return self.head.split(b"\r\n")[0].decode()

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [
            tuple(part.strip() for part in line.decode().split(":", 1))
            for line in self.head.split(b"\r\n")[1:]
            if line
        ]

    def content(self) -> bytes:
        """The body without its chunks."""
        if ("transfer-encoding", "chunked") not in [(n.lower(), v.lower()) for n, v in self.headers]:
            return self.body
        rest, found = self.body, b""
        while rest:
            line, rest = rest.split(b"\r\n", 1)
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            found, rest = found + rest[:size], rest[size + 2 :]
        return found


@dataclasses.dataclass
class Exchange:
    stream: int
    client: tuple[str, int]
    server: tuple[str, int]
    request: Message
    response: Message | None


class _Direction:
    def __init__(self) -> None:
        self.data = bytearray()
        self.times: list[tuple[int, float]] = []  # end of the bytes so far, time
        self.next: int | None = None

    def add(self, sequence: int, payload: bytes, when: float) -> None:
        if self.next is None:
            self.next = sequence
        if sequence < self.next:
            payload = payload[self.next - sequence :]
        if payload:
            self.data += payload
            self.next = max(self.next, sequence) + len(payload)
            self.times.append((len(self.data), when))

    def _time_of(self, at: int) -> float:
        return next(when for end, when in self.times if at < end)

    def messages(self) -> list[Message]:
        found, at = [], 0
        while (end := self.data.find(b"\r\n\r\n", at)) >= 0:
            head = bytes(self.data[at : end + 4])
            lower = head.lower()
            body = end + 4
            if b"transfer-encoding: chunked" in lower:
                stop = self.data.find(b"\r\n0\r\n\r\n", body - 2)
                finish = stop + 7 if stop >= 0 else len(self.data)
            elif b"content-length:" in lower:
                finish = body + int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
            else:
                finish = body
            whole = finish <= len(self.data) and not (b"transfer-encoding: chunked" in lower and stop < 0)
            finish = min(finish, len(self.data))
            found.append(
                Message(head, bytes(self.data[body:finish]), self._time_of(at), self._time_of(finish - 1), whole)
            )
            at = finish
        return found


@functools.lru_cache(maxsize=None)
def exchanges(capture: pathlib.Path) -> list[Exchange]:
    """All exchanges of a capture without loss, in the order of their requests."""
    names = [
        "tcp.stream",
        "frame.time_epoch",
        "tcp.srcport",
        "tcp.dstport",
        "ip.src",
        "ip.dst",
        "tcp.seq",
        "tcp.payload",
    ]
    directions: dict[tuple[int, int], _Direction] = {}
    ends: dict[int, tuple[tuple[str, int], tuple[str, int]]] = {}
    for row in tools.fields(capture, names, "tcp.len > 0", prefs={"tcp.desegment_tcp_streams": "TRUE"}):
        stream, source = int(row["tcp.stream"][0]), int(row["tcp.srcport"][0])
        ends.setdefault(stream, ((row["ip.src"][0], source), (row["ip.dst"][0], int(row["tcp.dstport"][0]))))
        payload = bytes.fromhex(row["tcp.payload"][0].replace(":", ""))
        directions.setdefault((stream, source), _Direction()).add(
            int(row["tcp.seq"][0]), payload, float(row["frame.time_epoch"][0])
        )
    found = []
    for stream, (client, server) in ends.items():
        requests = directions[stream, client[1]].messages()
        responses = directions[stream, server[1]].messages() if (stream, server[1]) in directions else []
        for number, request in enumerate(requests):
            found.append(
                Exchange(stream, client, server, request, responses[number] if number < len(responses) else None)
            )
    return sorted(found, key=lambda exchange: exchange.request.begun)


def _iso(seconds: float, hours: int = 2) -> str:
    zone = datetime.timezone(datetime.timedelta(hours=hours))
    moment = datetime.datetime.fromtimestamp(int(seconds), zone)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(seconds % 1 * 10_000_000):07d}{hours:+03d}:00"


def write_saz(found: list[Exchange], path: pathlib.Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            '<?xml version="1.0" encoding="utf-8" ?>\r\n<Types xmlns='
            '"http://schemas.openxmlformats.org/package/2006/content-types"></Types>',
        )
        archive.writestr(
            "raw/001_c.txt",
            "CONNECT mail.example.com:443 HTTP/1.1\r\nHost: mail.example.com:443\r\n\r\n"
            "A SSLv3-compatible ClientHello handshake was found.",
        )
        archive.writestr("raw/001_s.txt", "HTTP/1.1 200 Connection Established\r\n\r\nThis is a CONNECT tunnel.")
        archive.writestr(
            "raw/001_m.xml", '<?xml version="1.0" encoding="utf-8"?>\r\n<Session SID="1" BitFlags="1000"/>'
        )
        for number, exchange in enumerate(found, 2):
            method, target, version = exchange.request.start_line.split(" ")
            rest = exchange.request.head.split(b"\r\n", 1)[1]
            archive.writestr(
                f"raw/{number:03d}_c.txt",
                f"{method} https://mail.example.com{target} {version}\r\n".encode() + rest + exchange.request.body,
            )
            answer = exchange.response
            archive.writestr(f"raw/{number:03d}_s.txt", answer.head + answer.body if answer else b"")
            times = {
                "ClientConnected": exchange.request.begun - 0.0001,
                "ClientBeginRequest": exchange.request.begun,
                "ClientDoneRequest": exchange.request.done,
            }
            if answer:
                times |= {"ServerBeginResponse": answer.begun, "ServerDoneResponse": answer.done}
            timers = " ".join(f'{name}="{_iso(when)}"' for name, when in times.items() if name != "ClientConnected")
            archive.writestr(
                f"raw/{number:03d}_m.xml",
                f'<?xml version="1.0" encoding="utf-8"?>\r\n<Session SID="{number}" '
                f'BitFlags="1">\r\n<SessionTimers {timers} ClientDoneResponse="0001-01-01T00:00:00" />\r\n'
                '<SessionFlags>\r\n'
                f'<SessionFlag N="x-clientip" V="::ffff:{exchange.client[0]}" />\r\n'
                f'<SessionFlag N="x-clientport" V="{exchange.client[1]}" />\r\n'
                f'<SessionFlag N="x-hostip" V="{exchange.server[0]}" />\r\n</SessionFlags>\r\n</Session>',
            )


def write_har(found: list[Exchange], path: pathlib.Path) -> None:
    entries = []
    for exchange in found:
        method, target, version = exchange.request.start_line.split(" ")
        start = round(exchange.request.begun, 3)
        entry = {
            "startedDateTime": _iso(start)[:23] + _iso(start)[-6:],
            "time": 0.0,
            "connection": str(exchange.stream),
            "serverIPAddress": exchange.server[0],
            "request": {
                "method": method,
                "url": f"https://mail.example.com{target}",
                "httpVersion": version,
                "headers": [{"name": n, "value": v} for n, v in exchange.request.headers],
                "postData": {
                    "mimeType": "application/mapi-http",
                    "text": exchange.request.content().decode("latin-1"),
                },
            },
            "response": {"status": 0, "statusText": "", "headers": [], "content": {"size": 0}},
            "timings": {"send": 0, "wait": 0, "receive": 0},
        }
        if exchange.response and exchange.response.whole:
            code = exchange.response.start_line.split(" ", 2)
            wait = round((exchange.response.begun - exchange.request.begun) * 1000)
            entry["time"] = round((exchange.response.done - exchange.request.begun) * 1000)
            entry["timings"] = {"blocked": -1, "send": 0, "wait": wait, "receive": max(0, entry["time"] - wait)}
            entry["response"] = {
                "status": int(code[1]),
                "statusText": code[2] if len(code) > 2 else "",
                "httpVersion": "HTTP/1.1",
                "headers": [{"name": n, "value": v} for n, v in exchange.response.headers],
                "content": {
                    "size": len(exchange.response.content()),
                    "encoding": "base64",
                    "mimeType": "application/mapi-http",
                    "text": base64.b64encode(exchange.response.content()).decode(),
                },
            }
        entries.append(entry)
    path.write_text(
        json.dumps({"log": {"version": "1.2", "creator": {"name": "t", "version": "1"}, "entries": entries}}),
        encoding="utf-8",
    )


def write_flows(found: list[Exchange], path: pathlib.Path) -> None:
    """Needs mitmproxy, which writes them itself."""
    from mitmproxy import connection, http, io

    clients: dict[int, connection.Client] = {}
    with path.open("wb") as stream:
        writer = io.FlowWriter(stream)
        for exchange in found:
            client = clients.setdefault(
                exchange.stream,
                connection.Client(exchange.client, ("127.0.0.1", 8080), exchange.request.begun - 0.001),
            )
            server = connection.Server(("mail.example.com", 443))
            server.peername = exchange.server
            flow = http.HTTPFlow(client, server)
            method, target, _ = exchange.request.start_line.split(" ")
            flow.request = http.Request(
                "mail.example.com",
                443,
                method.encode(),
                b"https",
                b"",
                target.encode(),
                b"HTTP/1.1",
                http.Headers([(n.encode(), v.encode()) for n, v in exchange.request.headers]),
                exchange.request.content(),
                None,
                exchange.request.begun,
                exchange.request.done,
            )
            if exchange.response and exchange.response.whole:
                code = exchange.response.start_line.split(" ", 2)
                flow.response = http.Response(
                    b"HTTP/1.1",
                    int(code[1]),
                    code[2].encode() if len(code) > 2 else b"",
                    http.Headers([(n.encode(), v.encode()) for n, v in exchange.response.headers]),
                    exchange.response.content(),
                    None,
                    exchange.response.begun,
                    exchange.response.done,
                )
            writer.add(flow)

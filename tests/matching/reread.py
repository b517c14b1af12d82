# SPDX-License-Identifier: GPL-2.0-or-later
"""Read a generated capture again, from its bytes alone, and work out who woke whom.

This is a second opinion about the generator, which says itself what it sent: its own TCP, HTTP, DCE/RPC, NDR and ROP
reading, keys taken from the packets only.  It reads what the generator writes, not everything there is: no packet
may be missing, and the stubs must be in the clear.
"""

from __future__ import annotations

import collections
import re
import struct
import uuid
from collections.abc import Iterator

HTTP_PORT, RPC_PORT = 80, 49712
INTERFACES = {uuid.UUID("a4f1db00-ca47-1067-b31f-00dd010662da").bytes_le: "emsmdb",
              uuid.UUID("5261574a-4572-206e-b268-6b199213b4e4").bytes_le: "asyncemsmdb"}
WINDOW = 60.0


def frames(path) -> Iterator[tuple[int, float, bytes]]:
    """(number, seconds, bytes) of each packet of a pcapng or pcap file."""
    data, at, number = path.read_bytes(), 0, 0
    if data[:4] == b"\xd4\xc3\xb2\xa1":
        at = 24
        while at < len(data):
            seconds, micro, size, _ = struct.unpack_from("<IIII", data, at)
            number += 1
            yield number, seconds + micro / 1e6, data[at + 16:at + 16 + size]
            at += 16 + size
        return
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length
        if kind == 6:
            _, high, low, size, whole = struct.unpack_from("<IIIII", data, at + 8)
            assert size == whole
            number += 1
            yield number, ((high << 32) | low) / 1e6, data[at + 28:at + 28 + size]
        at += length


class Stream:
    """One direction of a TCP connection."""

    def __init__(self):
        self.next = None
        self.data = bytearray()


class Connection:
    """Both directions, and what is outstanding."""

    def __init__(self):
        self.streams = {}
        self.requests = collections.deque()     # HTTP, in order
        self.interfaces = {}                    # presentation context -> interface
        self.calls = {}                         # DCE/RPC call id -> what was asked
        self.parts = {}


def rop_responses(payload: bytes) -> tuple[int, int | None]:
    """How many RopNotify an output buffer holds, and the index of its RopPending; every byte must be understood."""
    size = struct.unpack_from("<H", payload)[0]
    at, notes, pending = 2, 0, None

    def text(at):
        while payload[at:at + 2] != b"\0\0":
            at += 2
        return at + 2

    def row(at, columns):
        assert payload[at] == 0
        at += 1
        for column in columns:
            at = text(at) if column == "s" else at + column
        return at

    while at < size:
        rop = payload[at]
        if rop == 0x2A:
            notes += 1
            flags = struct.unpack_from("<H", payload, at + 6)[0]
            at += 8
            kind, message = flags & 0x0FFF, flags & 0x8000
            if kind == 0x0100:
                event = struct.unpack_from("<H", payload, at)[0]
                at += 2
                if event in (3, 4, 5):
                    at += 20 if message else 8
                if event in (3, 5):
                    at += 20 if message else 8
                    length = struct.unpack_from("<H", payload, at)[0]
                    at += 2
                    assert row(at, (8, "s", 4)) == at + length
                    at += length
                continue
            at += 16 if message else 8
            if kind in (0x20, 0x40):
                at += 16
            if kind in (0x04, 0x10):
                assert payload[at:at + 2] == b"\0\0"
                at += 2
            at += 4 * bool(flags & 0x1000) + 4 * bool(flags & 0x2000)
            if kind == 0x02:
                wide = payload[at + 4]
                at = text(at + 5) if wide else payload.index(b"\0", at + 5) + 1
        elif rop == 0x6E:
            pending = struct.unpack_from("<H", payload, at + 1)[0]
            at += 3
            assert at == size
        else:
            assert struct.unpack_from("<I", payload, at + 2)[0] == 0, hex(rop)
            at += 6
            if rop == 0x15:
                count = struct.unpack_from("<H", payload, at + 1)[0]
                at += 3
                for _ in range(count):
                    at = row(at, (8, "s", 4))
            else:
                at += {0xFE: 1 + 104 + 1 + 16 + 2 + 16 + 8 + 8 + 4, 0x02: 2, 0x04: 4, 0x05: 4, 0x12: 1, 0x29: 0}[rop]
    assert at == size and (len(payload) - size) % 4 == 0
    return notes, pending


def is_bare(payload: bytes) -> bool:
    """Does a ROP input buffer have no ROP, or RopRelease (3 bytes) only?"""
    rops = payload[2:struct.unpack_from("<H", payload)[0]]
    return len(rops) % 3 == 0 and all(rops[at] == 1 for at in range(0, len(rops), 3))


def extended(buffer: bytes) -> bytes:
    """The payload of the one extended buffer that this is."""
    version, flags, size, actual = struct.unpack_from("<HHHH", buffer)
    assert version == 0 and flags & 4 and not flags & 1 and size == actual == len(buffer) - 8
    return bytes(byte ^ 0xA5 for byte in buffer[8:]) if flags & 2 else buffer[8:]


class Ndr:
    """Reads a stub."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def u32(self):
        self.at += -self.at % 4
        self.at += 4
        return struct.unpack_from("<I", self.data, self.at - 4)[0]

    def u16(self):
        self.at += -self.at % 2
        self.at += 2
        return struct.unpack_from("<H", self.data, self.at - 2)[0]

    def raw(self, size):
        self.at += size
        assert self.at <= len(self.data)
        return bytes(self.data[self.at - size:self.at])

    def handle(self):
        return self.raw(20)

    def conformant(self):
        return self.raw(self.u32())

    def varying(self):
        maximum, offset, actual = self.u32(), self.u32(), self.u32()
        assert offset == 0 and actual <= maximum
        return self.raw(actual)

    def end(self):
        assert self.at == len(self.data)


class Reader:
    """Everything that a capture says about waking and fetching."""

    def __init__(self, path):
        self.connections = {}
        self.cxh_of = {}            # ACXH -> CXH
        self.by_index = {}          # (server, session index) -> CXH
        self.pushed = {}            # (address, port, rgbContext) -> CXH
        self.open = {}              # session -> the wake-up that waits for its fetch
        self.wakeups = []
        self.fetches = []
        for self.number, self.time, frame in frames(path):
            self._frame(frame)
        self._choose()

    # -- below the calls

    def _frame(self, frame):
        if frame[12:14] == b"\x08\x00":
            length = struct.unpack_from(">H", frame, 16)[0]
            protocol, source, target, payload = frame[23], frame[26:30], frame[30:34], frame[34:14 + length]
        else:
            length = struct.unpack_from(">H", frame, 18)[0]
            protocol, source, target, payload = frame[20], frame[22:38], frame[38:54], frame[54:54 + length]
        ports = struct.unpack_from(">HH", payload)
        if protocol == 17:
            self._datagram(target, ports[1], payload[8:])
            return
        sequence, _, offset, flags = struct.unpack_from(">IIBB", payload, 4)
        data = payload[(offset >> 4) * 4:]
        to_server = ports[1] in (HTTP_PORT, RPC_PORT)
        key = (source, ports[0], target, ports[1]) if to_server else (target, ports[1], source, ports[0])
        if flags & 2:
            connection = self.connections.setdefault(key, Connection())
            connection.streams[to_server] = Stream()
            connection.streams[to_server].next = sequence + 1 & 0xFFFFFFFF
            return
        connection = self.connections[key]
        stream = connection.streams[to_server]
        assert sequence == stream.next, (self.number, "a segment is missing")
        stream.next = sequence + len(data) + (flags & 1) & 0xFFFFFFFF
        stream.data += data
        if data:
            read = self._http if key[3] == HTTP_PORT else self._rpc
            while read(connection, to_server, key):
                pass
        if flags & 5:
            self._ended(connection)

    def _ended(self, connection):
        for asked in [*connection.requests, *connection.calls.values()]:
            if asked["kind"] in ("NotificationWait", "wait"):
                self._wakeup(asked["session"], 3 if asked["kind"] == "NotificationWait" else 2, 4)
        connection.requests.clear()
        connection.calls.clear()

    def _datagram(self, address, port, payload):
        self._wakeup(self.pushed[address, port, payload], 1, 1)

    # -- MAPI/HTTP

    def _http(self, connection, to_server, key):
        data = connection.streams[to_server].data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return False
        lines = data[:end].decode("ascii").split("\r\n")
        headers = collections.defaultdict(list)
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            headers[name.lower()].append(value)
        at = end + 4
        if "content-length" in headers:
            size = int(headers["content-length"][0])
            if len(data) < at + size:
                return False
            body, at = bytes(data[at:at + size]), at + size
        else:
            body = b""
            while True:
                line = data.find(b"\r\n", at)
                if line < 0:
                    return False
                size = int(data[at:line], 16)
                if len(data) < line + 4 + size:
                    return False
                body += data[line + 2:line + 2 + size]
                at = line + 4 + size
                if size == 0:
                    break
        del data[:at]
        if to_server:
            cookie = re.search(r"(?:MapiContext|sid)=([^;]+)", headers["cookie"][0]) if headers["cookie"] else None
            asked = {"kind": headers["x-requesttype"][0], "id": headers["x-requestid"][0], "frame": self.number,
                     "session": cookie.group(1) if cookie else None}
            connection.requests.append(asked)
            if asked["kind"] == "Execute":
                size = struct.unpack_from("<I", body, 4)[0]
                assert len(body) == 8 + size + 8
                asked["bare"] = is_bare(extended(body[8:8 + size]))
                self._fetch(asked)
            return True
        asked = connection.requests.popleft()
        assert asked["id"] == headers["x-requestid"][0] and asked["kind"] == headers["x-requesttype"][0]
        if headers["x-responsecode"][0] != "0":
            assert asked["kind"] == "NotificationWait"
            self._wakeup(asked["session"], 3, 3)
            return True
        preamble, _, body = body.partition(b"\r\n\r\n")
        assert re.fullmatch(rb"PROCESSING\r\n(PENDING\r\n)*DONE\r\nX-ElapsedTime: \d+\r\nX-StartTime: [^\r]+", preamble)
        status, error = struct.unpack_from("<II", body)
        assert status == 0
        if asked["kind"] == "Execute":
            size = struct.unpack_from("<I", body, 12)[0]
            assert len(body) == 16 + size + 4
            self._fetched(asked, extended(body[16:16 + size]), lambda index: asked["session"])
        elif asked["kind"] == "NotificationWait":
            pending = struct.unpack_from("<I", body, 8)[0]
            assert len(body) == 16
            self._wakeup(asked["session"], 3, 3 if error else 1 if pending else 2)
        return True

    # -- DCE/RPC

    def _rpc(self, connection, to_server, key):
        data = connection.streams[to_server].data
        if len(data) < 16:
            return False
        kind, flags, length, auth, call = data[2], data[3], *struct.unpack_from("<HHI", data, 8)
        if len(data) < length:
            return False
        assert data[:2] == b"\5\0" and data[4:8] == b"\x10\0\0\0" and auth == 0
        pdu = bytes(data[:length])
        del data[:length]
        if kind in (11, 14):
            context, = struct.unpack_from("<H", pdu, 28)
            connection.interfaces[context] = INTERFACES[pdu[32:48]]
        elif kind in (0, 2):
            hint, context, opnum = struct.unpack_from("<IHH", pdu, 16)
            if flags & 1:
                connection.parts[to_server, call] = b""
                connection.parts[to_server, call, "hint"] = hint
            connection.parts[to_server, call] += pdu[24:]
            if flags & 2:
                stub = connection.parts.pop((to_server, call))
                assert connection.parts.pop((to_server, call, "hint")) == len(stub)
                if to_server:
                    self._request(connection, call, connection.interfaces[context], opnum, Ndr(stub), key)
                else:
                    self._response(connection.calls.pop(call), Ndr(stub), key)
        return True

    def _request(self, connection, call, interface, opnum, stub, key):
        kind = {("emsmdb", 10): "connect", ("emsmdb", 1): "disconnect", ("emsmdb", 11): "fetch", ("emsmdb", 2): "old fetch",
                ("emsmdb", 4): "push", ("emsmdb", 14): "async", ("asyncemsmdb", 0): "wait"}[interface, opnum]
        asked = connection.calls[call] = {"kind": kind, "frame": self.number, "session": None}
        if kind == "connect":
            return
        asked["session"] = stub.handle()
        if kind == "wait":
            asked["session"] = self.cxh_of[asked["session"]]
            assert stub.u32() == 0
        elif kind == "fetch":
            stub.u32()
            data = stub.conformant()
            assert stub.u32() == len(data) and 8 <= stub.u32() <= 0x8007
            assert (stub.conformant(), stub.u32(), stub.u32()) == (b"", 0, 0x1008)
            asked["bare"] = is_bare(extended(data))
            self._fetch(asked)
        elif kind == "old fetch":
            data = stub.varying()
            assert stub.u16() == len(data) and stub.u16() <= 0x7FFF
            asked["bare"] = is_bare(bytes(byte ^ 0xA5 for byte in data))
            self._fetch(asked)
        elif kind == "push":
            stub.u32()
            payload = stub.conformant()
            assert stub.u16() == len(payload) and stub.u32() == 0xFFFFFFFF
            address = stub.conformant()
            assert stub.u16() == len(address)
            family, = struct.unpack_from("<H", address)
            port, = struct.unpack_from(">H", address, 2)
            host = address[4:8] if family == 2 else address[8:24]
            assert (family, len(address)) in ((2, 16), (23, 28))
            self.pushed[host, port, payload] = asked["session"]
        stub.end()

    def _response(self, asked, stub, key):
        kind = asked["kind"]
        if kind == "wait":
            pending = stub.u32()
            error = stub.u32()
            self._wakeup(asked["session"], 2, 3 if error else 1 if pending & 1 else 2)
            stub.end()
            return
        handle = stub.handle()
        if kind == "connect":
            assert (stub.u32(), stub.u32(), stub.u32()) == (60000, 6, 10000)
            self.by_index[key[2], stub.u16()] = handle
            return
        if kind == "async":
            self.cxh_of[handle] = asked["session"]
        elif kind == "fetch":
            stub.u32()
            data = stub.varying()
            assert stub.u32() == len(data) and stub.varying() == b"" and stub.u32() == 0
            stub.u32()
            self._fetched(asked, extended(data), lambda index: self.by_index[key[2], index])
        elif kind == "old fetch":
            data = stub.varying()
            assert stub.u16() == len(data)
            self._fetched(asked, bytes(byte ^ 0xA5 for byte in data), lambda index: self.by_index[key[2], index])
        elif kind == "push":
            stub.u32()
        assert handle == asked["session"] or kind in ("async", "disconnect")
        assert stub.u32() == 0
        stub.end()

    # -- the rule

    def _wakeup(self, session, method, outcome):
        wakeup = {"frame": self.number, "time": self.time, "method": method, "outcome": outcome, "session": session,
                  "followup": None, "superseded_by": None, "calls": []}
        self.wakeups.append(wakeup)
        if outcome != 1:
            return
        earlier, self.open[session] = self.open.get(session), wakeup
        if earlier is not None and self.time - earlier["time"] <= WINDOW:
            earlier["superseded_by"] = self.number

    def _fetch(self, asked):
        asked["wakeup"] = None
        wakeup = self.open.get(asked["session"])
        if wakeup is not None and self.time - wakeup["time"] <= WINDOW:
            wakeup["calls"].append(asked)

    def _choose(self):
        """The follow-up of each wake-up: the first call that brought notifications, else the first without ROPs of its
        own, else the first."""
        fetches = {fetch["request"]: fetch for fetch in self.fetches}
        for wakeup in self.wakeups:
            calls = wakeup.pop("calls")
            chosen = next((call for call in calls if fetches.get(call["frame"], {}).get("notifications")),
                          next((call for call in calls if call["bare"]), calls[0] if calls else None))
            if chosen is None:
                continue
            wakeup["followup"], wakeup["superseded_by"] = chosen["frame"], None
            if chosen["frame"] in fetches:
                fetches[chosen["frame"]]["wakeup"] = wakeup["frame"]

    def _fetched(self, asked, payload, session_of):
        notes, pending = rop_responses(payload)
        self.fetches.append({"request": asked["frame"], "response": self.number, "session": asked["session"],
                             "wakeup": asked["wakeup"], "notifications": notes, "pending": pending})
        if pending is not None:
            self._wakeup(session_of(pending), 4, 1)

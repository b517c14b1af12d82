# SPDX-License-Identifier: GPL-2.0-or-later
"""The same traffic captured or carried in another way: changes after which the plugin must tell the same story.

A packet keeps the number of the frame that it was (0: it is foreign), so that what is shown of a variant can be compared with
what is shown of the capture it was made of.
"""

from __future__ import annotations

import bisect
import dataclasses
import pathlib
import re
import struct
from collections.abc import Callable, Iterable

import link_layers

ETHERNET, RAW = 1, 101
MAC = bytes.fromhex("020000000002020000000001")
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
PROXY = bytes((10, 200, 0, 1))
BEFORE_WRAP = 700           # bytes of a direction before its sequence numbers begin at 0 again
MASK = 0xFFFFFFFF


@dataclasses.dataclass(frozen=True)
class Packet:
    time: int               # ns
    data: bytes             # Ethernet
    number: int


Packets = list[Packet]


def read(path: pathlib.Path) -> Packets:
    """A pcapng file of Ethernet, or a pcap file with microseconds, of Ethernet or raw IPv4."""
    if path.suffix == ".pcapng":
        return [Packet(time, data, number) for number, (time, data) in enumerate(link_layers.packets([path]), 1)]
    raw = path.read_bytes()
    magic, linktype, at = struct.unpack_from("<I", raw)[0], struct.unpack_from("<I", raw, 20)[0], 24
    assert magic == 0xA1B2C3D4 and linktype in (ETHERNET, RAW)
    found: Packets = []
    while at < len(raw):
        seconds, micro, size, _ = struct.unpack_from("<IIII", raw, at)
        data = raw[at + 16:at + 16 + size]
        found.append(Packet(seconds * 10**9 + micro * 1000, data if linktype == ETHERNET else MAC + b"\x08\0" + data, len(found) + 1))
        at += 16 + size
    return found


# --- TCP ----------------------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Segment:
    """What is in a packet of TCP over IPv4."""
    source: bytes
    target: bytes
    sport: int
    dport: int
    seq: int
    ack: int
    flags: int
    payload: bytes

    @property
    def way(self) -> tuple[bytes, int, bytes, int]:
        return self.source, self.sport, self.target, self.dport

    @property
    def back(self) -> tuple[bytes, int, bytes, int]:
        return self.target, self.dport, self.source, self.sport


def ip_end(data: bytes) -> int:
    return 14 + int.from_bytes(data[16:18], "big")


def protocol_of(data: bytes) -> int:
    return data[23] if data[12:14] == b"\x08\0" else 0


def segment_of(data: bytes) -> Segment | None:
    if protocol_of(data) != 6:
        return None
    sport, dport, seq, ack, offset, flags = struct.unpack_from(">HHIIBB", data, 34)
    return Segment(data[26:30], data[30:34], sport, dport, seq, ack, flags, data[34 + (offset >> 4) * 4:ip_end(data)])


def with_segment(data: bytes, one: Segment) -> bytes:
    """The packet with other addresses, ports, numbers and payload. Checksums are not kept up: nobody looks at them."""
    header = bytearray(data[:34 + (data[46] >> 4) * 4])
    header[16:18] = (len(header) - 14 + len(one.payload)).to_bytes(2, "big")
    header[26:34] = one.source + one.target
    struct.pack_into(">HHII", header, 34, one.sport, one.dport, one.seq & MASK, one.ack & MASK)
    header[47] = one.flags
    return bytes(header) + one.payload


def each_segment(packets: Packets, change: Callable[[Segment], Segment]) -> Packets:
    def changed(packet: Packet) -> Packet:
        one = segment_of(packet.data)
        return dataclasses.replace(packet, data=with_segment(packet.data, change(one))) if one else packet
    return [changed(packet) for packet in packets]


def each_payload(packets: Packets, change: Callable[[bytes], bytes]) -> Packets:
    """Other bytes in the payloads of TCP; what they are longer or shorter moves the numbers behind them."""
    ends: dict[tuple, list[int]] = {}
    moved: dict[tuple, list[int]] = {}
    for packet in packets:
        one = segment_of(packet.data)
        if one and one.payload and (more := len(change(one.payload)) - len(one.payload)):
            end = one.seq + len(one.payload)
            at = bisect.bisect_left(ends.setdefault(one.way, []), end)
            if at == len(ends[one.way]) or ends[one.way][at] != end:
                ends[one.way].insert(at, end)
                moved.setdefault(one.way, []).insert(at, more)

    def shift(way: tuple, number: int) -> int:
        return number + sum(moved[way][:bisect.bisect_right(ends[way], number)]) if way in ends else number
    return each_segment(packets, lambda one: dataclasses.replace(
        one, seq=shift(one.way, one.seq), ack=shift(one.back, one.ack), payload=change(one.payload)))


# --- changes that tell nothing ------------------------------------------------------

HEADER = re.compile(rb"(?<=\r\n)[A-Za-z][A-Za-z-]*(?=:)")
HEAD = re.compile(rb"^(?:POST|RPC_(?:IN|OUT)_DATA|GET) \S+ HTTP/1\.1\r\n|^HTTP/1\.1 \d+[^\r\n]*\r\n")
SET_COOKIE = re.compile(rb"(?<=\r\nSet-Cookie: )([^=\r\n]+=)([^;\r\n]*)")
COOKIES = re.compile(rb"(?<=\r\nCookie: )[^\r\n]*")
PAIR = re.compile(rb"([^=; ]+=)([^;]*)")
GUID = re.compile(rb"\{[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}")
OTHER_TEXT = bytes.maketrans(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
                             b"nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM3456789012")
OTHER_HEX = bytes.maketrans(b"0123456789abcdefABCDEF", b"56789abcdef01234ABCDEF"[:16] + b"BCDEFA")


def headers_in_lower_case(payload: bytes) -> bytes:
    if not HEAD.match(payload):
        return payload
    head, end, body = payload.partition(b"\r\n\r\n")
    return HEADER.sub(lambda name: name[0].lower(), head) + end + body


def more_headers(payload: bytes) -> bytes:
    start = HEAD.match(payload)
    if not start:
        return payload
    added = b"Via: 1.1 front\r\nX-Powered-By: ASP.NET\r\nX-FEServer: FRONT01\r\nrequest-id: 8f2a6d50-0000-4000-8000-0123456789ab\r\n"
    if not payload.startswith(b"HTTP/"):
        added = b"X-Forwarded-For: 203.0.113.9\r\nX-User-Identity: nobody@lab.example\r\nAccept-Language: de-DE\r\n"
    return start[0] + added + payload[start.end():]


def other_cookie_values(payload: bytes) -> bytes:
    def other(pair: re.Match[bytes]) -> bytes:
        return pair[1] + pair[2].translate(OTHER_TEXT)
    return COOKIES.sub(lambda line: PAIR.sub(other, line[0]), SET_COOKIE.sub(other, payload))


def more_cookies(payload: bytes) -> bytes:
    return re.sub(rb"(?<=\r\n)Cookie: (?=\S)", b"Cookie: TS01ab=0188; ClientId=F00; ", payload) if HEAD.match(payload) else payload


def other_guids(payload: bytes) -> bytes:
    return GUID.sub(lambda guid: guid[0].translate(OTHER_HEX), payload)


def servers(packets: Packets) -> set[tuple[bytes, int]]:
    """Who was connected to; without SYN the lower port."""
    found = set()
    for packet in packets:
        one = segment_of(packet.data)
        if one:
            down = one.flags & (SYN | ACK) == SYN | ACK or (not one.flags & SYN and one.sport < one.dport)
            found.add((one.source, one.sport) if down else (one.target, one.dport))
    return found


def other_ports(packets: Packets, server_port: int | None = None) -> Packets:
    """Of the clients, and of HTTP servers where one is given."""
    known = servers(packets)

    def port(address: bytes, number: int) -> int:
        if (address, number) not in known:
            return number % 20000 + 31000
        return server_port if server_port and number == 80 else number
    return each_segment(packets, lambda one: dataclasses.replace(
        one, sport=port(one.source, one.sport), dport=port(one.target, one.dport)))


def other_addresses(packets: Packets, network: int) -> Packets:
    """10.x.y.z becomes 10.x+network.y.z, as sender and receiver of TCP and UDP, and where a client registers its address."""
    def moved(address: bytes) -> bytes:
        return bytes((address[0], (address[1] + network) & 255)) + address[2:]
    clients = {one.source for packet in packets if (one := segment_of(packet.data)) and one.flags & (SYN | ACK) == SYN}

    def changed(packet: Packet) -> Packet:
        one, data = segment_of(packet.data), packet.data
        if one:
            payload = one.payload
            for address in clients:
                payload = payload.replace(address, moved(address))
            data = with_segment(data, dataclasses.replace(one, source=moved(one.source), target=moved(one.target), payload=payload))
        elif protocol_of(data):
            data = data[:26] + moved(data[26:30]) + moved(data[30:34]) + data[34:]
        return dataclasses.replace(packet, data=data)
    return [changed(packet) for packet in packets]


def wrapping_numbers(packets: Packets) -> Packets:
    first: dict[tuple, int] = {}
    for packet in packets:
        one = segment_of(packet.data)
        if one:
            first[one.way] = min(first.get(one.way, one.seq), one.seq)

    def shift(way: tuple, number: int) -> int:
        return (number - first[way] - BEFORE_WRAP) & MASK if way in first else number
    return each_segment(packets, lambda one: dataclasses.replace(
        one, seq=shift(one.way, one.seq), ack=shift(one.back, one.ack) if one.flags & ACK else 0))


def other_times(packets: Packets) -> Packets:
    return [dataclasses.replace(packet, time=packet.time - 400_000_000 * 10**9 + 123) for packet in packets]


def halves(packets: Packets, swapped: bool = False) -> Packets:
    """Each segment with data in two, the second one first if they are swapped."""
    found: Packets = []
    begun: set[tuple] = set()
    for packet in packets:
        one = segment_of(packet.data)
        # Wireshark knows HTTP/2 by its preface only in one piece.
        if not one or len(one.payload) < 2 or one.flags & (SYN | FIN | RST) or one.payload.startswith(b"PRI "):
            found.append(packet)
            if one and one.flags & SYN:
                begun.add(one.way)
            continue
        at = len(one.payload) // 2
        both = ((one.payload[:at], one.seq), (one.payload[at:], one.seq + at))
        # Of a connection without SYN Wireshark takes the first number that it sees for the lowest.
        for part, seq in both[::-1] if swapped and one.way in begun else both:
            found.append(dataclasses.replace(packet, data=with_segment(packet.data, dataclasses.replace(one, payload=part, seq=seq))))
        begun.add(one.way)
    return found


def acknowledged_twice(packets: Packets) -> Packets:
    """Pure acknowledgements, each three times."""
    found: Packets = []
    for packet in packets:
        one = segment_of(packet.data)
        found.append(packet)
        if one and not one.payload and one.flags == ACK:
            found += [dataclasses.replace(packet, time=packet.time + more) for more in (20000, 40000)]
    return found


def mirrored(packets: Packets, after: int = 10_000, routed: bool = False) -> Packets:
    """Every packet twice, so many nanoseconds later, as two ports of a switch show it, or before and behind a router."""
    def copy(packet: Packet) -> Packet:
        data = bytearray(packet.data)
        if routed and data[12:14] == b"\x08\0":
            data[:12] = bytes.fromhex("02aa00000001" "02aa00000002")
            data[22] -= 1
        return Packet(packet.time + after, bytes(data), packet.number)
    return sorted([one for packet in packets for one in (packet, copy(packet))], key=lambda packet: packet.time)


def fast_retransmissions(packets: Packets) -> Packets:
    """Each segment with data again, behind duplicate acknowledgements that ask for it, as at the sender of what was lost."""
    found: Packets = []
    last: dict[tuple, Packet] = {}
    for packet in packets:
        one = segment_of(packet.data)
        found.append(packet)
        if not one:
            continue
        answer = last.get(one.back)
        if one.payload and answer and not one.flags & (SYN | FIN | RST):
            other = segment_of(answer.data)
            ask = dataclasses.replace(other, seq=one.ack, ack=one.seq, flags=ACK, payload=b"")
            found += [Packet(packet.time + 1000 * more, with_segment(answer.data, ask), 0) for more in range(1, 5)]
            found.append(dataclasses.replace(packet, time=packet.time + 6000))
        last[one.way] = packet
    return found


def with_foreign(packets: Packets) -> Packets:
    """What else goes by: ARP, DNS of the same hosts, and connections of a file server and of a web site of the same server."""
    hosts = [(one.source, one.target) for packet in packets if (one := segment_of(packet.data))]
    client, server = hosts[0]
    template = MAC + b"\x08\0" + struct.pack(">BBHHHBBH", 0x45, 0, 0, 1, 0x4000, 64, 6, 0) + bytes(8) + struct.pack(
        ">HHIIBBHHH", 0, 0, 0, 0, 0x50, 0, 64000, 0, 0)
    arp = b"\xff" * 6 + MAC[6:] + b"\x08\x06" + bytes.fromhex("0001080006040001") + MAC[6:] + client + bytes(6) + server
    query = bytes.fromhex("1234010000010000000000000466696c650474657374000001" "0001")
    dns = MAC + b"\x08\0" + struct.pack(">BBHHHBBH", 0x45, 0, 28 + len(query), 1, 0, 64, 17, 0) + client + server + \
        struct.pack(">HHHH", 53211, 53, 8 + len(query), 0) + query
    get = b"GET /owa/ HTTP/1.1\r\nHost: mail\r\n\r\n"
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello"
    found: Packets = []
    position = {445: [1, 1], 80: [1, 1]}
    for index, packet in enumerate(packets):
        found.append(packet)
        kind = index % 5
        if kind < 2:
            found.append(Packet(packet.time, (arp, dns)[kind], 0))
            continue
        port, down = (445, kind == 2) if kind < 4 else (80, (index // 5) % 2 == 1)
        payload = b"\xfeSMB" + bytes(60) if port == 445 else page if down else get
        seq, ack = position[port][::-1] if down else position[port]
        ends = (server, client, port, 61000 + port) if down else (client, server, 61000 + port, port)
        found.append(Packet(packet.time, with_segment(template, Segment(*ends, seq, ack, ACK | PSH, payload)), 0))
        position[port][down] += len(payload)
    return found


def legs(packets: Packets) -> Packets:
    """HTTP through a proxy of which both sides are in the capture: what the client sends is seen before the proxy first, what the
    server sends behind it."""
    known = servers(packets)
    found: Packets = []
    for packet in packets:
        one = segment_of(packet.data)
        if not one or not {one.sport, one.dport} & {80}:
            found.append(packet)
            continue
        down = (one.source, one.sport) in known
        front = dataclasses.replace(one, source=PROXY) if down else dataclasses.replace(one, target=PROXY)
        back = dataclasses.replace(one, target=PROXY) if down else dataclasses.replace(one, source=PROXY)
        first, second = (back, front) if down else (front, back)
        found += [Packet(packet.time, with_segment(packet.data, first), packet.number),
                  Packet(packet.time + 1000, with_segment(packet.data, second), packet.number)]
    return sorted(found, key=lambda packet: packet.time)


def joined(cases: Iterable[Packets]) -> Packets:
    """One capture after the other in one file, each with addresses of its own; numbers go on, too."""
    found: Packets = []
    for index, packets in enumerate(cases):
        shift = found[-1].time + 600 * 10**9 - packets[0].time if found else 0
        last = found[-1].number if found else 0
        found += [Packet(packet.time + shift, packet.data, packet.number + last) for packet in other_addresses(packets, index + 1)]
    return found


CHANGES: dict[str, Callable[[Packets], Packets]] = {
    "client-ports": other_ports,
    "port-8443": lambda packets: other_ports(packets, 8443),
    "port-8080": lambda packets: other_ports(packets, 8080),
    "addresses": lambda packets: other_addresses(packets, 100),
    "lower-case": lambda packets: each_payload(packets, headers_in_lower_case),
    "more-headers": lambda packets: each_payload(packets, more_headers),
    "cookie-values": lambda packets: each_payload(packets, other_cookie_values),
    "more-cookies": lambda packets: each_payload(packets, more_cookies),
    "guids": lambda packets: each_payload(packets, other_guids),
    "times": other_times,
    "wrap": wrapping_numbers,
    "halves": halves,
    "acks": acknowledged_twice,
    "mirrored": mirrored,
    "mirrored-twice": lambda packets: mirrored(mirrored(packets)),
    "routed": lambda packets: mirrored(packets, routed=True),
    "mirrored-late": lambda packets: mirrored(packets, 300_000),
    "mirrored-later": lambda packets: mirrored(packets, 5_000_000),
    "fast-retransmissions": fast_retransmissions,
    "foreign": with_foreign,
    "legs": legs,
}
LAYERS = ("ipv6", "vlan", "sll2", "bsd-loopback", "raw-ip")


# --- files --------------------------------------------------------------------------

def write(path: pathlib.Path, packets: Packets, layer: str = "ethernet") -> None:
    """A pcap file with nanoseconds."""
    linktype, change = link_layers.LAYERS[layer]
    link_layers.write(path, linktype, [(packet.time, change(packet.time, packet.data)) for packet in packets])
    path.chmod(0o644)


def block(kind: int, body: bytes) -> bytes:
    padded = body + b"\0" * (-len(body) % 4)
    size = struct.pack("<I", 12 + len(padded))
    return struct.pack("<I", kind) + size + padded + size


def write_pcapng(path: pathlib.Path, packets: Packets) -> None:
    """With microseconds, and the longest frame as the limit."""
    longest = max(len(packet.data) for packet in packets)
    out = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)), block(1, struct.pack("<HHI", ETHERNET, 0, longest))]
    for packet in packets:
        micro = packet.time // 1000
        out.append(block(6, struct.pack("<IIIII", 0, micro >> 32, micro & MASK, len(packet.data), len(packet.data)) + packet.data))
    path.write_bytes(b"".join(out))
    path.chmod(0o644)


# --- what is told -------------------------------------------------------------------

NOT_COMPARED = {"time", "client", "server", "proxied_answers", "proxy_added", "text", "explanation"}


def story(events: list[dict], numbers: list[int]) -> list[str]:
    """Events without times and addresses, in the numbers of the capture that the packets are of; a session is called by its first
    frame."""
    sessions: dict[int, int] = {}
    for event in events:
        if "session" in event:
            number = numbers[event["frame"] - 1]
            sessions[event["session"]] = min(sessions.get(event["session"], number), number)

    def value(name: str, one: object) -> object:
        if name == "session":
            return sessions[one]
        if isinstance(one, float):
            return round(one, 2)
        return numbers[one - 1] if isinstance(one, int) and (name == "frame" or name.endswith("_in")) else one
    told = [" ".join(f"{name}={value(name, one)}" for name, one in event.items() if name not in NOT_COMPARED)
            for event in events if event["event"] != "capture"]
    return sorted(told)

# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes a trace as a capture: a TCP connection for each of the trace's, at the trace's times."""

from __future__ import annotations

import heapq
import ipaddress
from collections.abc import Iterator
from typing import IO

import dpkt

from .model import Connection, Exchange, Message, Trace

_LINKTYPE_RAW = 101  # packets begin with their IP header: a trace has no other
_SEGMENT = 1440  # bytes of data of a full segment, over IPv6 too
_WINDOW_SCALE = dpkt.tcp.TCP_OPT_WSCALE
_MICROSECOND = 1000  # nanoseconds between packets of which nothing tells the time
_MAX_COMMENT = 4096

Packet = tuple[int, bytes, str]  # nanoseconds since the epoch, bytes, comment


class _Tcp:
    """The packets of one connection; each is later than the one before."""

    def __init__(self, connection: Connection, begun: int) -> None:
        self._ends = (connection.client, connection.server)
        self._sequence = [1000, 2000]
        self._identification = [1, 1]
        self._now = begun

    def packet(self, sender: int, flags: int, data: bytes = b"", at: int | None = None, comment: str = "") -> Packet:
        self._now = max(self._now + _MICROSECOND, at or 0)
        source, target = self._ends[sender], self._ends[1 - sender]
        options = bytes((_WINDOW_SCALE, 3, 7, dpkt.tcp.TCP_OPT_NOP)) if flags & dpkt.tcp.TH_SYN else b""
        segment = dpkt.tcp.TCP(
            sport=source[1],
            dport=target[1],
            seq=self._sequence[sender],
            ack=self._sequence[1 - sender] if flags & dpkt.tcp.TH_ACK else 0,
            flags=flags,
            win=65535,
            opts=options,
            data=data,
        )
        segment.off = (20 + len(options)) // 4
        self._sequence[sender] = (
            self._sequence[sender] + len(data) + bool(flags & (dpkt.tcp.TH_SYN | dpkt.tcp.TH_FIN))
        ) & 0xFFFFFFFF
        return self._now, self._packet(sender, source[0], target[0], segment), comment

    def _packet(self, sender: int, source: str, target: str, segment: dpkt.tcp.TCP) -> bytes:
        addresses = ipaddress.ip_address(source), ipaddress.ip_address(target)
        if addresses[0].version == 6:
            ip6 = dpkt.ip6.IP6(
                src=addresses[0].packed,
                dst=addresses[1].packed,
                nxt=dpkt.ip.IP_PROTO_TCP,
                hlim=64,
                data=segment,
                plen=len(segment),
            )
            ip6.extension_hdrs = {}
            return bytes(ip6)
        self._identification[sender] = (self._identification[sender] + 1) & 0xFFFF
        ip4 = dpkt.ip.IP(
            src=addresses[0].packed,
            dst=addresses[1].packed,
            p=dpkt.ip.IP_PROTO_TCP,
            ttl=64,
            id=self._identification[sender],
            data=segment,
        )
        ip4.len = len(ip4)
        return bytes(ip4)

    def open(self, comment: str) -> Iterator[Packet]:
        yield self.packet(0, dpkt.tcp.TH_SYN, comment=comment)
        yield self.packet(1, dpkt.tcp.TH_SYN | dpkt.tcp.TH_ACK)
        yield self.packet(0, dpkt.tcp.TH_ACK)

    def message(self, sender: int, message: Message, comment: str) -> Iterator[Packet]:
        """The head at the time the message began, the body at the time it was whole."""
        parts = [(message.begun, message.head), (message.done, message.body)]
        if message.begun is None or message.done is None or message.begun == message.done:
            parts = [(message.begun or message.done, message.head + message.body)]
        for at, data in parts:
            for start in range(0, len(data), _SEGMENT):
                yield self.packet(
                    sender, dpkt.tcp.TH_ACK | dpkt.tcp.TH_PUSH, data[start : start + _SEGMENT], at, comment
                )
                comment = ""
        yield self.packet(1 - sender, dpkt.tcp.TH_ACK)

    def close(self, sender: int, at: int | None, comment: str) -> Iterator[Packet]:
        yield self.packet(sender, dpkt.tcp.TH_FIN | dpkt.tcp.TH_ACK, at=at, comment=comment)
        yield self.packet(1 - sender, dpkt.tcp.TH_FIN | dpkt.tcp.TH_ACK)
        yield self.packet(sender, dpkt.tcp.TH_ACK)


def _is_chunked_wait(message: Message) -> bool:
    return b"\nPENDING\r" in message.body or b"PENDING\r\n" in message.body[:4096]


def _comment(exchange: Exchange, message: Message) -> str:
    notes = [exchange.name[:1].upper() + exchange.name[1:], *message.notes]
    if message.begun is None and message.done is None:
        notes.append("The trace does not tell the time")
    elif message.begun is None:
        notes.append("The trace does not tell when the message began")
    if message is exchange.response:
        if _is_chunked_wait(message):
            notes.append("The times of the PENDING chunks are not in the trace")
        if exchange.failure:
            notes.append(exchange.failure)
    elif exchange.response is None:
        notes.append(exchange.failure or "No response is in the trace")
    return ". ".join(notes)


def _start_of(connection: Connection, earliest: int) -> int:
    times = [connection.opened] + [
        at
        for exchange in connection.exchanges
        for at in (exchange.request.begun, exchange.request.done, exchange.response and exchange.response.done)
    ]
    return next((at for at in times if at), earliest)


def _packets(connection: Connection, begun: int) -> Iterator[Packet]:
    tcp = _Tcp(connection, begun - _MICROSECOND)
    notes = [
        "Made from a trace of HTTP messages: handshakes, acknowledgements and segments are not those of the wire",
        *connection.notes,
    ]
    yield from tcp.open(". ".join(notes))
    for exchange in connection.exchanges:
        yield from tcp.message(0, exchange.request, _comment(exchange, exchange.request))
        if exchange.response:
            yield from tcp.message(1, exchange.response, _comment(exchange, exchange.response))
        if exchange.server_closed:
            yield from tcp.close(1, exchange.server_closed, "The proxy reports that the server closed the connection")
            return
    if connection.closed:
        yield from tcp.close(0, connection.closed, "The trace tells when the connection ended, not by whom")


def write(trace: Trace, stream: IO[bytes]) -> int:
    """Writes all connections in the order of time; the number of packets."""
    earliest = min((_start_of(connection, 0) for connection in trace.connections), default=0)
    streams = [_packets(connection, _start_of(connection, earliest)) for connection in trace.connections]
    resolution = dpkt.pcapng.PcapngOptionLE(code=dpkt.pcapng.PCAPNG_OPT_IF_TSRESOL, data=b"\x09")
    end = dpkt.pcapng.PcapngOptionLE()
    interface = dpkt.pcapng.InterfaceDescriptionBlockLE(
        linktype=_LINKTYPE_RAW, snaplen=0x40000, opts=[resolution, end]
    )
    stream.write(bytes(dpkt.pcapng.SectionHeaderBlockLE()))
    stream.write(bytes(interface))
    count = 0
    for at, data, comment in heapq.merge(*streams, key=lambda packet: packet[0]):
        options = [end]
        if comment:
            text = comment if len(comment) <= _MAX_COMMENT else comment[:_MAX_COMMENT] + "…"
            options = [dpkt.pcapng.PcapngOptionLE(code=dpkt.pcapng.PCAPNG_OPT_COMMENT, text=text), end]
        block = dpkt.pcapng.EnhancedPacketBlockLE(
            ts_high=at >> 32, ts_low=at & 0xFFFFFFFF, pkt_data=data, opts=options
        )
        stream.write(bytes(block))
        count += 1
    return count

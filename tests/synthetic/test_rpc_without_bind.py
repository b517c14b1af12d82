# SPDX-License-Identifier: GPL-2.0-or-later
"""EcDoRpc (opnum 2) on connections whose bind was not captured: the stub identifies itself, other stubs do not."""

from __future__ import annotations

import random
import struct

import pytest

import carrier
import rpc_streams
import rpch_streams as pdus

FIELDS = ["emsmdb.opnum", "emsmdb.inferred", "asyncemsmdb.opnum", "rop.id", "oxcnotif.session"]
RELEASE = struct.pack("<HBBB", 5, 1, 0, 0) + struct.pack("<I", 0x1234)     # one RopRelease, one handle
EMPTY = struct.pack("<H", 2)


def obfuscated(rops: bytes) -> bytes:
    return bytes(byte ^ 0xA5 for byte in rops)


def array(rops: bytes, room: int) -> bytes:
    """rgb[size_is(room), length_is()] and its length, aligned (MS-OXCRPC 3.1.4, EcDoRpc; C706 14.3.3.4)."""
    data = struct.pack("<III", room, 0, len(rops)) + obfuscated(rops)
    return data + b"\xbf" * (len(data) % 2) + struct.pack("<H", len(rops))


def request(handle: bytes, rops: bytes, room: int = 0x8000) -> bytes:
    return handle + array(rops, room) + struct.pack("<H", room)


def response(handle: bytes, rops: bytes, room: int = 0x8000) -> bytes:
    return rpc_streams.pad(handle + array(rops, room)) + struct.pack("<I", 0)


def handle(number: int) -> bytes:
    return bytes(4) + number.to_bytes(16, "little")


def shown(tshark, path) -> dict[int, dict[str, list[str]]]:
    return {row["frame"]: row for row in tshark.fields(path, FIELDS)}


def test_ecdorpc_identifies_itself_on_any_port(tshark):
    capture = carrier.Capture()
    frames, sessions = [], []
    for port in (1026, 49152, 32123):
        stream = rpc_streams.Stream(capture, port=port, client_port=port + 77)
        for number in (1, 2):       # two sessions on one connection
            asked = stream.up(pdus.request(number, 2, request(handle(port * 10 + number), RELEASE)))
            answered = stream.down(pdus.response(number, response(handle(port * 10 + number), EMPTY)))
            frames += [asked, answered]
            sessions.append((asked, answered))
    rows = shown(tshark, capture.write("ecdorpc.pcap"))
    assert all(rows[frame]["emsmdb.opnum"] == ["2"] and rows[frame]["emsmdb.inferred"] for frame in frames)
    assert [rows[frame]["rop.id"] for frame, _ in sessions] == [["0x01"]] * len(sessions)
    assert len({rows[frame]["oxcnotif.session"][0] for frame, _ in sessions}) == len(sessions)


@pytest.mark.parametrize("port", [1153, 5000])
def test_client_port_of_another_protocol(tshark, port: int):
    """The owner of a port comes before all heuristics: C12.22, TAPA."""
    capture = carrier.Capture()
    stream = rpc_streams.Stream(capture, port=1026, client_port=port)
    frames = []
    for number in (1, 2, 3):
        frames.append(stream.up(pdus.request(number, 2, request(handle(port), RELEASE))))
        frames.append(stream.down(pdus.response(number, response(handle(port), EMPTY))))
    path = capture.write(f"owned-{port}.pcap")
    for two_pass in (False, True):
        rows = {row["frame"]: row for row in tshark.fields(path, FIELDS, two_pass=two_pass)}
        assert [rows[frame]["emsmdb.opnum"] for frame in frames] == [["2"]] * len(frames)


def test_response_alone_is_read_before_and_behind_known_calls(tshark):
    capture = carrier.Capture()
    stream = rpc_streams.Stream(capture, port=1026)
    notify = bytes.fromhex("2a" "73410000" "00" "1000" "0100000000000c38" "ffff")
    answers = [stream.down(pdus.response(7, response(handle(1), struct.pack("<H", 2 + len(notify)) + notify)))
               for _ in range(2)]
    rows = shown(tshark, capture.write("alone-ecdorpc.pcap"))
    assert all(rows[frame]["rop.id"] == ["0x2a"] for frame in answers)


@pytest.mark.parametrize("stub", [
    request(handle(1), RELEASE) + b"\0\0", request(handle(1), RELEASE)[:-2], request(bytes(20), RELEASE),
    handle(1) + struct.pack("<III", 4, 0, 9) + bytes(9) + b"\0" + struct.pack("<HH", 9, 4),
    request(handle(1), struct.pack("<H", 40)), request(handle(1), RELEASE[:-1]),
    handle(1) + struct.pack("<III", 0x8000, 1, 9) + obfuscated(RELEASE) + b"\0" + struct.pack("<HH", 9, 0x8000),
], ids=["longer", "shorter", "null handle", "more than there is room for", "RopSize too large", "half a handle", "offset"])
def test_near_misses_are_left_alone(tshark, stub: bytes):
    capture = carrier.Capture()
    frame = rpc_streams.Stream(capture, port=1026).up(pdus.request(1, 2, stub))
    assert not shown(tshark, capture.write("near-miss.pcap"))[frame].get("emsmdb.opnum")


def test_other_interfaces_are_left_alone(tshark):
    """Among them closes of LSA and SAMR: opnum 0 or 1 with a handle of 20 bytes, answered by a handle and a status."""
    capture = carrier.Capture()
    chance = random.Random(13)
    for port in range(1100, 1120):
        stream = rpc_streams.Stream(capture, port=port, client_port=port + 7000)
        for number in range(1, 40):
            known = handle(chance.getrandbits(64))
            stream.call(number, chance.choice([0, 1]), known, bytes(20) + struct.pack("<I", 0))
            stub = known + chance.randbytes(chance.choice([4, 8, 12, 16, 40, 100]))
            stream.call(number + 1000, chance.choice([0, 1, 2, 4, 11, 14]), stub, chance.randbytes(chance.choice([4, 8, 24, 60])))
    rows = shown(tshark, capture.write("foreign-dcerpc.pcap"))
    assert len(rows) > 3000
    assert not [frame for frame, row in rows.items() if row.get("emsmdb.opnum") or row.get("asyncemsmdb.opnum")]
